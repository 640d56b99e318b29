"""Erases what was said, and keeps what happened: when it was sent, and with what result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cairn.model import Subject, new_trace_id
from cairn.webhooks.announce import WebhookAnnouncer
from cairn.webhooks.catalogue import USER_DELETED
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.listing import Listed
from cairn.webhooks.model import Contact, event_id, message_id

if TYPE_CHECKING:
    from cairn.aws.sqs import Queue

_KEY = "deleted"


@dataclass(frozen=True, slots=True)
class Erasure:
    endpoints: Endpoints
    events: Events
    deliveries: Deliveries

    def erase(self, listed: Listed) -> None:
        """Erase a message's event, which its messages to other endpoints share, and what all of them were answered.

        The event is first, so that a worker that starts later sends nothing. A repeat goes on where one stopped.
        """
        key = listed.message.event
        self.events.erase(key)
        wanted = listed.event.endpoints if listed.event else ()
        # A replay sends an event also to endpoints that did not exist when it happened.
        existing = (one.id for one in self.endpoints.all(consistent=True))
        for endpoint_id in dict.fromkeys([listed.message.endpoint, *wanted, *existing]):
            self.deliveries.erase_responses(message_id(key, endpoint_id))


def tell_of_erasure(webhooks: Queue) -> Callable[[Subject, datetime, Mapping[str, str]], None]:
    """What queues the event that a product's user was erased, with their contact. `webhooks` is the webhook queue."""

    def tell(subject: Subject, at: datetime, contact: Mapping[str, str]) -> None:
        known = Contact(**contact) if contact else None
        announcer = WebhookAnnouncer(webhooks=webhooks, rules={}, contact_of=lambda _: known)
        announcer.tell(USER_DELETED, subject, at=at, key=_KEY, data={}, trace_id=new_trace_id())

    return tell


def erasure_event(subject: Subject, at: datetime) -> str:
    """The key of that event."""
    return event_id(at, f"{subject}/{_KEY}").removeprefix("evt_")
