"""Endpoints and messages as the API shows them: no secret, no header's value, and no address that is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from cairn.aws.vault import BrokenSealError, VaultUnavailableError
from cairn.observability import logger
from cairn.webhooks import filters
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.listing import Listed
from cairn.webhooks.model import Contact, Endpoint
from functions.api.webhooks import message_schemas, schemas
from functions.api.webhooks.schemas import HIDDEN

_SHOWN = 4
"""Characters at the end of an address that is a secret, by which a person tells several apart."""
_LONG_ENOUGH = 24


def endpoint(stored: Endpoint, endpoints: Endpoints, now: datetime) -> schemas.Endpoint:
    return schemas.Endpoint(**_fields(_opened(stored, endpoints), now))


def endpoint_with_secret(opened: Endpoint, now: datetime) -> schemas.EndpointWithSecret:
    return schemas.EndpointWithSecret(**_fields(opened, now), secret=opened.secrets[0].value)


def shown_address(of: Endpoint) -> str:
    """The address; of one that is a secret, or cannot be decrypted, the host and at most the last characters."""
    if of.url and of.format != "ghl":
        return of.url
    rest = of.url.rpartition("/")[2]
    tail = rest[-_SHOWN:] if len(rest) >= _LONG_ENOUGH else ""
    scheme = urlsplit(of.url).scheme or "https"
    return f"{scheme}://{of.host}/{HIDDEN}{tail}"


def _opened(stored: Endpoint, endpoints: Endpoints) -> Endpoint:
    """One that cannot be opened is shown without its address, so that the others are shown, and it can be deleted."""
    try:
        return endpoints.unseal(stored)
    except (BrokenSealError, VaultUnavailableError) as error:
        logger.error("an endpoint's secrets cannot be decrypted", endpoint=stored.id, reason=str(error))
        return stored


def _fields(opened: Endpoint, now: datetime) -> dict[str, Any]:
    health = opened.health
    old = [one.until for one in opened.secrets if one.until is not None and one.until > now]
    return {
        "id": opened.id,
        "url": shown_address(opened),
        "description": opened.description,
        "format": opened.format,
        "events": list(opened.events),
        "filter": plain(filters.to_filter(opened.filter)),
        "headers": list(opened.header_names),
        "rate_limit": opened.rate_limit,
        "owner": opened.owner,
        "default_contact": _contact(opened.default_contact),
        "hold_out": opened.hold_out,
        "state": opened.state,
        "state_reason": opened.state_reason,
        "health": schemas.Health(
            failures=health.failures,
            failing_since=health.failing_since,
            open_until=health.open_until,
            last_error=health.last_error,
        ),
        "previous_secret_until": max(old, default=None),
        "created_at": opened.created_at,
        "created_by": opened.created_by,
        "version": opened.version,
    }


def _contact(contact: Contact | None) -> schemas.Contact | None:
    """As it is stored, which is what was checked."""
    if contact is None:
        return None
    return schemas.Contact.model_construct(name=contact.name, email=contact.email, phone=contact.phone)


def message(listed: Listed) -> message_schemas.Message:
    return message_schemas.Message(**_message_fields(listed), attempts=listed.message.tries)


def message_details(listed: Listed, answers: Mapping[int, str]) -> message_schemas.MessageDetails:
    event, stored = listed.event, listed.message
    attempts = [
        message_schemas.Attempt(
            number=one.number,
            at=one.at,
            milliseconds=one.milliseconds,
            status=one.status,
            error=one.error,
            reason=one.reason,
            response=answers.get(one.number),
        )
        for one in stored.attempts
    ]
    return message_schemas.MessageDetails(
        **_message_fields(listed),
        attempts=attempts,
        sequence=event.sequence if event else None,
        template=stored.template,
        contact=_contact(event.contact) if event else None,
        data=plain(event.data) if event else {},
        erased=event.erased if event else False,
        feedback=dict(stored.feedback),
    )


def _message_fields(listed: Listed) -> dict[str, Any]:
    event, stored = listed.event, listed.message
    return {
        "id": stored.id,
        "event": f"evt_{stored.event}",
        "endpoint": stored.endpoint,
        "type": event.type if event else None,
        "subject": event.subject if event else None,
        "status": stored.status,
        "created_at": stored.created_at,
        "sent_at": stored.sent_at,
        "due_at": stored.due_at,
        "error_message": stored.error or None,
        "sample": event.sample if event else False,
    }


def plain(value: Any) -> Any:
    """JSON with numbers as other answers have them; one that no float can hold is written as text."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) < 2**53:
            return int(value)
        return float(value) if isfinite(float(value)) else str(value)
    return value
