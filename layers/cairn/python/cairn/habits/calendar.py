"""Local days on a user's timeline of zones: when they begin and end, how long they are, and which day an event is of.

Nothing is computed from a day's midnight, which does not exist on some days of Cairo, Beirut, Havana, Santiago and
Asunción; nor is a day 24 hours long. Days are compared by their dates.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from cairn.errors import BadInputError
from cairn.zones import Zones, starts

LATENESS = timedelta(hours=48)
"""How late an event may be, and how long a day stays open after it ends."""
AHEAD = timedelta(minutes=5)
"""How far the clock of a caller may be ahead."""
OWED_FROM = timedelta(hours=22)
"""A day that a change of zone or clock made shorter than this owes nothing: a flight across the date line breaks no
streak. A change of the clock alone takes two hours at most."""
_SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


class TooOldError(BadInputError):
    """An event of more than 48 hours ago."""


class FutureError(BadInputError):
    """An event of more than five minutes from now."""


def ends(zones: Zones, day: date) -> datetime:
    """The instant after the last one of a day on a timeline; of a day that it leaves out, by the zone of that time."""
    spans = _spans(zones, day)
    return max(end for _, end in spans) if spans else starts(zones.at(starts(zones.changes[-1][1], day)), day + DAY)


def begins(zones: Zones, day: date) -> datetime:
    """The first instant of a day on a timeline; of a day that it leaves out, by the zone of that time."""
    spans = _spans(zones, day)
    return min(begin for begin, _ in spans) if spans else starts(zones.at(starts(zones.changes[-1][1], day)), day)


def length(zones: Zones, day: date) -> timedelta:
    """How long a day was, or will be, for somebody with these zones: zero for one that they left out."""
    return sum((end - begin for begin, end in _spans(zones, day)), timedelta())


def owes(zones: Zones, day: date) -> bool:
    """Whether a streak needs this day."""
    return length(zones, day) >= OWED_FROM


def is_final(zones: Zones, day: date, now: datetime) -> bool:
    """Whether no event of this day is accepted any more."""
    return ends(zones, day) + LATENESS <= now


def last_final(zones: Zones, now: datetime) -> date:
    """The last day of which no event is accepted any more, nor of any day before it."""
    day = zones.day(now - LATENESS) - DAY
    while not is_final(zones, day, now):
        day -= DAY
    return day


def day_of(zones: Zones, now: datetime, *, at: datetime | None = None, day: date | None = None) -> date:
    """The local day of an event that happened at an instant, or on a local day, or now.

    TooOldError, FutureError, and BadInputError when both are given.
    """
    if at is not None and day is not None:
        raise BadInputError("at, date: give one of them, not both")
    if day is not None:
        if day < zones.day(now) and is_final(zones, day, now):
            raise TooOldError(f"too_old: {day} ended more than 48 hours ago")
        if begins(zones, day) > now + AHEAD:
            raise FutureError(f"future: {day} has not begun in {zones.at(now)}")
        return day
    instant = now if at is None else at
    if instant < now - LATENESS:
        raise TooOldError(f"too_old: {instant:%Y-%m-%dT%H:%M:%SZ} is more than 48 hours ago")
    if instant > now + AHEAD:
        raise FutureError(f"future: {instant:%Y-%m-%dT%H:%M:%SZ} is more than five minutes from now")
    return zones.day(instant)


def _spans(zones: Zones, day: date) -> list[tuple[datetime, datetime]]:
    """The parts of a day on a timeline, each in one zone."""
    spans = []
    for index, (since, name) in enumerate(zones.changes):
        until = zones.changes[index + 1][0] if index + 1 < len(zones.changes) else None
        begin, end = starts(name, day), starts(name, day + DAY)
        if index:
            begin = max(begin, since)
        if until:
            end = min(end, until)
        if begin < end:
            spans.append((begin, end))
    return spans
