"""The turn of the month: each rep's last board is kept, and their month begins at zero.

The schedule comes several times in a month's first hours: each time goes on where the one before ended, and does
nothing when all is done. An update of a rep who was not turned yet turns them on its way: no sale waits for this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo
from cairn.boards import Boards
from cairn.instants import now
from cairn.observing import MetricUnit, logger, metrics
from cairn.reps import Reps
from cairn.rules import catalogue
from cairn.settings import from_environment
from cairn.stats import Stats

RESERVE_SECONDS = 10.0
"""What one rep may take who was begun at the last moment."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    leaderboard_table: str
    ladders: str
    time_zone: str


@cache
def reps() -> Reps:
    settings = from_environment(Settings)
    table = dynamo.resource().Table
    return Reps(
        stats=Stats(table(settings.stats_table)),
        boards=Boards(table(settings.leaderboard_table)),
        rules=catalogue(json.loads(settings.ladders), settings.time_zone),
        time_zone=settings.time_zone,
        clock=now,
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """How many were turned; TurnError when a rep failed, after all others were tried."""
    turned, failed = 0, list[str]()
    for subject in reps().behind():
        if context.get_remaining_time_in_millis() / 1000 < RESERVE_SECONDS:
            logger.warning("the month is not turned for everybody yet; the next tick goes on", turned=turned)
            break
        try:
            reps().turn(subject)
            turned += 1
        except Exception:
            logger.exception("rep not turned", subject=str(subject))
            failed.append(str(subject))
    metrics.add_metric("RepsTurned", MetricUnit.Count, turned)
    logger.info("month turned", turned=turned, failed=len(failed))
    if failed:
        raise TurnError(f"{len(failed)} reps were not turned, the first is {failed[0]}")
    return {"turned": turned}


class TurnError(Exception):
    """Some reps are still in the month before; the next tick tries them again."""
