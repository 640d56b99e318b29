"""Which time zone holds when: pure. A change of zone neither repeats nor skips a month."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
LEAD = timedelta(seconds=60)
"""How long before it takes effect a change is known, so that every function follows it at the same instant."""
AGREEMENT_WITHIN = timedelta(hours=48)
"""In how long two zones agree about the day, unless they never do: they are up to 26 hours apart."""
MAX_CHANGES = 200
_SECOND = timedelta(seconds=1)
_QUARTER = timedelta(minutes=15)
"""Every zone of this century is ahead of UTC, or behind, by whole quarters of an hour; so their days begin at one."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The operator's time zones, each with the instant from which it holds; the first holds for all time before."""

    changes: tuple[tuple[datetime, str], ...]

    @classmethod
    def of(cls, name: str) -> Self:
        """One zone for all time. ZoneInfoNotFoundError for an unknown name, at the first use."""
        return cls(((BEGINNING, name),))

    def at(self, instant: datetime) -> str:
        """The name of the zone that holds at an instant."""
        index = bisect_right(self.changes, instant, key=lambda change: change[0]) if len(self.changes) > 1 else 1
        return self.changes[max(index - 1, 0)][1]

    def local(self, instant: datetime) -> datetime:
        """The instant in the zone that holds then."""
        return instant.astimezone(ZoneInfo(self.at(instant)))

    def day(self, instant: datetime) -> date:
        return self.local(instant).date()

    def month(self, instant: datetime) -> str:
        """`2026-11`"""
        return self.local(instant).strftime("%Y-%m")

    def changed(self, name: str, now: datetime) -> Zones:
        """These zones, with another one from the first instant, a minute from now or later, that fits.

        That is when both zones have the same date; of zones that never do, when they are in the same month. A change
        that was to take effect later than in a minute is dropped.
        """
        earliest = now + LEAD
        kept = [change for change in self.changes if change[0] <= earliest] or [self.changes[0]]
        if kept[-1][1] != name:
            kept.append((_agreement(kept[-1][1], name, earliest), name))
        return Zones(tuple(kept[-MAX_CHANGES:]))


UTC_ONLY = Zones.of("UTC")


@lru_cache(maxsize=4096)
def starts(zone: str, day: date) -> datetime:
    """The first instant of a local day in a zone, after which no earlier day returns.

    Of a day that does not exist there: when the day after it starts.
    """
    info = ZoneInfo(zone)
    midnight = datetime.combine(day, time.min, info)
    first, second = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    if first < second:  # it strikes twelve twice; between, it may be yesterday again
        return second if (second - _SECOND).astimezone(info).date() < day else first
    while second + _SECOND < first:  # no midnight: the clock was put forward across it
        middle = second + timedelta(seconds=(first - second) // _SECOND // 2)
        if middle.astimezone(info).date() >= day:
            first = middle
        else:
            second = middle
    return first


def _agreement(one: str, other: str, earliest: datetime) -> datetime:
    """The first instant from `earliest` at which both zones have the same date, or else the same month."""
    zones = ZoneInfo(one), ZoneInfo(other)
    same_month: datetime | None = None
    instant = earliest
    while instant <= earliest + AGREEMENT_WITHIN:
        first, second = (instant.astimezone(zone).date() for zone in zones)
        if first == second:
            return instant
        if same_month is None and (first.year, first.month) == (second.year, second.month):
            same_month = instant
        instant += _QUARTER - (instant - BEGINNING) % _QUARTER
    return same_month or earliest
