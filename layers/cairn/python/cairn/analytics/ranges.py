"""Which days a dashboard shows, and in which buckets: days of a time zone, whatever its clock does.

A range is inclusive days. It begins with the first instant of its first day, and ends before the first instant of the
day after its last, so that no instant is in two ranges or two buckets.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from cairn.analytics.sums import DAY, QUARTER, midnight
from cairn.errors import BadInputError
from cairn.zones import starts

Interval = Literal["day", "week", "month"]
INTERVALS: tuple[Interval, ...] = ("day", "week", "month")
TIME_RANGES = ("all", "7d", "30d", "1y")
DEFAULT_TIME_RANGE = "30d"
EARLIEST = date(2015, 1, 1)
MAX_AHEAD = timedelta(days=366)
MAX_BUCKETS = 1_100
_MONDAY = 0


@dataclass(frozen=True, slots=True)
class Range:
    """From `first` to `last`, both included; `until` is where it is cut short within its last days."""

    first: date
    last: date
    zone: str
    until: datetime | None = None

    @property
    def start(self) -> datetime:
        return starts(self.zone, self.first)

    @property
    def end(self) -> datetime:
        """The instant after the last one."""
        whole = starts(self.zone, self.last + DAY)
        return min(whole, self.until) if self.until else whole

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Bucket:
    """Inclusive days, from `start` up to, without, `end`; `partial` while it is not over."""

    first: date
    last: date
    start: datetime
    end: datetime
    partial: bool


def today(zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


def check_zone(zone: str) -> str:
    """The zone. BadInputError unless the IANA database has it."""
    if zone not in available_timezones():
        raise BadInputError("timeZone: must be a time zone of the IANA database, such as Europe/Berlin or UTC")
    return zone


def resolve(
    *,
    time_range: str | None,
    start: date | None,
    end: date | None,
    zone: str,
    now: datetime,
    earliest: date | None = None,
) -> Range:
    """The range that a request means: 30 days unless it says something. BadInputError, in words, for what cannot be.

    `all` begins with `earliest`, the first day of which anything is known; `7d`, `30d` and `1y` end with today.
    """
    check_zone(zone)
    now_day = today(zone, now)
    if start is None and end is None:
        return Range(_first_of(time_range or DEFAULT_TIME_RANGE, now_day, earliest), now_day, zone)
    if time_range is not None:
        raise BadInputError("timeRange: not together with startDate or endDate")
    if start is None:
        raise BadInputError("startDate: needed with endDate")
    last = now_day if end is None else end
    if start > last:
        raise BadInputError("startDate: must not be after endDate" if end else "startDate: must not be after today")
    if start < EARLIEST:
        raise BadInputError(f"startDate: must not be before {EARLIEST.isoformat()}")
    if last > now_day + MAX_AHEAD:
        raise BadInputError("endDate: must not be more than a year from now")
    return Range(start, last, zone)


def _first_of(time_range: str, now_day: date, earliest: date | None) -> date:
    match time_range:
        case "7d":
            return now_day - timedelta(days=6)
        case "30d":
            return now_day - timedelta(days=29)
        case "1y":
            return months_before(now_day, 12) + DAY
        case "all":
            return min(max(earliest, EARLIEST), now_day) if earliest else now_day
    raise BadInputError(f"timeRange: must be one of {', '.join(TIME_RANGES)}")


def buckets(range_: Range, interval: Interval, now: datetime) -> list[Bucket]:
    """Every bucket of a range, without a gap; the first and the last are as long as the range lets them be.

    Weeks begin on Monday. BadInputError when there would be more than MAX_BUCKETS.
    """
    edges = [range_.first]
    while (following := _following(edges[-1], interval)) <= range_.last:
        edges.append(following)
        if len(edges) > MAX_BUCKETS:
            raise BadInputError(f"interval: more than {MAX_BUCKETS:,} buckets; choose week or month, or fewer days")
    ends = [*edges[1:], range_.last + DAY]
    return [
        _bucket(first, after - DAY, range_, now if range_.until is None else min(now, range_.until))
        for first, after in zip(edges, ends, strict=True)
    ]


def _bucket(first: date, last: date, range_: Range, now: datetime) -> Bucket:
    start, end = starts(range_.zone, first), starts(range_.zone, last + DAY)
    if range_.until:
        partial = end > range_.until
        start, end = min(start, range_.until), min(end, range_.until)
        return Bucket(first, last, start, end, partial)
    return Bucket(first, last, start, end, end > now)


def _following(day: date, interval: Interval) -> date:
    """The first day of the next bucket."""
    if interval == "day":
        return day + DAY
    if interval == "week":
        return day + timedelta(days=7 - (day.weekday() - _MONDAY) % 7)
    return months_before(day.replace(day=1), -1)


def previous(range_: Range, interval: Interval, now: datetime) -> Range:
    """The range to compare with: before this one, with as many buckets, cut at the same hour if this one is not over.

    Days: the same number directly before. Weeks: as many weeks earlier that both have the same weekdays. Months: as
    many months earlier; the 31st becomes the last day of a shorter month, and a month's last day remains one.
    """
    if interval == "month":
        months = 12 * (range_.last.year - range_.first.year) + range_.last.month - range_.first.month + 1
        first, last = months_before(range_.first, months), months_before(range_.last, months)
        if range_.last == end_of_month(range_.last):
            last = end_of_month(last)
    else:
        shift = timedelta(days=range_.days if interval == "day" else 7 * -(-range_.days // 7))
        first, last = range_.first - shift, range_.last - shift
    before = Range(first, last, range_.zone)
    if not range_.start <= now < range_.end:
        return before
    ahead = range_.last - today(range_.zone, now)
    return replace(before, until=_same_hour(max(last - ahead, first), now, range_.zone))


def _same_hour(day: date, now: datetime, zone: str) -> datetime:
    """When it was as late on another day as it is now, by the clock on the wall, to the quarter of an hour."""
    info = ZoneInfo(zone)
    local = datetime.combine(day, now.astimezone(info).time(), info)
    instant = max(starts(zone, day), min(local.astimezone(UTC), starts(zone, day + DAY)))
    return instant - (instant - midnight(instant.date())) % QUARTER


def months_before(day: date, months: int) -> date:
    """The same day so many months before; the last of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def quarters_needed(shown: Sequence[Bucket]) -> frozenset[date]:
    """The days of UTC of which a bucket has only a part, so that its quarters of an hour are needed."""
    instants = {one.start for one in shown} | {one.end for one in shown}
    return frozenset(instant.date() for instant in instants if instant != midnight(instant.date()))


def utc_days(shown: Sequence[Bucket]) -> tuple[date, date]:
    """The first and the last day of UTC of which the buckets have something."""
    first, end = shown[0].start, shown[-1].end
    return first.date(), max(first, end - timedelta(microseconds=1)).date()
