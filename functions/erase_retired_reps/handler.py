"""Erases the personal data of reps who retired long ago, once a day.

A rep stays as a number without a name: boards of past months, sums and milestones keep their values. Each run continues
where the previous one ended, and a repetition changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.aws.personal_data import erase_all
from cairn.clock import now
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.personal_data import RepItems
from cairn.leaderboard.rep_ids import RepIds
from cairn.leaderboard.reps import Reps
from cairn.leaderboard.retired import retired_by
from cairn.observability import logger
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces

RESERVE_SECONDS = 30.0
"""Reserved for the last rep, who may have years of daily values."""


class ErasureError(Exception):
    """Some retired reps were not erased; the next run retries them."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    milestones_table: str
    history_table: str
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

    @cached_property
    def stats(self) -> Stats:
        return Stats(dynamodb.table(self.settings.stats_table))

    @cached_property
    def boards(self) -> Boards:
        return Boards(dynamodb.table(self.settings.board_table), dynamodb.table(self.settings.leaderboard_table))

    @cached_property
    def rep_ids(self) -> RepIds:
        return RepIds(dynamodb.table(self.settings.leaderboard_table))

    @following_settings
    def items(self, workspace: Workspace) -> RepItems:
        settings, rules = self.settings, RuleSet.of(workspace)
        return RepItems(
            reps=Reps(stats=self.stats, boards=self.boards, rules=rules, clock=now),
            rules=rules.rules,
            stats=dynamodb.table(settings.stats_table),
            milestones=dynamodb.table(settings.milestones_table),
            history=dynamodb.table(settings.history_table),
            board=dynamodb.table(settings.board_table),
            leaderboard=dynamodb.table(settings.leaderboard_table),
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """How many reps were erased; ErasureError when one failed, after all others were tried."""
        until = now() - timedelta(days=dependencies.workspaces.current().retired_reps_kept_days)
        erased, failed = 0, list[str]()
        for subject in retired_by(until, dependencies.stats, dependencies.rep_ids):
            if context.get_remaining_time_in_millis() / 1000 < RESERVE_SECONDS:
                logger.warning("not all retired reps are erased; the next run continues", erased=erased)
                break
            try:
                items = erase_all(partial(dependencies.items.of, subject))
            except Exception:
                logger.exception("retired rep not erased", subject=str(subject))
                failed.append(str(subject))
            else:
                erased += 1
                logger.info("retired rep erased", subject=str(subject), items=items)
        if failed:
            raise ErasureError(f"{len(failed)} retired reps were not erased, the first is {failed[0]}")
        return {"erased": erased}

    return handler


handler = create(Dependencies())
