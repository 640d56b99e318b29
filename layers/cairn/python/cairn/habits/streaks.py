"""Streaks: consecutive local days that were met. A freeze covers a missed day; a day that owes nothing breaks none.

A missed day breaks a streak at once, as far as a person is shown; that it is lost for good is said 48 hours after the
day, when no late event can mend it any more. Until then the freezes that are left cover missed days without being used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from cairn.habits.calendar import DAY, LATENESS, ends, last_final, length, owes
from cairn.habits.model import Achievement, Habits, Run, Turn
from cairn.zones import Zones, starts

MAX_FREEZES = 31
"""How many a user may have at a time."""
_TURNS = 4
"""How many of the last streaks that were lost, or restored, are kept for who tells of them."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The open days, walked from the first to the last."""

    run: Run
    """The streak at the end of them."""
    by_day: Mapping[date, Run]
    """The streak through each open day that was met."""
    before: Mapping[date, Run]
    """The streak just before each open day that was met."""
    frozen: tuple[date, ...]
    """The missed days that a freeze would cover."""
    at_stake: date | None
    """The first day that a streak needs and that was not, or not yet, met."""


def walk(habits: Habits, now: datetime) -> Walk:
    """The streak as a person is shown it, and how it came about."""
    today = habits.zones.day(now)
    run, freezes = habits.run, habits.freezes
    by_day, before, frozen = dict[date, Run](), dict[date, Run](), list[date]()
    at_stake: date | None = None
    for day in _days_to_walk(habits, habits.last_day(today)):
        found = habits.days.get(day)
        if found and found.met:
            before[day] = run
            run = _longer(habits.zones, run, day)
            by_day[day] = run
        elif run.length and owes(habits.zones, day):
            at_stake = at_stake or day
            if day >= today:
                continue
            if freezes:
                freezes -= 1
                frozen.append(day)
            else:
                run = Run()
    if run.length and at_stake is None:
        at_stake = habits.last_day(today) + DAY
        while not owes(habits.zones, at_stake):
            at_stake += DAY
    return Walk(run, by_day, before, tuple(frozen), at_stake)


def streak(habits: Habits, now: datetime) -> int:
    """How many days the streak has, as a person is shown it."""
    return walk(settled(habits, now), now).run.length


def settled(habits: Habits, now: datetime) -> Habits:
    """The habits without the days that are over for good: they lengthened the streak, used a freeze or lost it.

    The same object if there is no such day.
    """
    through = last_final(habits.zones, now)
    if through <= habits.settled:
        return habits
    run, freezes, frozen, lost = habits.run, habits.freezes, list(habits.frozen), list(habits.lost)
    for day in _days_to_walk(habits, through):
        found = habits.days.get(day)
        if found and found.met:
            run = _longer(habits.zones, run, day)
        elif run.length and owes(habits.zones, day):
            if freezes:
                freezes -= 1
                frozen.append(day)
            else:
                lost.append(Turn(day, run.length))
                run = Run()
        elif not run.length and not any(day < later <= through for later in habits.days):
            break
    return replace(
        habits,
        settled=through,
        zones=_since(habits.zones, through),
        goals=_goals_since(habits.goals, through),
        days={day: one for day, one in habits.days.items() if day > through},
        run=run,
        freezes=freezes,
        frozen=tuple(frozen[-MAX_FREEZES:]),
        lost=tuple(lost[-_TURNS:]),
        achieved={day: one for day, one in habits.achieved.items() if day > through},
    )


def judged(before: Habits, after: Habits, now: datetime) -> Habits:
    """`after`, which followed from `before`, with what its days have achieved: goals, the longest streak, restored."""
    walked = walk(after, now)
    achieved = dict(after.achieved)
    for day, one in after.days.items():
        if one.goal is not None and one.met and day not in achieved:
            achieved[day] = Achievement(one.goal, walked.by_day[day].length)
    top = walked.run
    if after.top.began == top.began and after.top.length > top.length:
        top = after.top
    return replace(after, achieved=achieved, top=top, restored=_restored(before, after, walked, now))


def next_due(habits: Habits, now: datetime, anniversaries: Iterable[int]) -> datetime | None:
    """The next instant at which something happens without an event.

    A streak is lost or a freeze used; or the user has been with us for so many days.
    """
    found = []
    if at_stake := walk(habits, now).at_stake:
        found.append(ends(habits.zones, at_stake) + LATENESS)
    today = habits.zones.day(now)
    ahead = [habits.since + days * DAY for days in anniversaries if habits.since + days * DAY > today]
    if ahead:
        found.append(starts(habits.zones.changes[-1][1], min(ahead)))
    return min(found) if found else None


def _restored(before: Habits, after: Habits, walked: Walk, now: datetime) -> tuple[Turn, ...]:
    """With the streaks that days which are over continued when they were mended: without them, they were broken."""
    earlier, today = walk(before, now), before.zones.day(now)
    known = {one.day for one in after.restored}
    mended = [
        Turn(day, walked.run.length)
        for day in sorted(walked.by_day)
        if day < today
        and day not in known
        and day not in earlier.by_day
        and day not in earlier.frozen
        and owes(after.zones, day)
        and walked.before[day].length
        and walked.run.length
    ]
    return (*after.restored, *mended)[-_TURNS:]


def _longer(zones: Zones, run: Run, day: date) -> Run:
    """The streak with one more day. A day that its user left out lengthens none."""
    if not length(zones, day):
        return run
    return Run(run.length + 1, run.began or day)


def _days_to_walk(habits: Habits, last: date) -> Iterator[date]:
    day = habits.settled + DAY
    while day <= last:
        yield day
        day += DAY


def _since(zones: Zones, settled_day: date) -> Zones:
    """Without the zones of before the open days."""
    changes = zones.changes
    while len(changes) > 1 and changes[1][0] <= starts(changes[1][1], settled_day) - DAY:
        changes = changes[1:]
    return Zones(((zones.changes[0][0], changes[0][1]), *changes[1:]))


def _goals_since(goals: tuple[tuple[date, int | None], ...], settled_day: date) -> tuple[tuple[date, int | None], ...]:
    kept = [index for index, (since, _) in enumerate(goals) if since <= settled_day]
    return goals[kept[-1] :] if kept else goals
