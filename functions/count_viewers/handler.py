"""The count queue's messages: each channel is counted when its time has come; what changed is stored as a reading."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import connections, dynamo, queue
from cairn.counting import Counting, Pace
from cairn.instants import now
from cairn.messages import CountViewers, UnreadableMessageError, load
from cairn.observing import logger
from cairn.presence import Presence
from cairn.queue import Queue
from cairn.settings import from_environment
from cairn.slots import NotYetError
from cairn.stats import Stats
from functions.count_viewers.ghosts import Ghosts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

SECOND = timedelta(seconds=1)
PATIENCE = SECOND
"""SQS knows whole seconds; what is less is waited for here, once for all of a batch."""


@dataclass(frozen=True, slots=True)
class Settings:
    presence_table: str
    stats_table: str
    count_queue_url: str
    connections_url: str
    time_zone: str
    live_channels: str
    viewer_heartbeat_interval: int
    viewer_timeout: int
    viewer_count_update_interval: int


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def sqs() -> SQSClient:
    return queue.client()


@cache
def tables() -> Callable[[str], Table]:
    return dynamo.resource().Table


@cache
def presence() -> Presence:
    return Presence.of(tables()(settings().presence_table), Queue(sqs(), settings().count_queue_url), now)


@cache
def counting() -> Counting:
    return Counting.of(
        presence(),
        stats=Stats(tables()(settings().stats_table)),
        pace=Pace.of(
            heartbeat=settings().viewer_heartbeat_interval,
            time_out=settings().viewer_timeout,
            interval=settings().viewer_count_update_interval,
        ),
        names=json.loads(settings().live_channels),
        time_zone=settings().time_zone,
    )


@cache
def ghosts() -> Ghosts:
    return Ghosts(presence(), connections.poster or connections.connections(settings().connections_url))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    waiting = {record["messageId"]: record for record in event["Records"]}
    failed: dict[str, Exception] = {}
    patience = now() + PATIENCE
    while waiting:
        for message_id, record in list(waiting.items()):
            try:
                _take(record["body"])
            except NotYetError as error:
                failed[message_id] = error
                continue
            except Exception as error:
                failed[message_id] = error
            else:
                failed.pop(message_id, None)
            del waiting[message_id]
        until = min((error.until for error in failed.values() if isinstance(error, NotYetError)), default=patience)
        if until >= patience:
            break
        time.sleep(max(0.0, (until - now()) / SECOND))
    for record in event["Records"]:
        if record["messageId"] in failed:
            _put_off(record, failed[record["messageId"]])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _take(body: str) -> None:
    message = load(body)
    if not isinstance(message, CountViewers):
        raise UnreadableMessageError(f"the count queue carries no {message.type}")
    with logger.append_context_keys(trace_id=message.trace_id):
        counting().take(message)
        if message.check:
            ghosts().lay(message.channel)


def _put_off(record: dict[str, Any], error: Exception) -> None:
    """Have a message come again: shortly before its time, or ever later."""
    if isinstance(error, NotYetError):
        seconds = max(1, math.floor((error.until - now()) / SECOND))
    else:
        seconds = min(30, 2 ** min(int(record["attributes"]["ApproximateReceiveCount"]) - 1, 5))
        logger.warning("message comes again", message_id=record["messageId"], seconds=seconds, exc_info=error)
    sqs().change_message_visibility(
        QueueUrl=settings().count_queue_url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
    )
