"""Sends an endpoint the events of a range of time again: all that it wants, or those that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.messages import WebhookReplay
from cairn.observability import logger
from cairn.webhooks.deliveries import Deliveries, range_of
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.filters import matches
from cairn.webhooks.model import Endpoint, Message, instant_of
from cairn.webhooks.sending import lanes

READ = 1000
"""Events or messages that one invocation looks at, whether it sends them or not."""
LEFT_AT_LEAST = 10.0
QUEUED_FOR = timedelta(minutes=15)
"""A younger message without an item still waits for its first attempt."""


@dataclass(frozen=True, slots=True)
class Replay:
    """`queue` is the webhook queue, `lanes` how many lanes an endpoint has."""

    endpoints: Endpoints
    events: Events
    deliveries: Deliveries
    queue: Queue
    lanes: int
    clock: Clock

    def handle(self, message: WebhookReplay, seconds_left: Callable[[], float]) -> None:
        """Make the next messages due; another message goes on after READ of them, or when the time is up.

        A repeat makes none due twice. What is delivered meanwhile is not sent again.
        """
        endpoint = self.endpoints.get(message.endpoint, consistent=True)
        if endpoint is None:
            return
        due, last = 0, ""
        for read, (key, wanted) in enumerate(self._keys(endpoint, message), start=1):
            due += wanted and self._make_due(endpoint, key, message)
            last = key
            if read >= READ or seconds_left() < LEFT_AT_LEAST:
                break
        else:
            last = ""
        logger.info("messages to be sent again", endpoint=endpoint.id, messages=due, request=message.request)
        if due:
            self.queue.send(lanes(endpoint.id, self.lanes, f"replay {message.request} {message.after}"))
        if last:
            self.queue.send([replace(message, after=last)])

    def _keys(self, endpoint: Endpoint, message: WebhookReplay) -> Iterator[tuple[str, bool]]:
        """The keys of the events of the range, the oldest first, and whether each may be wanted."""
        low, high = range_of(message.since, message.before)
        low = max(low, f"{message.after}~") if message.after else low
        if message.failed_only:
            for one in self.deliveries.of_endpoint(endpoint.id, low, high):
                yield one.event, one.status == "failed"
            return
        for event in self.events.in_range(low, high):
            named = not message.event_types or event.type in message.event_types
            yield (
                event.key,
                named and endpoint.wants(event.type) and matches(endpoint.filter, event) and not event.erased,
            )

    def _make_due(self, endpoint: Endpoint, key: str, message: WebhookReplay) -> bool:
        """Whether the message was made due: not by a repeat of this request, nor before its first attempt."""
        stored = self.deliveries.get(endpoint.id, key)
        if stored is None:
            event = self.events.get(key)
            queued = event is not None and endpoint.id in event.endpoints
            if queued and self.clock() - instant_of(key) < QUEUED_FOR:
                return False
        elif stored.resend == message.request or (message.failed_only and stored.status != "failed"):
            return False
        again = stored or Message(endpoint.id, key)
        return self.deliveries.decide(
            replace(
                again,
                status="pending",
                due_at=self.clock(),
                round_from=again.tries,
                resend=message.request,
                error="sent again",
            )
        )
