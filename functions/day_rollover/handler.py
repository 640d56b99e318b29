"""Each minute rolls over the users for whom something is due without an event; hourly sums up what all users did.

Both go on where they stopped: who was not reached stays due, and the count keeps how far it is. A run ends within its
minute, so that runs do not meet; if two do, conditional writes keep each from undoing what the other did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.usage.reading import anniversaries
from cairn.usage.rollover import Rollover
from cairn.usage.totals import Totals
from cairn.usage.users import Users
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces

RESERVE_SECONDS = 10.0
"""Reserved for the users, or the page of them, that are being worked on."""


class RolloverError(Exception):
    """Some users were not rolled over; they are tried again in a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    usage_table: str
    history_table: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def stats(self) -> Stats:
        return Stats(dynamodb.table(self.settings.stats_table), keep_unreadable=True)

    @following_settings
    def rollover(self, workspace: Workspace) -> Rollover:
        rules = RuleSet.of(workspace)
        return Rollover(
            stats=self.stats,
            users=Users(dynamodb.table(self.settings.usage_table)),
            rules_version=rules.version,
            anniversaries=anniversaries(rules.by_name),
            clock=now,
        )

    @cached_property
    def totals(self) -> Totals:
        history = dynamodb.table(self.settings.history_table)
        return Totals(dynamodb.table(self.settings.usage_table), now, stats=self.stats, history=history)


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """How many users were due; RolloverError when one failed, after all others were tried and counted."""

        def may_go_on() -> bool:
            return context.get_remaining_time_in_millis() / 1000 >= RESERVE_SECONDS

        rolled = dependencies.rollover.run(may_go_on)
        if rolled.due:
            metrics.add_metric("UsersRolledOver", MetricUnit.Count, rolled.changed)
            logger.info("users rolled over", due=rolled.due, changed=rolled.changed, failed=len(rolled.failed))
        if not rolled.finished:
            logger.warning("not all users who are due are rolled over; the next run goes on", done=rolled.due)
        if may_go_on() and dependencies.totals.is_due():
            complete = dependencies.totals.count(may_go_on)
            logger.info("usage of all users counted" if complete else "the count of all users' usage goes on next time")
        if rolled.failed:
            raise RolloverError(f"{len(rolled.failed)} users were not rolled over, the first is {rolled.failed[0]}")
        return {"due": rolled.due, "changed": rolled.changed}

    return handler


handler = create(Dependencies())
