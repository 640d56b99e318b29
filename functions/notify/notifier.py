"""Splits an alert into parts of its audience, and delivers each part as messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from cairn.aws.sqs import LONGEST_DELAY, Queue
from cairn.clock import now
from cairn.errors import NotYetError
from cairn.messages import Alert, AlertPart, Reply
from cairn.model import Milestone
from cairn.observability import MetricUnit, logger, metrics
from cairn.telegram.deliveries import Deliveries, Plan, Progress
from functions.notify.audience import Audience, Recipient, has_groups
from functions.notify.pace import CHAT_SECONDS, GROUP_SECONDS, LANES
from functions.notify.sender import LEASE, Sender
from functions.notify.text import alert_text

Notification = Alert | AlertPart | Reply
LARGEST_PART = 30
"""Recipients a part: four seconds of a lane's time, which is well within one invocation."""
REPLY_LANE = LANES - 1
"""Replies use the last lane; the alerts of a small audience use only the first."""
LONGEST_WAIT = timedelta(days=3)
"""After so long, waiting counts as failing, and the message goes to the dead letters."""
RETRY_AFTER = timedelta(seconds=10)
FRESH = timedelta(minutes=1)
"""Nobody has reverted a milestone by then; its alert is not held against it, which would cost a call."""


class Notifier:
    """Handles the messages of the notify queue."""

    def __init__(
        self,
        *,
        audience: Audience,
        deliveries: Deliveries,
        sender: Sender,
        queue: Queue,
    ) -> None:
        self._audience = audience
        self._deliveries = deliveries
        self._sender = sender
        self._queue = queue

    def handle(self, message: Notification, owner: str, seconds_left: Callable[[], float]) -> None:
        """Handle one message; after any exception it is retried.

        One that has to wait is replaced by a delayed copy, because SQS counts each receive as a failure. When the
        sandbox dies in between, both are delivered, as SQS may do with any message.
        """
        try:
            self._handle(message, owner, seconds_left)
        except NotYetError as error:
            since = message.since or now()
            if now() - since > LONGEST_WAIT:
                raise
            self._postpone(message, since, error)

    def _postpone(self, message: Notification, since: datetime, error: NotYetError) -> None:
        delay = min(LONGEST_DELAY, max(timedelta(seconds=1), error.until - now()))
        if isinstance(message, Reply):
            message = replace(message, not_before=max(message.not_before, error.until))
        self._queue.send_later([replace(message, since=since)], delay)
        logger.info("message postponed", reason=str(error), seconds=delay.total_seconds())
        waited = (now() - since + delay).total_seconds()
        metrics.add_metric("PostponedFor", MetricUnit.Seconds, max(0.0, waited))

    def _handle(self, message: Notification, owner: str, seconds_left: Callable[[], float]) -> None:
        if not isinstance(message, Reply) and self._is_reverted(message.milestone):
            logger.warning("alert dropped: its milestone was reverted", milestone_id=message.milestone.id)
            return
        match message:
            case Alert(milestone):
                self._handle_alert(milestone, owner, seconds_left)
            case AlertPart():
                self._handle_part(message, owner, seconds_left)
            case Reply():
                self._handle_reply(message, owner, seconds_left)

    def _is_reverted(self, milestone: Milestone) -> bool:
        """Whether an operator took the milestone back while its alert was waiting."""
        return now() - milestone.achieved_at > FRESH and self._deliveries.is_reverted(milestone)

    def _handle_alert(self, milestone: Milestone, owner: str, seconds_left: Callable[[], float]) -> None:
        recipients = self._audience.recipients(milestone.subject, None, None)
        size = part_size(len(recipients))
        cuts = [recipients[end - 1].key for end in range(size, len(recipients), size)]
        wanted = Plan(tuple(cuts), len(recipients))
        plan, opened = self._deliveries.plan_and_open(milestone, wanted, owner, now(), LEASE)
        bounds = list(pairwise([None, *plan.cuts, None]))
        size = part_size(plan.total)
        sizes = [size] * len(plan.cuts) + [plan.total - size * len(plan.cuts)]
        first, *others = [
            AlertPart(milestone, number, after, through, size)
            for number, ((after, through), size) in enumerate(zip(bounds, sizes, strict=True))
        ]
        logger.info("alert planned", milestone_id=milestone.id, recipients=plan.total, parts=len(bounds))
        if not others:
            self._deliver(first, recipients, owner, seconds_left, opened=opened)
        elif opened:
            self._queue.send(others)
            self._begin(first, recipients[:size], owner, seconds_left)
        else:  # an attempt before may have died before it had sent them all
            self._queue.send([first, *others])

    def _begin(
        self, first: AlertPart, recipients: list[Recipient], owner: str, seconds_left: Callable[[], float]
    ) -> None:
        """Deliver the first part at once. A retry of it is left to a message, as the others have theirs."""
        try:
            self._deliver(first, recipients, owner, seconds_left, opened=True)
        except NotYetError as error:
            self._postpone(first, now(), error)
        except Exception as error:  # noqa: BLE001 - what failed is retried with the part's own message
            logger.warning("part failed and will be retried", part=first.number, exc_info=error)
            self._queue.send_later([first], RETRY_AFTER)

    def _handle_part(self, part: AlertPart, owner: str, seconds_left: Callable[[], float]) -> None:
        recipients = self._audience.recipients(part.milestone.subject, part.after, part.through)
        self._deliver(part, recipients, owner, seconds_left)

    def _deliver(
        self,
        part: AlertPart,
        recipients: list[Recipient],
        owner: str,
        seconds_left: Callable[[], float],
        *,
        opened: bool = False,
    ) -> None:
        milestone = part.milestone
        progress = self._sender.deliver(
            milestone.id,
            part.number,
            owner=owner,
            text=alert_text(milestone),
            recipients=recipients,
            spacing=GROUP_SECONDS if has_groups(recipients) else CHAT_SECONDS,
            seconds_left=seconds_left,
            opened=opened,
        )
        if progress is None:
            logger.info("part is already finished", milestone_id=milestone.id, part=part.number)
            return
        self._deliveries.finish(milestone.id, part.number, progress, milestone, part.planned, now())
        self._report(part, progress)

    def _report(self, part: AlertPart, progress: Progress) -> None:
        delivered = len(progress.delivered) - (progress.counted[0] if progress.counted else 0)
        failed = len(progress.failed)
        metrics.add_metric("AlertsDelivered", MetricUnit.Count, delivered)
        metrics.add_metric("AlertsFailed", MetricUnit.Count, failed)
        delay = (now() - part.milestone.achieved_at).total_seconds() * 1000
        metrics.add_metric("DeliveryDelay", MetricUnit.Milliseconds, max(0, delay))

    def _handle_reply(self, reply: Reply, owner: str, seconds_left: Callable[[], float]) -> None:
        if reply.not_before > now():
            raise NotYetError("the reply has to wait", reply.not_before)
        delivery, recipient = f"reply/{reply.key}", Recipient(reply.chat_id, reply.chat_id)
        progress = self._sender.deliver(
            delivery,
            REPLY_LANE,
            owner=owner,
            text=reply.text,
            recipients=[recipient],
            spacing=0,
            seconds_left=seconds_left,
            patient=False,
        )
        if progress:
            self._deliveries.finish(delivery, REPLY_LANE, progress, None, 1, now())


def part_size(recipients: int) -> int:
    """Recipients a part: all of a small audience; for a larger one, a size that lets all lanes end together."""
    if recipients <= LARGEST_PART:
        return max(1, recipients)
    return math.ceil(recipients / (LANES * math.ceil(recipients / (LANES * LARGEST_PART))))
