"""What becomes of an event: it is stored once, and queued for each endpoint that wants it."""

from __future__ import annotations

import json
from datetime import timedelta

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.messages import WebhookAttempt, WebhookEvent, WebhookLane
from cairn.observability import logger
from cairn.webhooks.circuit import lane_of
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events, data_of
from cairn.webhooks.filters import matches
from cairn.webhooks.model import Contact, Event, Message

LATE = timedelta(minutes=10)
"""The sweep looks after what is older than a quarter of an hour, once."""


class FanOut:
    """`queue` is the webhook queue, `lanes` how many lanes an endpoint has."""

    def __init__(
        self,
        *,
        endpoints: Endpoints,
        events: Events,
        deliveries: Deliveries,
        queue: Queue,
        lanes: int,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._events = events
        self._deliveries = deliveries
        self._queue = queue
        self._lanes = lanes
        self._clock = clock

    def handle(self, message: WebhookEvent, *, repeated: bool) -> None:
        """Store the event and queue its first attempts. A repeat queues again what an earlier try decided.

        Nothing is stored while there is no endpoint at all. Those that are paused or disabled get the event later.
        """
        existing = self._endpoints.all(consistent=True)
        if not existing:
            return
        event = event_of(message)
        wanting = [
            endpoint.id for endpoint in existing if endpoint.wants(event.type) and matches(endpoint.filter, event)
        ]
        event = self._events.store(event, wanting, repeated=repeated)
        if self._clock() - event.at > LATE:
            self._note_due(event)
        else:
            self._queue.send(first_attempts(event, self._lanes))
        logger.info("event stored", event_id=event.id, type=event.type, endpoints=len(event.endpoints))

    def _note_due(self, event: Event) -> None:
        """Note the messages of an event that comes late; the sweep has looked past its time already."""
        lane = lane_of(event.key, self._lanes)
        for endpoint in event.endpoints:
            self._deliveries.decide(Message(endpoint, event.key, due_at=self._clock(), error="the event came late"))
            self._queue.send([WebhookLane(endpoint, lane, None, f"late {event.id}")])


def event_of(message: WebhookEvent) -> Event:
    """The event of a queue's message. ValueError when its data is not JSON."""
    contact = json.loads(message.contact) if message.contact else None
    return Event(
        id=message.event_id,
        type=message.event_type,
        at=message.at,
        subject=message.subject,
        data=data_of(message.data),
        contact=Contact(**contact) if contact else None,
        trace_id=message.trace_id,
    )


def first_attempts(event: Event, lanes: int) -> list[WebhookAttempt]:
    """An attempt for each endpoint that wants the event."""
    lane = lane_of(event.key, lanes)
    return [WebhookAttempt(endpoint, lane, event.key, "", event.trace_id) for endpoint in event.endpoints]
