"""A row of an import: what a user did on a day, as another system counted it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from cairn.errors import BadInputError
from cairn.usage.events import to_user_id

EARLIEST = date(2000, 1, 1)
FIRST_ZONE = ZoneInfo("Pacific/Kiritimati")
"""Where a day begins first."""
MOST = 1_000_000_000
"""Of one metric on one day."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMES = {"user_id": "userId", "date": "date"}
_TEXT = 60


@dataclass(frozen=True, slots=True)
class Row:
    """All that the other system counted on a user's day. A later row of the same day replaces it."""

    user_id: str
    day: date
    counts: Mapping[str, int] = field(default_factory=dict)
    """By metric, without zeros."""


def to_row(given: object, metrics: Collection[str], latest: date) -> Row:
    """The row of a JSON object, or of the texts of a line of CSV, whose columns are named `user_id` and `date`.

    `metrics` are those that users have, `latest` is the last day that has begun anywhere. A metric that is absent or
    empty is 0. BadInputError, which names the field, for anything else.
    """
    if not isinstance(given, Mapping):
        raise BadInputError("must be an object {userId, date, replies, …}")
    named = {_NAMES.get(str(name), str(name)): value for name, value in given.items()}
    if unknown := [name for name in named if name not in metrics and name not in ("userId", "date")]:
        raise BadInputError(f"{unknown[0][:_TEXT]}: is none of userId, date, {', '.join(sorted(metrics))}")
    counts = {name: _count(name, value) for name, value in named.items() if name in metrics}
    return Row(
        user_id=to_user_id(named.get("userId")),
        day=_day(named.get("date"), latest),
        counts={name: count for name, count in sorted(counts.items()) if count},
    )


def _day(value: object, latest: date) -> date:
    try:
        if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
            raise ValueError
        day = date.fromisoformat(value.strip())
    except ValueError:
        raise BadInputError(f"date: must be like 2026-11-30, not {str(value)[:_TEXT]!r}") from None
    if day < EARLIEST:
        raise BadInputError(f"date: {day} is before {EARLIEST}")
    if day > latest:
        raise BadInputError(f"date: {day} has not begun anywhere")
    return day


def _count(name: str, value: object) -> int:
    """A whole number, as JSON or CSV has it."""
    if value is None or value == "":
        return 0
    text: Any = value.strip() if isinstance(value, str) else value
    digits = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= len(str(MOST))
    if isinstance(text, bool) or not (isinstance(text, int) or digits):
        raise BadInputError(f"{name}: must be a whole number from 0 to {MOST:,}, not {str(value)[:_TEXT]!r}")
    count = int(text)
    if not 0 <= count <= MOST:
        raise BadInputError(f"{name}: must be from 0 to {MOST:,}")
    return count
