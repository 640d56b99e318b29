"""Sums of bookings by currency and category, and by quarter of an hour; how they are stored as text.

A day of any time zone of this century begins at a quarter of an hour of UTC, so every range can be cut from quarters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
QUARTERS = DAY // QUARTER


@dataclass(frozen=True, slots=True)
class Amounts:
    """Whole minor units, and the number of bookings; the net of `pending` of them is not known yet."""

    gross: int = 0
    net: int = 0
    count: int = 0
    pending: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.gross + other.gross, self.net + other.net, self.count + other.count, self.pending + other.pending
        )


Sums = Mapping[str, Mapping[str, Amounts]]
"""By currency, then category."""


class Booked(Protocol):
    """What is summed of a booking."""

    @property
    def at(self) -> datetime: ...
    @property
    def gross(self) -> int: ...
    @property
    def net(self) -> int | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def category(self) -> str: ...


def midnight(day: date) -> datetime:
    """When a day of UTC begins."""
    return datetime.combine(day, time.min, UTC)


def quarter_of(instant: datetime) -> int:
    """The number, from 0, of an instant's quarter of an hour in its day of UTC."""
    utc = instant.astimezone(UTC)
    return (utc - midnight(utc.date())) // QUARTER


def added(*several: Sums) -> Sums:
    total: dict[str, dict[str, Amounts]] = {}
    for sums in several:
        for currency, categories in sums.items():
            mine = total.setdefault(currency, {})
            for category, amounts in categories.items():
                mine[category] = mine.get(category, Amounts()) + amounts
    return total


def of_rows(rows: Iterable[Booked]) -> Sums:
    total: dict[str, dict[str, Amounts]] = {}
    for row in rows:
        mine = total.setdefault(row.currency, {})
        one = Amounts(row.gross, row.net or 0, 1, int(row.net is None))
        mine[row.category] = mine.get(row.category, Amounts()) + one
    return total


def by_quarter(rows: Iterable[Booked]) -> Mapping[int, Sums]:
    """The sums of rows of one day of UTC, by quarters that have any."""
    grouped: dict[int, list[Booked]] = {}
    for row in rows:
        grouped.setdefault(quarter_of(row.at), []).append(row)
    return {quarter: of_rows(grouped[quarter]) for quarter in sorted(grouped)}


def totals(sums: Sums) -> Mapping[str, Amounts]:
    """By currency, over all categories."""
    return {currency: sum(categories.values(), Amounts()) for currency, categories in sums.items()}


# -- as text: `{"USD":{"tips":[gross,net,count,pending]}}`, without a last zero; of quarters with their numbers in front


def to_text(sums: Sums) -> str:
    return _text(_plain(sums))


def from_text(text: str) -> Sums:
    """KeyError, TypeError or ValueError for any other text."""
    return _sums(json.loads(text))


def quarters_to_text(quarters: Mapping[int, Sums]) -> str:
    return _text({str(quarter): _plain(sums) for quarter, sums in sorted(quarters.items())})


def quarters_from_text(text: str) -> Mapping[int, Sums]:
    """KeyError, TypeError or ValueError for any other text."""
    return {int(quarter): _sums(sums) for quarter, sums in json.loads(text).items()}


def _plain(sums: Sums) -> dict[str, Any]:
    return {
        currency: {
            category: [one.gross, one.net, one.count, *([one.pending] if one.pending else [])]
            for category, one in sorted(categories.items())
        }
        for currency, categories in sorted(sums.items())
    }


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _sums(value: Mapping[str, Mapping[str, list[int]]]) -> Sums:
    return {
        currency: {category: Amounts(*map(int, numbers)) for category, numbers in categories.items()}
        for currency, categories in value.items()
    }
