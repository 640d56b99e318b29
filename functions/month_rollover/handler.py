"""Rolls the month over: each rep's last board is archived, and their month begins at zero.

The schedule ticks several times in a month's first hours: each tick continues where the previous one ended, and does
nothing when all reps are rolled over. An update of a rep rolls that rep over first, so no sale waits for this function.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.reps import Reps
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.stats import Stats
from cairn.rules import catalogue
from cairn.settings import from_environment

RESERVE_SECONDS = 10.0
"""Reserved for the last rep."""


class RolloverError(Exception):
    """Some reps are still in the previous month; the next tick retries them."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    leaderboard_table: str
    board_table: str
    ladders: str
    time_zone: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def reps(self) -> Reps:
        settings = from_environment(Settings)
        return Reps(
            stats=Stats(dynamodb.table(settings.stats_table)),
            boards=Boards(dynamodb.table(settings.board_table), dynamodb.table(settings.leaderboard_table)),
            rules=catalogue(json.loads(settings.ladders), settings.time_zone),
            time_zone=settings.time_zone,
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """How many reps were rolled over; RolloverError when one failed, after all others were tried."""
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


handler = create(Dependencies())
