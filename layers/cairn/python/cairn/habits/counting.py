"""What changes a user's habits: something is counted, another zone, goal or freeze, days that are imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from cairn.errors import BadInputError, ConflictError
from cairn.habits.calendar import DAY, last_final
from cairn.habits.model import Day, Habits, in_zone
from cairn.habits.streaks import MAX_FREEZES, judged, settled
from cairn.zones import Zones

MAX_FEATURES = 100
MAX_ZONES = 12
"""How many zones of the last days are kept; of somebody who changes them more often, the oldest are forgotten."""


class BelowZeroError(BadInputError):
    """A correction takes away more than was counted on its day."""


class TooManyFeaturesError(BadInputError):
    """A user has used so many features that another name must be a mistake."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Something that a user did, dated for good."""

    day: date
    at: datetime
    """When it happened, as far as is known."""
    metric: str | None
    """None for what counts nothing."""
    count: int = 1
    """Negative to correct what was counted."""
    toward_goal: bool = False
    feature: str | None = None


def begun(zone: str, now: datetime) -> Habits:
    """The habits of a user of whom nothing has been counted."""
    zones = in_zone(zone)
    return Habits(zones=zones, since=zones.day(now), settled=last_final(zones, now), month=zones.month(now))


def current(habits: Habits, now: datetime) -> Habits:
    """The habits as of now: days that are over for good are settled, and a new month has begun."""
    habits = settled(habits, now)
    month = max(habits.month, habits.zones.month(now))  # a journey to the west begins no month twice
    return habits if month == habits.month else replace(habits, month=month, month_counts={})


def counted(habits: Habits, usage: Usage, now: datetime) -> Habits:
    """The habits, which are `current`, with one more event. The lifetime totals are the caller's.

    BelowZeroError, TooManyFeaturesError.
    """
    day, month_counts, firsts = habits.day(usage.day), habits.month_counts, habits.firsts
    if usage.metric is not None:
        day = _day(day, usage)
        if f"{usage.day:%Y-%m}" == habits.month:
            month_counts = _added(month_counts, {usage.metric: usage.count})
        if usage.count > 0:
            firsts = _earliest(firsts, {usage.metric: usage.at})
    days = habits.days if usage.metric is None else {**habits.days, usage.day: day}
    features = habits.features
    if usage.feature is not None and usage.feature not in features:
        if len(features) >= MAX_FEATURES:
            raise TooManyFeaturesError(f"feature: a user has {MAX_FEATURES} at most, and this one has {MAX_FEATURES}")
        features = (*features, usage.feature)
    since = min(habits.since, usage.day)
    after = replace(habits, days=days, month_counts=month_counts, firsts=firsts, features=features, since=since)
    return judged(habits, after, now)


def with_zone(habits: Habits, zone: str, now: datetime) -> Habits:
    """From now on in another time zone. What was counted keeps its day."""
    changes = habits.zones.changes
    if changes[-1][1] == zone:
        return habits
    kept = (*changes, (now, zone))
    if len(kept) > MAX_ZONES:
        kept = ((kept[0][0], kept[1][1]), *kept[2:])
    after = replace(habits, zones=Zones(kept))
    return judged(habits, after, now)


def with_goal(habits: Habits, goal: int | None, now: datetime) -> Habits:
    """With another daily goal from the next local day; on a day that has none, at once."""
    today = habits.zones.day(now)
    tomorrow = habits.last_day(today) + DAY
    if goal == (habits.goals[-1][1] if habits.goals else None):
        return habits
    if habits.goal_on(today) is None and habits.day(today).goal is None:
        kept = tuple((since, one) for since, one in habits.goals if since < today)
        days = {day: replace(one, goal=goal) if day >= today else one for day, one in habits.days.items()}
        return judged(habits, replace(habits, goals=(*kept, (today, goal)), days=days), now)
    kept = tuple((since, one) for since, one in habits.goals if since < tomorrow)
    if kept and kept[-1][1] == goal:
        return replace(habits, goals=kept)
    return replace(habits, goals=(*kept, (tomorrow, goal)))


def with_freezes(habits: Habits, granted: int) -> Habits:
    """With more freezes. ConflictError if the user would have more than 31."""
    freezes = habits.freezes + granted
    if freezes > MAX_FREEZES:
        raise ConflictError(f"count: a user has {MAX_FREEZES} freezes at most, and this one has {habits.freezes}")
    return replace(habits, freezes=freezes)


def with_import(
    habits: Habits, by_day: Mapping[date, Mapping[str, int]], firsts: Mapping[str, datetime], first_day: date | None
) -> Habits:
    """With days that another system counted: `by_day` is what each changes. They bring neither goals nor a streak."""
    month_counts = habits.month_counts
    for day, counts in by_day.items():
        if f"{day:%Y-%m}" == habits.month:
            month_counts = _added(month_counts, counts)
    since = min(habits.since, first_day) if first_day else habits.since
    return replace(habits, month_counts=month_counts, firsts=_earliest(habits.firsts, firsts), since=since)


def _day(day: Day, usage: Usage) -> Day:
    assert usage.metric is not None
    counts = _added(day.counts, {usage.metric: usage.count})
    toward_goal = day.toward_goal + (usage.count if usage.toward_goal else 0)
    if counts.get(usage.metric, 0) < 0 or toward_goal < 0:
        had = day.counts.get(usage.metric, 0)
        raise BelowZeroError(
            f"below_zero: {usage.day} has {had} {usage.metric}, and {-usage.count} cannot be taken away"
        )
    return replace(day, counts=counts, toward_goal=toward_goal)


def _added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**counts, **{metric: counts.get(metric, 0) + count for metric, count in more.items()}}


def _earliest(firsts: Mapping[str, datetime], more: Mapping[str, datetime]) -> dict[str, datetime]:
    return {**firsts, **{metric: min(at, firsts.get(metric, at)) for metric, at in more.items()}}
