"""The types of events: what each means, the JSON Schema of its data, and an example. A new type is one entry here.

A product publishes any of them, or types of its own such as `acme.order_paid`. The schema says what a field is when it
is there; fields beyond it are sent along. Pure, and without the jsonschema package, which a cold start would pay for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cairn.codec import from_json, to_json
from cairn.errors import BadInputError
from cairn.webhooks.schema import violation

MILESTONE = "milestone_reached"
REVERTED = "milestone_reverted"
MAX_TYPE = 100
MAX_DATA = 32_768
"""Bytes of an event's data as JSON."""
MAX_DEPTH = 10
RESERVED = ("subject", "sequence", "contact", "template", "sample")
"""What Cairn adds to the data that it sends."""
_TYPE = re.compile(r"[a-zA-Z0-9_]+(?:\.[a-zA-Z0-9_]+)*")
"""https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#event-types"""


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event; `contact` when it is about a person, whom a CRM knows by e-mail or telephone."""

    name: str
    words: str
    schema: Mapping[str, Any]
    """Of its data, as JSON Schema 2020-12."""
    example: Mapping[str, Any]
    contact: bool


def check_type(name: str) -> None:
    """BadInputError unless it is a type of the catalogue, or can be a product's own."""
    if len(name) > MAX_TYPE or not _TYPE.fullmatch(name):
        raise BadInputError(f"type: letters, digits, _ and dots between them, at most {MAX_TYPE} characters")
    if name not in CATALOGUE and "." not in name:
        known = ", ".join(CATALOGUE)
        raise BadInputError(f"type: {name} is none of {known}; a type of your own has a dot, such as acme.order_paid")


def check_data(type_: str, data: Mapping[str, Any]) -> None:
    """BadInputError, which names the field, for data that events of this type do not have, or that Cairn adds."""
    if not isinstance(data, Mapping):
        raise BadInputError("data: an object")
    known = CATALOGUE.get(type_)
    own = known.schema["properties"] if known else {}
    if taken := [name for name in RESERVED if name in data and name not in own]:
        raise BadInputError(f"data.{taken[0]}: Cairn adds a field of this name; send yours beside data, or rename it")
    _check_depth(data, "data", MAX_DEPTH)
    try:
        size = len(to_json(data).encode())
    except (ValueError, TypeError) as error:
        raise BadInputError(f"data: {error}") from None
    if size > MAX_DATA:
        raise BadInputError(f"data: {size} bytes as JSON; at most {MAX_DATA}")
    if known and (found := violation(data, known.schema, "data")):
        raise BadInputError(found)


def _check_depth(value: object, field: str, levels: int) -> None:
    """Objects and lists within each other: boto3, JSON readers and receivers all have a limit somewhere."""
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    if items and not levels:
        raise BadInputError(f"{field}: at most {MAX_DEPTH} levels of objects and lists")
    for item in items:
        _check_depth(item, field, levels - 1)


# -- fields

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_INSTANT = {"type": "string", "format": "date-time"}
_STEP = {"type": "object", "properties": {"threshold": _NUMBER, "label": _TEXT}, "required": ["threshold", "label"]}
_MONEY = {
    "amount": {**_NUMBER, "description": "In the currency's main unit: 49.00 is 49 dollars."},
    "currency": {**_TEXT, "pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
}
_PLAN = {
    "plan": _TEXT,
    **_MONEY,
    "interval": {"enum": ["day", "week", "month", "year"]},
}


def _object(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), **more}


_MILESTONE = {
    "milestone": {**_TEXT, "description": "The milestone's id, as GET /api/milestones lists it."},
    "subject": {**_TEXT, "description": "Whose milestone it is: channel:youtube:UC…, rep:17."},
    "kind": {**_TEXT, "description": "The subject's kind: channel, rep."},
    "name": {**_TEXT, "description": "The subject's name."},
    "rule": {**_TEXT, "description": "What was counted: subscribers, viewers, revenue, signups, goal, …"},
    "metric": {**_TEXT, "description": "The number that the rule looks at."},
    "period": {**_TEXT, "description": "all-time, or the month or day for which the rule counts."},
    "threshold": {**_NUMBER, "description": "What was passed."},
    "label": {**_TEXT, "description": "The threshold as people write it."},
    "value": {**_NUMBER, "description": "The metric's value in the reading that passed it."},
    "alsoPassed": {
        "type": "array",
        "items": _STEP,
        "description": "Lower thresholds that the same reading passed, ascending.",
    },
    "isFirst": {"type": "boolean", "description": "Whether the subject had passed none of the rule in this period."},
    "title": {**_TEXT, "description": "What it is in a few words."},
    "description": {**_TEXT, "description": "What it is in a sentence."},
    "emoji": _TEXT,
    "metrics": {
        "type": "object",
        "additionalProperties": _NUMBER,
        "description": "All metrics of the reading, by name; one that is absent is unknown, and not zero.",
    },
    "details": _object(
        {"team": _TEXT, "user_id": {"type": ["string", "integer"]}},
        description="What describes the subject besides its metrics.",
    ),
    "achievedAt": _INSTANT,
}
_AS_PUBLISHED = {
    "milestone_type": {**_TEXT, "description": "What a product counted, when it publishes a milestone of its own."},
    "milestone_value": _NUMBER,
    "lifetime_total": {"type": ["number", "null"]},
    "is_first": {"type": "boolean"},
}
_EITHER = [{"required": list(_MILESTONE)}, {"required": ["milestone_type", "milestone_value"]}]
"""A milestone of Cairn's, or one that a product published with the fields of its own plan."""

