"""Each change of the stats table into the history; the first reading of a day also closes the day before it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo
from cairn.history import History, day_of
from cairn.live import channel_of
from cairn.observing import logger
from cairn.settings import from_environment
from cairn.stats import to_reading
from cairn.stream import take_in_order


@dataclass(frozen=True, slots=True)
class Settings:
    history_table: str
    time_zone: str


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def history() -> History:
    return History(dynamo.resource().Table(settings().history_table))


def take(record: dict[str, Any]) -> None:
    """The old image is what its day ended with, so closing a day needs no read and no schedule."""
    images = record["dynamodb"]
    new = to_reading(dynamo.from_image(images["NewImage"]))
    with logger.append_context_keys(trace_id=new.trace_id, subject=str(new.subject)):
        history().add(new, once_a_minute=channel_of(new.subject) is not None)
        if "OldImage" in images:
            old = to_reading(dynamo.from_image(images["OldImage"]))
            day = day_of(old.as_of, settings().time_zone)
            if day < day_of(new.as_of, settings().time_zone):
                history().close_day(old, day)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer = take_in_order(event, take)
    logger.info("readings kept", readings=len(event["Records"]), failed=len(answer["batchItemFailures"]))
    return answer
