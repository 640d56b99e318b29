"""A schedule's tick sweeps every platform; a message of the fetch queue is one batch that a sweep left over."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo, http, queue
from cairn.channels import Channels
from cairn.fetching import Fetching
from cairn.messages import FetchBatch, load
from cairn.observing import logger, metrics
from cairn.platforms import Platforms
from cairn.settings import from_environment
from cairn.stats import Stats

RESERVE_SECONDS = 20.0
"""What a call to a platform may still take after it has begun, retries and writes included."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    channels_table: str
    fetch_queue_url: str


@cache
def platforms() -> Platforms:
    return Platforms(http.client())


@cache
def fetching() -> Fetching:
    settings, tables = from_environment(Settings), dynamo.resource()
    return Fetching(
        channels=Channels(tables.Table(settings.channels_table)),
        stats=Stats(tables.Table(settings.stats_table)),
        platforms=platforms(),
        queue=queue.Queue(queue.client(), settings.fetch_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    if "Records" not in event:
        summary = fetching().sweep(platforms().names, str(event.get("source", "schedule")), left)
        logger.info("sweep done", summary=asdict(summary))
        return asdict(summary)
    failed = []
    for record in event["Records"]:
        message = None
        try:
            message = load(record["body"])
            if not isinstance(message, FetchBatch):
                raise TypeError(f"the fetch queue carries no {message.type}")
            fetching().fetch_batch(message, left)
        except Exception:  # one message's failure is its own: SQS brings it again, and then to the dead letters
            trace_id = message.trace_id if message else None
            logger.exception("batch not fetched", message_id=record["messageId"], trace_id=trace_id)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
