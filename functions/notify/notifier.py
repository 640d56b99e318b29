"""Splits an alert into parts of its audience, and delivers each part as messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.errors import NotYetError
from cairn.messages import Alert, AlertPart, Message, Reply
from cairn.model import Milestone
from cairn.observability import MetricUnit, logger, metrics
from cairn.telegram.deliveries import Deliveries, Plan
from cairn.telegram.subscribers import Subscribers
from functions.notify.sender import CHAT_SECONDS, GROUP_SECONDS, LANES, Recipient, Sender
from functions.notify.text import alert_text

LARGEST_PART = 30
"""Recipients a part: four seconds of a lane's time, which is well within one invocation."""
REPLY_LANE = LANES - 1
"""Replies use the last lane; the alerts of a small audience use only the first."""
ANNOUNCEMENT = "announcement"
"""The key of the announcement channel among the recipients; it sorts before every subscription."""


class Notifier:
    """Handles the messages of the notify queue."""

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        deliveries: Deliveries,
        sender: Sender,
        queue: Queue,
        announcement_chat: str,
    ) -> None:
        self._subscribers = subscribers
        self._deliveries = deliveries
        self._sender = sender
        self._queue = queue
        self._announcement_chat = announcement_chat

    def handle(self, message: Message, owner: str, seconds_left: Callable[[], float]) -> None:
        """Handle one message; after any exception it is retried."""
        match message:
            case Alert(milestone):
                self._handle_alert(milestone, owner, seconds_left)
            case AlertPart():
                self._handle_part(message, owner, seconds_left)
            case Reply():
                self._handle_reply(message, owner, seconds_left)
            case _:
                raise TypeError(f"the notify queue does not carry {message.type}")

    def _handle_alert(self, milestone: Milestone, owner: str, seconds_left: Callable[[], float]) -> None:
        recipients = self._recipients(None, None)
        size = part_size(len(recipients))
        cuts = [recipients[end - 1].key for end in range(size, len(recipients), size)]
        plan = self._deliveries.plan(milestone, Plan(tuple(cuts), len(recipients)), now())
        bounds = list(pairwise([None, *plan.cuts, None]))
        size = part_size(plan.total)
        sizes = [size] * len(plan.cuts) + [plan.total - size * len(plan.cuts)]
        parts = [
            AlertPart(milestone, number, after, through, size)
            for number, ((after, through), size) in enumerate(zip(bounds, sizes, strict=True))
        ]
        logger.info("alert planned", milestone_id=milestone.id, recipients=plan.total, parts=len(parts))
        if len(parts) == 1:
            self._deliver(parts[0], recipients, owner, seconds_left)
        else:
            self._queue.send(parts)

    def _handle_part(self, part: AlertPart, owner: str, seconds_left: Callable[[], float]) -> None:
        self._deliver(part, self._recipients(part.after, part.through), owner, seconds_left)

    def _deliver(
        self, part: AlertPart, recipients: list[Recipient], owner: str, seconds_left: Callable[[], float]
    ) -> None:
        milestone = part.milestone
        groups = any(recipient.chat_id.startswith(("-", "@")) for recipient in recipients)
        progress = self._sender.deliver(
            milestone.id,
            part.number,
            owner=owner,
            text=alert_text(milestone),
            recipients=recipients,
            spacing=GROUP_SECONDS if groups else CHAT_SECONDS,
            seconds_left=seconds_left,
        )
        if progress is None:
            logger.info("part is already finished", milestone_id=milestone.id, part=part.number)
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

    def _handle_reply(self, reply: Reply, owner: str, seconds_left: Callable[[], float]) -> None:
        if reply.not_before > now():
            raise NotYetError("the reply has to wait", reply.not_before)
        delivery, recipient = f"reply/{reply.key}", Recipient(reply.chat_id, reply.chat_id, subscribed=False)
        progress = self._sender.deliver(
            delivery,
            REPLY_LANE,
            owner=owner,
            text=reply.text,
            recipients=[recipient],
            spacing=0,
            seconds_left=seconds_left,
        )
        if progress:
            self._deliveries.finish(delivery, REPLY_LANE, progress, None, 1, now())

    def _recipients(self, after: str | None, through: str | None) -> list[Recipient]:
        """The recipients in a range of keys; the announcement channel, when there is one, comes first."""
        start = None if after == ANNOUNCEMENT else after
        recipients = [Recipient(one.key, one.chat_id) for one in self._subscribers.between(start, through)]
        if self._announcement_chat and after is None and not self._subscribers.get(self._announcement_chat):
            recipients.insert(0, Recipient(ANNOUNCEMENT, self._announcement_chat))
        return recipients


def part_size(recipients: int) -> int:
    """Recipients a part: all of a small audience; for a larger one, a size that lets all lanes end together."""
    if recipients <= LARGEST_PART:
        return max(1, recipients)
    return math.ceil(recipients / (LANES * math.ceil(recipients / (LANES * LARGEST_PART))))
