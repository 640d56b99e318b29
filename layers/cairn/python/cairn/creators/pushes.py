"""What a platform's webhook says: its signature, and the payment or the hint in it. Pure.

https://api.fanvue.com/docs/webhooks/webhooks-overview
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cairn.analytics.money import DEFAULT_CURRENCY, category_of
from cairn.clock import from_iso, from_millis, iso
from cairn.codec import from_json
from cairn.creators.model import Creator, Transaction
from cairn.errors import BadInputError, NotSignedInError
from cairn.upstream import MAX_COUNT

TOLERANCE = timedelta(seconds=300)
"""How old, or how far ahead, a signature may be. https://api.fanvue.com/docs/webhooks/signature"""
PAYMENT = "creator.payment.succeeded"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the webhook tells it; amounts in minor units, the net None where it is not known yet."""

    id: str
    at: datetime
    gross: int
    net: int | None
    currency: str | None
    source: str
    payer: str | None
    payer_name: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is the same at each delivery; `creator` the platform's id of whom it is about. Without a payment it only
    hints that the creator's list has changed.
    """

    id: str
    type: str
    creator: str | None
    payment: Payment | None


def check_signature(header: str, body: bytes, secret: str, now: datetime) -> None:
    """NotSignedInError unless the body is signed with the secret, and lately. No secret signs nothing.

    `t=<unix seconds>,v0=<hex>[,<hex>]`: HMAC-SHA256 of `{t}.{body}`; two while a secret is replaced.
    """
    stamp, given = _parts(header)
    if not stamp or not given:
        raise NotSignedInError("X-Fanvue-Signature is missing or malformed")
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    if not secret or not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
        raise NotSignedInError("X-Fanvue-Signature is wrong")
    if abs(now - from_millis(1000 * int(stamp))) > TOLERANCE:
        raise NotSignedInError("X-Fanvue-Signature is too old")


def _parts(header: str) -> tuple[str, list[str]]:
    stamp, given = "", list[str]()
    for part in header.split(","):
        name, equals, value = part.strip().partition("=")
        if name == "t" and equals:
            stamp = value if value.isascii() and value.isdecimal() and len(value) <= 12 else ""
        elif name == "v0" and equals:
            given.append(value)
        elif not equals and given:
            given.append(name)
    return stamp, given


def read_event(body: bytes) -> Event:
    """The event of a body. BadInputError for one that is not a JSON object.

    What Fanvue calls legacy has no envelope: the type is not in the body, and the body's hash stands for an id.
    """
    try:
        content = from_json(body)
    except (ValueError, RecursionError):
        raise BadInputError("the body is not JSON") from None
    if not isinstance(content, dict):
        raise BadInputError("the body is not a JSON object")
    data = content.get("data")
    kind = str(content.get("type") or "legacy")[:100]
    own_id = content.get("id") if isinstance(data, dict) and isinstance(content.get("id"), str) else None
    resource = data if isinstance(data, dict) else content
    return Event(
        id=(own_id or f"body-{hashlib.sha256(body).hexdigest()[:32]}")[:200],
        type=kind,
        creator=_creator(resource),
        payment=_payment(resource) if kind == PAYMENT else None,
    )


def _creator(resource: Mapping[str, Any]) -> str | None:
    """`creator.uuid` of an envelope's resource; of a flat body its `recipientUuid` or `creatorUuid`."""
    creator = resource.get("creator")
    found = creator.get("uuid") if isinstance(creator, dict) else None
    found = found or resource.get("creatorUuid") or resource.get("recipientUuid")
    return found[:200] if isinstance(found, str) else None


def _payment(resource: Mapping[str, Any]) -> Payment | None:
    """None for one without what a transaction needs: then it is a hint, and the sync brings the row."""
    try:
        gross, net = resource["gross"], resource.get("net")
        if not _amount(gross) or not (net is None or _amount(net)):
            return None
        fan = resource.get("fan") or resource.get("purchaser") or {}
        return Payment(
            id=_text(resource["id"]),
            at=from_iso(_text(resource.get("paid_at") or resource["created_at"])),
            gross=gross,
            net=net,
            currency=_text(resource["currency"]).upper() if resource.get("currency") else None,
            source=_source(resource),
            payer=_text(fan["uuid"]) if fan.get("uuid") else None,
            payer_name=_text(fan["handle"]) if fan.get("handle") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _source(resource: Mapping[str, Any]) -> str:
    """What the platform's list will name the row's source."""
    if resource.get("source"):
        return _text(resource["source"])
    reason = {"subscription_initial": "subscription", "subscription_renewal": "renewal"}
    return reason.get(str(resource.get("billing_reason")), "other")


def _amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_COUNT


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value[:200]


def transaction_of(payment: Payment, creator: Creator, *, trace_id: str, silent: bool) -> Transaction:
    """The payment as a transaction, until the platform's list has its row."""
    hashed = hashlib.sha256(payment.id.encode()).hexdigest()[:16]
    return Transaction(
        creator=creator.id,
        key=f"{iso(payment.at)}#push-{hashed}#0000",
        at=payment.at,
        gross=payment.gross,
        net=payment.net,
        currency=payment.currency or creator.currency or DEFAULT_CURRENCY,
        category=category_of(payment.source),
        source=payment.source,
        payer=payment.payer,
        payer_name=payment.payer_name,
        origin="push",
        trace_id=trace_id,
        silent=silent or payment.at < creator.added_at,
        push=payment.id,
    )
