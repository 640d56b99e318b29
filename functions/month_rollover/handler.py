"""Rolls the month over: each rep's last board is archived, and their month begins at zero.

The schedule ticks all the time, since a person may choose another time zone at any time. In a month's first hours each
tick looks at the board, later one an hour: it continues where the previous one ended, and does nothing when all reps
are rolled over. An update of a rep rolls that rep over first, so no sale waits for this function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.reps import Reps
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces
from cairn.zones import Zones

FIRST_HOURS = timedelta(hours=3)
"""For how long after a month's begin each of the schedule's ticks looks for reps who are not in it."""
TICK_MINUTES = 5
RESERVE_SECONDS = 10.0
"""Reserved for the last rep."""


class RolloverError(Exception):
    """Some reps are still in the previous month; the next tick retries them."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    leaderboard_table: str
    board_table: str
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

    @following_settings
    def reps(self, workspace: Workspace) -> Reps:
        settings = self.settings
        return Reps(
            stats=Stats(dynamodb.table(settings.stats_table)),
            boards=Boards(dynamodb.table(settings.board_table), dynamodb.table(settings.leaderboard_table)),
            rules=RuleSet.of(workspace),
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """How many reps were rolled over; RolloverError when one failed, after all others were tried."""
        if event.get("source") == "schedule" and not _is_due(dependencies.workspaces.current().zones, now()):
            return {"turned": 0}
        reps, rolled_over, failed = dependencies.reps, 0, list[str]()
        for subject in reps.not_rolled_over():
            if context.get_remaining_time_in_millis() / 1000 < RESERVE_SECONDS:
                logger.warning("month rollover is not finished; the next tick continues", rolled_over=rolled_over)
                break
            try:
                reps.roll_over(subject)
                rolled_over += 1
            except Exception:
                logger.exception("rep not rolled over", subject=str(subject))
                failed.append(str(subject))
        metrics.add_metric("RepsTurned", MetricUnit.Count, rolled_over)
        logger.info("month rolled over", rolled_over=rolled_over, failed=len(failed))
        if failed:
            raise RolloverError(f"{len(failed)} reps were not rolled over, the first is {failed[0]}")
        return {"turned": rolled_over}

    return handler


def _is_due(zones: Zones, present: datetime) -> bool:
    began_lately = zones.month(present - FIRST_HOURS) != zones.month(present)
    return began_lately or present.minute < TICK_MINUTES


handler = create(Dependencies())
