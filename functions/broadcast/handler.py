"""The broadcast queue's messages, ten at a time, each room's in order; what is left comes again by the queue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import connections, dynamo, queue
from cairn.boards import Boards
from cairn.instants import now
from cairn.messages import Message, UnreadableMessageError, load
from cairn.observing import logger, metrics
from cairn.presence import Presence
from cairn.queue import Queue
from cairn.refreshes import Refreshes
from cairn.rooms import Rooms
from cairn.settings import from_environment
from cairn.sockets import Sockets
from functions.broadcast.board import BoardFrames
from functions.broadcast.broadcasting import WAITING, Broadcasting, Received, seconds_until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

RESERVE_SECONDS = 5.0
"""What a batch may still take after it was posted: closed sockets are forgotten, and failures put off."""


@dataclass(frozen=True, slots=True)
class Settings:
    connections_table: str
    presence_table: str
    leaderboard_table: str
    broadcast_queue_url: str
    count_queue_url: str
    connections_url: str
    time_zone: str


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def sqs() -> SQSClient:
    return queue.client()


@cache
def broadcasting() -> Broadcasting:
    table = dynamo.resource().Table
    ours, counts = table(settings().connections_table), Queue(sqs(), settings().count_queue_url)
    return Broadcasting(
        rooms=Rooms(ours),
        sockets=Sockets(ours, Presence.of(table(settings().presence_table), counts, now)),
        refreshes=Refreshes(ours),
        board=BoardFrames(Boards(table(settings().leaderboard_table)), settings().time_zone),
        queue=Queue(sqs(), settings().broadcast_queue_url),
        poster=connections.poster or connections.connections(settings().connections_url),
        clock=now,
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    records = event["Records"]
    batch = [Received(_read(record["body"]), record["attributes"]["MessageGroupId"]) for record in records]
    failed = broadcasting().take(batch, left)
    for index, error in failed.items():
        record = records[index]
        seconds = seconds_until(error, int(record["attributes"]["ApproximateReceiveCount"]), now())
        about = {"message_id": record["messageId"], "trace_id": batch[index].trace_id, "seconds": seconds}
        if isinstance(error, WAITING):
            logger.info("message waits", reason=str(error), **about)
        else:
            logger.warning("message comes again", exc_info=error, **about)
        sqs().change_message_visibility(
            QueueUrl=settings().broadcast_queue_url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=seconds,
        )
    return {"batchItemFailures": [{"itemIdentifier": records[index]["messageId"]} for index in failed]}


def _read(body: str) -> Message | UnreadableMessageError:
    try:
        return load(body)
    except UnreadableMessageError as error:
        return error
