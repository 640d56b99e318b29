"""A usage event: something that a product's user did, as the product tells it. Pure; parsed by hand to stay light."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cairn.clock import iso
from cairn.errors import BadInputError
from cairn.rules.counter import FEATURE, UsageType

MAX_COUNT = 1_000_000
MAX_ID = 200
NO_SEGMENTS = (".", "..")
"""What clients take out of an address, as RFC 3986, 5.2.4, says: nobody could ask for such a user."""
_FIELDS = ("userId", "type", "count", "at", "date", "id", "feature")
_USER_ID = re.compile(r"[A-Za-z0-9._:@|+=~'!-]{1,128}")
_FEATURE = re.compile(r"[a-z0-9_.-]{1,60}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """What a user did; `at` is when, or `day` is their local day of it. With neither, it happened now."""

    user_id: str
    type: str
    metric: str | None
    """None for what counts nothing."""
    count: int = 1
    """Negative to correct what was counted."""
    toward_goal: bool = False
    at: datetime | None = None
    day: date | None = None
    id: str | None = None
    """The caller's own, by which a repeat is recognised."""
    feature: str | None = None
    implied_feature: str | None = None
    """The feature that the type's setting implies, unlike `feature`, which the caller named."""

    @property
    def digest(self) -> str:
        """The same for the same event, and another for any other; 32 hexadecimal digits."""
        at, day = iso(self.at) if self.at else None, self.day.isoformat() if self.day else None
        payload = [self.user_id, self.type, self.count, at, day, self.feature]
        return hashlib.sha256(json.dumps(payload).encode()).hexdigest()[:32]


def to_event(given: object, types: Mapping[str, UsageType]) -> UsageEvent:
    """The event of a JSON object. BadInputError, whose text names the field, for anything else."""
    if not isinstance(given, dict):
        raise BadInputError("an event must be an object {userId, type, …}")
    if unknown := given.keys() - set(_FIELDS):
        raise BadInputError(f"{min(unknown)[:100]}: there is no such field; an event has {', '.join(_FIELDS)}")
    user_id = to_user_id(given.get("userId"))
    kind = _type(given.get("type"), types)
    at, day = _at(given.get("at")), _day(given.get("date"))
    if at and day:
        raise BadInputError("at, date: give one of them, not both")
    feature = _feature(given.get("feature"))
    if kind is None:
        if feature is None:
            raise BadInputError(f"feature: the type {FEATURE} requires it")
        if given.get("count") not in (None, 1) or given.get("count") is True:
            raise BadInputError(f"count: the type {FEATURE} counts nothing")
        return UsageEvent(user_id, FEATURE, None, at=at, day=day, id=_id(given.get("id")), feature=feature)
    return UsageEvent(
        user_id=user_id,
        type=kind.name,
        metric=kind.metric,
        count=_count(given.get("count")),
        toward_goal=kind.toward_goal,
        at=at,
        day=day,
        id=_id(given.get("id")),
        feature=feature,
        implied_feature=kind.feature,
    )


def to_user_id(given: object) -> str:
    """BadInputError for what is no id of a user."""
    if not (isinstance(given, str) and _USER_ID.fullmatch(given) and given not in NO_SEGMENTS):
        raise BadInputError("userId: must be 1 to 128 letters, digits or any of . _ : @ | + = - ~ ' !, and not . or ..")
    return given


def _type(given: object, types: Mapping[str, UsageType]) -> UsageType | None:
    """None for `feature`."""
    if given == FEATURE:
        return None
    if not isinstance(given, str) or given not in types:
        named = f"{given[:60]!r} is none of" if isinstance(given, str) else "must be one of"
        raise BadInputError(f"type: {named} {', '.join(sorted({*types, FEATURE}))}")
    return types[given]


def _count(given: object) -> int:
    if given is None:
        return 1
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < abs(given) <= MAX_COUNT:
        raise BadInputError(f"count: must be a whole number from 1 to {MAX_COUNT:,}, or negative to correct; not 0")
    return given


def _at(given: object) -> datetime | None:
    """An instant in UTC, in whole milliseconds. An offset is required: a time without one could be any zone's."""
    if given is None:
        return None
    if isinstance(given, int | float):
        raise BadInputError("at: a number may be seconds or milliseconds; send ISO 8601, as 2026-11-20T12:00:00Z")
    try:
        instant = datetime.fromisoformat(given) if isinstance(given, str) else None
        if instant is None or instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC).replace(microsecond=instant.microsecond // 1000 * 1000)
    except (ValueError, OverflowError):
        raise BadInputError("at: must be ISO 8601 with an offset, as 2026-11-20T12:00:00Z") from None


def _day(given: object) -> date | None:
    if given is None:
        return None
    try:
        if not isinstance(given, str) or not _DATE.fullmatch(given):
            raise ValueError
        return date.fromisoformat(given)
    except ValueError:
        raise BadInputError("date: must be a day of the user's, as 2026-11-20") from None


def _id(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID or not given.strip():
        raise BadInputError(f"id: must be a text of 1 to {MAX_ID} characters")
    return given


def _feature(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not _FEATURE.fullmatch(given):
        raise BadInputError("feature: must be 1 to 60 lower-case letters, digits or any of _ . -")
    return given