_MILESTONE_EXAMPLE = {
    "milestone": "rep:17/revenue/2026-11/25000",
    "subject": "rep:17",
    "kind": "rep",
    "name": "Ada Okafor",
    "rule": "revenue",
    "metric": "monthly_revenue",
    "period": "2026-11",
    "threshold": 25_000,
    "label": "$25,000",
    "value": from_json("25400.50"),
    "alsoPassed": [{"threshold": 10_000, "label": "$10,000"}],
    "isFirst": True,
    "title": "$25,000 in a month",
    "description": "Monthly revenue passed $25,000.",
    "emoji": "💰",
    "metrics": {"monthly_revenue": from_json("25400.50"), "monthly_signups": 14},
    "details": {"team": "North", "user_id": "ada"},
    "achievedAt": "2026-11-30T14:03:07.250Z",
}
_REVERTED = {
    **_MILESTONE,
    "revertedAt": _INSTANT,
    "reason": {**_TEXT, "description": "Why the operator took it back."},
}

_TYPES = (
    EventType(
        MILESTONE,
        "A subject passed a milestone: a channel, a rep, a live stream that the operator named, a product's user.",
        _object({**_MILESTONE, **_AS_PUBLISHED}, anyOf=_EITHER),
        _MILESTONE_EXAMPLE,
        contact=False,
    ),
    EventType(
        REVERTED,
        "An operator took a milestone back, because it was false.",
        _object({**_REVERTED, **_AS_PUBLISHED}, anyOf=[{"required": list(_REVERTED)}, _EITHER[1]]),
        {
            **_MILESTONE_EXAMPLE,
            "revertedAt": "2026-11-30T15:20:00.000Z",
            "reason": "a booking was entered twice",
        },
        contact=False,
    ),
    EventType(
        "user_created",
        "Somebody signed up for the product.",
        _object({"plan": _TEXT, "source": {**_TEXT, "description": "Where the user came from."}, "timeZone": _TEXT}),
        {"plan": "free", "source": "newsletter", "timeZone": "Europe/Lisbon"},
        contact=True,
    ),
    EventType(
        "subscription_started",
        "A user began to pay, or a trial began.",
        _object({**_PLAN, "trialEndsAt": _INSTANT, "currentPeriodEndsAt": _INSTANT}),
        {
            "plan": "pro",
            "amount": from_json("49.00"),
            "currency": "USD",
            "interval": "month",
            "trialEndsAt": "2026-12-14T00:00:00.000Z",
            "currentPeriodEndsAt": "2026-12-30T00:00:00.000Z",
        },
        contact=True,
    ),
    EventType(
        "subscription_updated",
        "A subscription changed: another plan, another price, another number of seats.",
        _object({**_PLAN, "previousPlan": _TEXT, "seats": _COUNT, "currentPeriodEndsAt": _INSTANT}),
        {
            "plan": "team",
            "amount": from_json("199.00"),
            "currency": "USD",
            "interval": "month",
            "previousPlan": "pro",
            "seats": 5,
            "currentPeriodEndsAt": "2026-12-30T00:00:00.000Z",
        },
        contact=True,
    ),
    EventType(
        "payment_failed",
        "A payment was refused.",
        _object({**_MONEY, "plan": _TEXT, "invoice": _TEXT, "attempt": _COUNT, "reason": _TEXT, "retryAt": _INSTANT}),
        {
            "amount": from_json("49.00"),
            "currency": "USD",
            "plan": "pro",
            "invoice": "in_1042",
            "attempt": 1,
            "reason": "card_declined",
            "retryAt": "2026-12-03T09:00:00.000Z",
        },
        contact=True,
    ),
    EventType(
        "payment_recovered",
        "A payment that had failed went through.",
        _object({**_MONEY, "plan": _TEXT, "invoice": _TEXT, "attempt": _COUNT}),
        {"amount": from_json("49.00"), "currency": "USD", "plan": "pro", "invoice": "in_1042", "attempt": 2},
        contact=True,
    ),
    EventType(
        "subscription_canceled",
        "A subscription was cancelled; `endsAt` says until when it was paid for.",
        _object({"plan": _TEXT, "reason": _TEXT, "endsAt": _INSTANT}),
        {"plan": "pro", "reason": "too expensive", "endsAt": "2026-12-30T00:00:00.000Z"},
        contact=True,
    ),
    EventType(
        "trial_ending",
        "A trial ends soon.",
        _object({"plan": _TEXT, "trialEndsAt": _INSTANT, "daysLeft": _COUNT}),
        {"plan": "pro", "trialEndsAt": "2026-12-14T00:00:00.000Z", "daysLeft": 3},
        contact=True,
    ),
)

CATALOGUE: Mapping[str, EventType] = MappingProxyType({type_.name: type_ for type_ in _TYPES})
