"""Sends an endpoint the events of a range of time again: all that it wants, or those that failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.messages import WebhookReplay
from cairn.observability import logger
from cairn.webhooks.deliveries import Deliveries, range_of
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.filters import matches
from cairn.webhooks.model import Endpoint, Message
from cairn.webhooks.sending import lanes

CHUNK = 200
"""Messages that one invocation makes due."""


@dataclass(frozen=True, slots=True)
class Replay:
    """`queue` is the webhook queue, `lanes` how many lanes an endpoint has."""

    endpoints: Endpoints
    events: Events
    deliveries: Deliveries
    queue: Queue
    lanes: int
    clock: Clock

    def count(self, endpoint: Endpoint, message: WebhookReplay, most: int) -> int:
        """How many messages it would send, counted up to `most`."""
        return sum(1 for _ in islice(self._found(endpoint, message), most))

    def handle(self, message: WebhookReplay) -> None:
        """Make the next CHUNK of messages due; another message goes on after them. A repeat makes none due twice."""
        endpoint = self.endpoints.get(message.endpoint)
        if endpoint is None:
            return
        found = list(islice(self._found(endpoint, message), CHUNK))
        for one in found:
            if one.resend != message.request:
                again = replace(
                    one, status="pending", due_at=self.clock(), resend=message.request, round_from=one.tries
                )
                self.deliveries.note(replace(again, error="sent again"))
        logger.info("messages to be sent again", endpoint=endpoint.id, messages=len(found), request=message.request)
        if found:
            self.queue.send(lanes(endpoint.id, self.lanes, f"replay {message.request} {message.after}"))
        if len(found) == CHUNK:
            self.queue.send([replace(message, after=found[-1].event)])

    def _found(self, endpoint: Endpoint, message: WebhookReplay) -> Iterator[Message]:
        """The messages, the oldest first: of all events that the endpoint wants now, or only those that failed."""
        low, high = range_of(message.since, message.before)
        low = max(low, message.after + "~") if message.after else low
        if message.failed_only:
            for one in self.deliveries.of_endpoint(endpoint.id, low, high):
                if one.status == "failed" or one.resend == message.request:
                    yield one
            return
        for event in self.events.in_range(low, high):
            wanted = not message.event_types or event.type in message.event_types
            if wanted and endpoint.wants(event.type) and matches(endpoint.filter, event) and not event.erased:
                stored = self.deliveries.get(endpoint.id, event.key, consistent=False)
                yield stored or Message(endpoint.id, event.key)
