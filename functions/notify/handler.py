"""The notify queue's messages, one at a time; what is left over comes again by the queue, when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo, http, queue
from cairn.deliveries import Deliveries
from cairn.instants import now
from cairn.messages import load
from cairn.observing import logger, metrics
from cairn.secret_keys import secret_keys
from cairn.settings import from_environment
from cairn.slots import NotYetError, Slots
from cairn.subscribers import Subscribers
from cairn.telegram import Bot
from functions.notify.notification import Notification
from functions.notify.sender import Sender

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

RESERVE_SECONDS = 25.0
"""What a message may still take after it has been begun: a send with its retries, and the notes."""
LONGEST_BACKOFF_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Settings:
    audience_table: str
    milestones_table: str
    notify_queue_url: str
    telegram_api_url: str
    telegram_secret: str
    telegram_announcement_chat: str
    telegram_messages_per_second: float
    telegram_progress_every: int


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def sqs() -> SQSClient:
    return queue.client()


@cache
def subscribers() -> Subscribers:
    return Subscribers(dynamo.resource().Table(settings().audience_table))


@cache
def slots() -> Slots:
    return Slots(dynamo.resource().Table(settings().audience_table))


@cache
def deliveries() -> Deliveries:
    tables = dynamo.resource()
    return Deliveries(tables.Table(settings().audience_table), tables.Table(settings().milestones_table))


def notification() -> Notification:
    """Made anew for each message, because the bot's token may have been changed."""
    token = secret_keys(settings().telegram_secret).get("TELEGRAM_BOT_TOKEN", "")
    sender = Sender(
        bot=Bot(http.client(), settings().telegram_api_url, token),
        deliveries=deliveries(),
        slots=slots(),
        subscribers=subscribers(),
        messages_per_second=settings().telegram_messages_per_second,
        progress_every=settings().telegram_progress_every,
        clock=now,
    )
    return Notification(
        subscribers=subscribers(),
        deliveries=deliveries(),
        sender=sender,
        queue=queue.Queue(sqs(), settings().notify_queue_url),
        announcement_chat=settings().telegram_announcement_chat,
    )


def backoff(error: Exception, receives: int) -> int:
    """After how many seconds a failed message is to come again: when it was told, else ever later."""
    if isinstance(error, NotYetError):
        seconds = (error.until - now()) / timedelta(seconds=1)
        return max(1, min(LONGEST_BACKOFF_SECONDS, round(seconds + 0.5)))
    return int(min(LONGEST_BACKOFF_SECONDS, 5 * 2 ** min(receives, 10)))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    failed = []
    for record in event["Records"]:
        message = None
        try:
            message = load(record["body"])
            with logger.append_context_keys(trace_id=message.trace_id):
                notification().take(message, f"{context.aws_request_id}/{record['messageId']}", left)
        except (
            Exception
        ) as error:  # one message's failure is its own: SQS brings it again, and then to the dead letters
            seconds = backoff(error, int(record["attributes"]["ApproximateReceiveCount"]))
            logger.warning(
                "message comes again",
                message_id=record["messageId"],
                trace_id=message.trace_id if message else None,
                seconds=seconds,
                exc_info=error,
            )
            sqs().change_message_visibility(
                QueueUrl=settings().notify_queue_url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
            )
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
