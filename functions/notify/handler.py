"""An alert becomes parts of its audience, and a part becomes messages; what is left over comes again by the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo, http, queue
from cairn.deliveries import Deliveries, Plan
from cairn.instants import now
from cairn.messages import Alert, AlertPart, Message, Reply, load
from cairn.model import Milestone
from cairn.observing import MetricUnit, logger, metrics
from cairn.secret_keys import secret_keys
from cairn.settings import from_environment
from cairn.slots import NotYetError, Slots
from cairn.subscribers import Subscribers
from cairn.telegram import Bot
from functions.notify.sender import CHAT_SECONDS, GROUP_SECONDS, Recipient, Sender
from functions.notify.text import alert_text

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PART_SIZE = 30
"""Recipients a part: a second of the bot's time, and well within one invocation."""
RESERVE_SECONDS = 15.0
"""What a message may still take after it has been begun: a send with its retries, and the notes."""
ANNOUNCEMENT = "announcement"
"""The key of the announcement channel among the recipients; it sorts before every subscription."""
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


class Notification:
    """What each message of the notify queue leads to."""

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        deliveries: Deliveries,
        sender: Sender,
        queue: queue.Queue,
        announcement_chat: str,
    ) -> None:
        self._subscribers = subscribers
        self._deliveries = deliveries
        self._sender = sender
        self._queue = queue
        self._announcement_chat = announcement_chat

    def take(self, message: Message, owner: str, left: Callable[[], float]) -> None:
        """One message. Whatever is raised asks for it to come again."""
        match message:
            case Alert(milestone):
                self._alert(milestone, owner, left)
            case AlertPart():
                self._part(message, owner, left)
            case Reply():
                self._reply(message, owner, left)
            case _:
                raise TypeError(f"the notify queue carries no {message.type}")

    def _alert(self, milestone: Milestone, owner: str, left: Callable[[], float]) -> None:
        recipients = self._recipients(None, None)
        cuts = [recipients[end - 1].key for end in range(PART_SIZE, len(recipients), PART_SIZE)]
        plan = self._deliveries.plan(milestone, Plan(tuple(cuts), len(recipients)), now())
        bounds = list(pairwise([None, *plan.cuts, None]))
        sizes = [PART_SIZE] * len(plan.cuts) + [plan.total - PART_SIZE * len(plan.cuts)]
        parts = [
            AlertPart(milestone, number, after, through, size)
            for number, ((after, through), size) in enumerate(zip(bounds, sizes, strict=True))
        ]
        logger.info("alert planned", milestone_id=milestone.id, recipients=plan.total, parts=len(parts))
        if len(parts) == 1:
            self._deliver(parts[0], recipients, owner, left)
        else:
            self._queue.send(parts)

    def _part(self, part: AlertPart, owner: str, left: Callable[[], float]) -> None:
        self._deliver(part, self._recipients(part.after, part.through), owner, left)

    def _deliver(self, part: AlertPart, recipients: list[Recipient], owner: str, left: Callable[[], float]) -> None:
        milestone = part.milestone
        groups = any(recipient.chat_id.startswith(("-", "@")) for recipient in recipients)
        progress = self._sender.deliver(
            milestone.id,
            part.number,
            owner=owner,
            text=alert_text(milestone),
            recipients=recipients,
            distance=GROUP_SECONDS if groups else CHAT_SECONDS,
            left=left,
        )
        if progress is None:
            logger.info("part was finished before", milestone_id=milestone.id, part=part.number)
            return
        self._deliveries.finish(milestone.id, part.number, progress, milestone, part.planned, now())
        metrics.add_metric("AlertsDelivered", MetricUnit.Count, len(progress.delivered))
        metrics.add_metric("AlertsFailed", MetricUnit.Count, len(progress.failed))
        delay = (now() - milestone.achieved_at).total_seconds() * 1000
        metrics.add_metric("DeliveryDelay", MetricUnit.Milliseconds, max(0, delay))
        logger.info(
            "part delivered",
            milestone_id=milestone.id,
            part=part.number,
            delivered=len(progress.delivered),
            failed=len(progress.failed),
        )

    def _reply(self, reply: Reply, owner: str, left: Callable[[], float]) -> None:
        if reply.not_before > now():
            raise NotYetError("the chat was just answered", reply.not_before)
        delivery, recipient = f"reply/{reply.key}", Recipient(reply.chat_id, reply.chat_id, subscribed=False)
        progress = self._sender.deliver(
            delivery, 0, owner=owner, text=reply.text, recipients=[recipient], distance=0, left=left
        )
        if progress:
            self._deliveries.finish(delivery, 0, progress, None, 1, now())

    def _recipients(self, after: str | None, through: str | None) -> list[Recipient]:
        """Those of a stretch; the announcement channel, when there is one, comes before everybody."""
        start = None if after == ANNOUNCEMENT else after
        found = [Recipient(one.key, one.chat_id) for one in self._subscribers.stretch(start, through)]
        if self._announcement_chat and after is None and not self._subscribers.get(self._announcement_chat):
            found.insert(0, Recipient(ANNOUNCEMENT, self._announcement_chat))
        return found


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
