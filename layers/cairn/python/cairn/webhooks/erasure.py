"""Erases what was said, and keeps what happened: when it was sent, and with what result."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.listing import Listed
from cairn.webhooks.model import message_id


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
