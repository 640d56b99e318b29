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
from cairn.webhooks.milestone_schema import (
    COUNT,
    EITHER,
    FEATURE_EXAMPLE,
    GOAL_EXAMPLE,
    INSTANT,
    LOCAL_DATE,
    MILESTONE_EXAMPLE,
    MILESTONE_FIELDS,
    NUMBER,
    PUBLISHED_FIELDS,
    REVERSAL_FIELDS,
    STREAK,
    TEXT,
    TIME_ZONE,
    USER_FIELDS,
    object_of,
)
from cairn.webhooks.schema import violation

MILESTONE = "milestone_reached"
REVERTED = "milestone_reverted"
DAILY_GOAL = "daily_goal_achieved"
FEATURE = "feature_first_used"
USER_CREATED = "user_created"
STREAK_LOST = "streak_lost"
STREAK_RESTORED = "streak_restored"
USER_DELETED = "user_deleted"
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

_MONEY = {
    "amount": {**NUMBER, "description": "In the currency's main unit: 49.00 is 49 dollars."},
    "currency": {**TEXT, "pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
}
_PLAN = {
    "plan": TEXT,
    **_MONEY,
    "interval": {"enum": ["day", "week", "month", "year"]},
}
_SOURCE = {**TEXT, "description": "Where the user came from; of Cairn's own, usage or api."}
_NAMED_FEATURE = {**USER_FIELDS["feature"], "type": "string"}
_OF_A_DAY = {"date": LOCAL_DATE, "streakDays": STREAK, "timeZone": TIME_ZONE}


_TYPES = (
    EventType(
        MILESTONE,
        "A subject passed a milestone: a channel, a rep, a live stream that the operator named, a product's user.",
        object_of({**MILESTONE_FIELDS, **PUBLISHED_FIELDS, **USER_FIELDS}, anyOf=EITHER),
        MILESTONE_EXAMPLE,
        contact=False,
    ),
    EventType(
        REVERTED,
        "An operator took a milestone back, because it was false.",
        object_of(
            {**REVERSAL_FIELDS, **PUBLISHED_FIELDS, **USER_FIELDS},
            anyOf=[{"required": list(REVERSAL_FIELDS)}, EITHER[1]],
        ),
        {
            **MILESTONE_EXAMPLE,
            "revertedAt": "2026-11-30T15:20:00.000Z",
            "reason": "a booking was entered twice",
        },
        contact=False,
    ),
    EventType(
        USER_CREATED,
        "Somebody signed up for the product, or was seen for the first time.",
        object_of({"plan": TEXT, "source": _SOURCE, "timeZone": TIME_ZONE}),
        {"plan": "free", "source": "newsletter", "timeZone": "Europe/Lisbon"},
        contact=True,
    ),
    EventType(
        "subscription_started",
        "A user began to pay, or a trial began.",
        object_of({**_PLAN, "trialEndsAt": INSTANT, "currentPeriodEndsAt": INSTANT}),
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
        object_of({**_PLAN, "previousPlan": TEXT, "seats": COUNT, "currentPeriodEndsAt": INSTANT}),
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
        object_of({**_MONEY, "plan": TEXT, "invoice": TEXT, "attempt": COUNT, "reason": TEXT, "retryAt": INSTANT}),
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
        object_of({**_MONEY, "plan": TEXT, "invoice": TEXT, "attempt": COUNT}),
        {"amount": from_json("49.00"), "currency": "USD", "plan": "pro", "invoice": "in_1042", "attempt": 2},
        contact=True,
    ),
    EventType(
        "subscription_canceled",
        "A subscription was cancelled; `endsAt` says until when it was paid for.",
        object_of({"plan": TEXT, "reason": TEXT, "endsAt": INSTANT}),
        {"plan": "pro", "reason": "too expensive", "endsAt": "2026-12-30T00:00:00.000Z"},
        contact=True,
    ),
    EventType(
        "trial_ending",
        "A trial ends soon.",
        object_of({"plan": TEXT, "trialEndsAt": INSTANT, "daysLeft": COUNT}),
        {"plan": "pro", "trialEndsAt": "2026-12-14T00:00:00.000Z", "daysLeft": 3},
        contact=True,
    ),
    EventType(
        DAILY_GOAL,
        "A user of the product reached the goal of a day; `streakDays` says on how many days in a row.",
        object_of({**MILESTONE_FIELDS, **PUBLISHED_FIELDS, **USER_FIELDS, "streak_days": COUNT}),
        GOAL_EXAMPLE,
        contact=True,
    ),
    EventType(
        FEATURE,
        "A user of the product used a feature for the first time.",
        object_of(
            {**MILESTONE_FIELDS, **PUBLISHED_FIELDS, **USER_FIELDS, "feature": _NAMED_FEATURE}, required=["feature"]
        ),
        FEATURE_EXAMPLE,
        contact=True,
    ),
    EventType(
        STREAK_LOST,
        "A user's streak ended: a day went by without the goal, and it is too late to report anything for that day.",
        object_of(_OF_A_DAY),
        {"date": "2026-11-27", "streakDays": 12, "timeZone": "Europe/Lisbon"},
        contact=True,
    ),
    EventType(
        STREAK_RESTORED,
        "What a user did on an earlier day was reported late, and mended the streak.",
        object_of(_OF_A_DAY),
        {"date": "2026-11-29", "streakDays": 13, "timeZone": "Europe/Lisbon"},
        contact=True,
    ),
    EventType(
        USER_DELETED,
        "A user of the product was erased. Nothing is sent about this user any more.",
        object_of({}),
        {},
        contact=True,
    ),
)

CATALOGUE: Mapping[str, EventType] = MappingProxyType({type_.name: type_ for type_ in _TYPES})
