"""The body of a message in each of the three formats: the very bytes that are signed and sent. Pure.

| format | body | for |
|---|---|---|
| standard | `{type, timestamp, data}` | receivers of Standard Webhooks |
| source | `{event, timestamp, user, metadata}` | receivers of the usage webhooks' first plan |
| ghl | one object of texts, numbers and booleans, with the same keys in the same order | GoHighLevel |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cairn.clock import iso
from cairn.codec import to_json
from cairn.webhooks import ghl
from cairn.webhooks.catalogue import CATALOGUE, MILESTONE
from cairn.webhooks.fields import metadata
from cairn.webhooks.model import EVERYTHING, Contact, Endpoint, Event, event_id

SAMPLE_CONTACT = Contact("Sam Sample", "sam.sample@example.com", "+15555550100")
_SAMPLE_SUBJECT = "user:sample"


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a request, and the headers that describe them."""

    content: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def render(event: Event, endpoint: Endpoint, *, template: str | None, message_id: str, sample: bool = False) -> Body:
    """The body of an event for an endpoint. NoContactError when the format needs a contact and there is none."""
    match endpoint.format:
        case "standard":
            body = _standard(event, template, sample)
        case "source":
            body = _source(event, template, sample)
        case "ghl":
            body = ghl.body(event, endpoint, template=template, message_id=message_id, sample=sample)
    return Body(to_json(body).encode())


def sample(type_: str | None, endpoint: Endpoint, at: datetime) -> Event:
    """An example of a type, by default the first that the endpoint wants, to be sent with `render(…, sample=True)`.

    Its contact is the endpoint's default one, or a made-up one.
    """
    name = type_ or next((one for one in endpoint.events if one != EVERYTHING), MILESTONE)
    example = CATALOGUE[name].example if name in CATALOGUE else {}
    contact = endpoint.default_contact or SAMPLE_CONTACT
    return Event(
        id=event_id(at, f"sample/{endpoint.id}/{name}"),
        type=name,
        at=at,
        subject=str(example.get("subject", _SAMPLE_SUBJECT)),
        data=example,
        contact=contact if contact.reachable else replace(SAMPLE_CONTACT, name=contact.name),
    )


def _standard(event: Event, template: str | None, sample: bool) -> dict[str, Any]:
    contact = _contact_fields(event.contact) if event.contact else None
    added = {"subject": event.subject, "sequence": event.sequence, "contact": contact, "template": template}
    return {"type": event.type, "timestamp": iso(event.at), "data": {**event.data, **added, **_marked(sample)}}


def _source(event: Event, template: str | None, sample: bool) -> dict[str, Any]:
    contact = event.contact or Contact()
    kind, _, id_ = (event.subject or "").partition(":")
    name = contact.name or event.data.get("name")
    user = {
        "id": id_ or kind or None,
        **_contact_fields(contact),
        "name": name if isinstance(name, str) else None,
    }
    added = {"subject": event.subject, "sequence": event.sequence, "template": template}
    return {
        "event": event.type,
        "timestamp": iso(event.at),
        "user": user,
        "metadata": {**metadata(event), **added, **_marked(sample)},
    }


def _contact_fields(contact: Contact) -> dict[str, str | None]:
    return {"name": contact.name, "email": contact.email, "phone": contact.phone}


def _marked(sample: bool) -> dict[str, bool]:
    return {"sample": True} if sample else {}
