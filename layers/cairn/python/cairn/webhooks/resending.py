"""What a person asks to be sent: an example, a message once more, or what an endpoint missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from uuid import uuid4

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.errors import ConflictError, NotFoundError
from cairn.messages import WebhookAttempt, WebhookReplay
from cairn.model import new_trace_id
from cairn.webhooks.circuit import lane_of
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.filters import matches
from cairn.webhooks.listing import Listed
from cairn.webhooks.model import Endpoint, Event, Message, event_id, key_at, parse_message_id

MOST_READ = 20_000
"""Events or messages that a count reads at most."""


@dataclass(frozen=True, slots=True)
class Resending:
    """`queue` is the webhook queue; `lanes` says how many lanes an endpoint has now."""

    endpoints: Endpoints
    events: Events
    deliveries: Deliveries
    queue: Queue
    lanes: Callable[[], int]
    clock: Clock

    def sample(self, example: Event, endpoint: Endpoint) -> Event:
        """Store an example as an event for this endpoint alone, and queue its one message."""
        now = self.clock()
        request = uuid4().hex
        event = replace(
            example, id=event_id(now, f"sample/{request}"), at=now, subject=None, sample=True, trace_id=new_trace_id()
        )
        stored = self.events.store(event, [endpoint.id], repeated=False)
        self._send(endpoint.id, stored, request)
        return stored

    def listed(self, message_id: str) -> Listed:
        """A message with its event. NotFoundError."""
        try:
            key, endpoint_id = parse_message_id(message_id)
        except ValueError:
            raise NotFoundError(f"there is no message {message_id}") from None
        stored = self.deliveries.get(endpoint_id, key)
        event = self.events.get(key)
        if stored is None:
            if event is None or endpoint_id not in event.endpoints:
                raise NotFoundError(f"there is no message {message_id}")
            stored = Message(endpoint_id, key)
        return Listed(stored, event)

    def again(self, message_id: str) -> Listed:
        """Queue another attempt of a message, whatever became of it so far; each call is one.

        NotFoundError; ConflictError when it cannot be sent any more.
        """
        listed = self.listed(message_id)
        if listed.event is None or listed.event.erased:
            raise ConflictError("the event's content is no longer kept, so it cannot be sent again")
        if self.endpoints.get(listed.message.endpoint) is None:
            raise ConflictError("the endpoint was deleted")
        self._send(listed.message.endpoint, listed.event, uuid4().hex)
        return listed

    def count(self, endpoint: Endpoint, wanted: WebhookReplay, most: int) -> int:
        """How many messages a replay sends, counted up to `most`."""
        low, high = key_at(wanted.since), key_at(wanted.before)
        if wanted.failed_only:
            messages = islice(self.deliveries.of_endpoint(endpoint.id, low, high), MOST_READ)
            return sum(1 for _ in islice((one for one in messages if one.status == "failed"), most))
        events = islice(self.events.in_range(low, high), MOST_READ)
        return sum(1 for _ in islice((one for one in events if _is_wanted(one, endpoint, wanted)), most))

    def start(self, endpoint: Endpoint, wanted: WebhookReplay) -> None:
        """Queue a replay. ConflictError for a disabled endpoint, which is sent nothing."""
        if endpoint.state == "disabled":
            raise ConflictError(f"the endpoint is disabled, so it is sent nothing: resume it first ({endpoint.id})")
        self.queue.send([wanted])

    def _send(self, endpoint_id: str, event: Event, request: str) -> None:
        lane = lane_of(event.key, self.lanes())
        self.queue.send([WebhookAttempt(endpoint_id, lane, event.key, request, event.trace_id)])


def _is_wanted(event: Event, endpoint: Endpoint, wanted: WebhookReplay) -> bool:
    """As the worker decides it (`cairn.webhooks.replay`)."""
    of_types = not wanted.event_types or event.type in wanted.event_types
    return of_types and endpoint.wants(event.type) and matches(endpoint.filter, event) and not event.erased
