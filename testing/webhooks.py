"""Events and endpoints, complete but for what a test is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cairn.webhooks.model import Contact, Endpoint, Event, Format, Secret, event_id, message_id

AT = datetime(2026, 11, 30, 14, 3, 7, 250_000, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ADA = Contact("Ada Lovelace", "ada@example.com", "+15555550101")


def event(
    data: Mapping[str, Any] | None = None,
    *,
    type: str = "acme.order_paid",  # noqa: A002 - as the event names it
    subject: str | None = "user:ada",
    contact: Contact | None = ADA,
    sequence: int | None = 3,
    at: datetime = AT,
) -> Event:
    id_ = event_id(at, f"{type}/{subject}")
    return Event(id_, type, at, subject, data or {}, contact, trace_id="t" * 32, sequence=sequence)


def endpoint(
    format: Format = "standard",  # noqa: A002 - as the endpoint names it
    *,
    events: tuple[str, ...] = ("*",),
    default_contact: Contact | None = None,
    secret: str = SECRET,
) -> Endpoint:
    return Endpoint(
        id="ep_" + "0" * 12,
        url="https://receiver.example/hook",
        format=format,
        events=events,
        secrets=(Secret(secret),),
        default_contact=default_contact,
    )


def message_of(event_: Event, endpoint_: Endpoint) -> str:
    """The message's id."""
    return message_id(event_.key, endpoint_.id)
