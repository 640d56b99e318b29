"""Any events, in any zone, late, repeated and corrected: the habits agree with a naive oracle that remembers all.

The oracle keeps a log, knows no open days, and finds out how long a day was by looking at the clock every quarter of
an hour.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from cairn.habits.calendar import FutureError, TooOldError, day_of
from cairn.habits.counting import BelowZeroError, Usage, begun, counted, current, with_freezes, with_goal, with_zone
from cairn.habits.model import Habits, Turn, from_text
from cairn.habits.streaks import next_due, streak
from cairn.model import Reading, Subject
from cairn.rules import Rule, crossings
from cairn.rules.counter import counters
from cairn.rules.daily_goal import RULES as DAILY_GOAL

ZONES = sorted(available_timezones())
QUARTER = timedelta(minutes=15)
HOURS_48 = timedelta(hours=48)
WHOLE = timedelta(hours=22)
DAY = timedelta(days=1)
RULES: tuple[Rule, ...] = (
    *counters({"reply": {"metric": "replies", "goal": True, "ladder": (1, 3, 10, 30)}}),
    *DAILY_GOAL,
)


@cache
def local_date(zone: str, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


@dataclass
class Oracle:
    """Everything that happened, in the order in which Cairn heard of it."""

    zones: list[tuple[datetime, str]]
    counts: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    goals: list[tuple[date, int | None]] = field(default_factory=list)
    goal_of: dict[date, int | None] = field(default_factory=dict)
    freezes: list[datetime] = field(default_factory=list)
    reached: dict[date, int] = field(default_factory=dict)
    highest: int = 0
    covered: set[date] = field(default_factory=set)
    before: dict[date, int] = field(default_factory=dict)
    """As of the last look: the days that a freeze covers, and the streak before each day that was met."""

    def zone_at(self, instant: datetime) -> str:
        return [name for since, name in self.zones if since <= instant][-1]

    def day(self, instant: datetime) -> date:
        return local_date(self.zone_at(instant), instant)

    def instants(self, day: date) -> list[datetime]:
        """The quarters of an hour that this user had of a day."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        quarters = (noon + step * QUARTER for step in range(-160, 161))
        return [quarter for quarter in quarters if self.day(quarter) == day]

    def ended(self, day: date) -> datetime:
        if had := self.instants(day):
            return had[-1] + QUARTER
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        later = (noon + step * QUARTER for step in range(-160, 161))
        return next(quarter for quarter in later if self.day(quarter) > day)

    def goal_on(self, day: date) -> int | None:
        return ([None] + [goal for since, goal in self.goals if since <= day])[-1]

    def met(self, day: date) -> bool:
        goal = self.goal_of.get(day, self.goal_on(day))
        return self.counts.get(day, 0) > 0 if goal is None else self.counts.get(day, 0) >= goal

    def streak(self, now: datetime) -> tuple[int, list[Turn]]:
        """The streak, and each that was lost for good."""
        today, run, used, lent, lost = self.day(now), 0, 0, 0, list[Turn]()
        self.covered, self.before = set(), {}
        heard = [day for day, count in self.counts.items() if count]
        if not heard:
            return 0, []
        day = min(heard)
        while day <= max([today, *heard]):
            had = len(self.instants(day)) * QUARTER
            if self.met(day):
                self.before[day] = run
                run += 1 if had else 0
            elif run and had >= WHOLE and day < today:
                over = self.ended(day) + HOURS_48
                granted = sum(at < over for at in self.freezes) if over <= now else len(self.freezes)
                if granted - used - lent > 0:
                    self.covered.add(day)
                    used, lent = (used + 1, lent) if over <= now else (used, lent + 1)
                else:
                    lost += [Turn(day, run)] if over <= now else []
                    run = 0
            day += DAY
        return run, lost


@dataclass
class Told:
    """What detection would have announced: the marks, and each milestone once."""

    marks: dict[tuple[str, str], int] = field(default_factory=dict)
    milestones: list[tuple[str, str, int]] = field(default_factory=list)


def reading(habits: Habits, total: int, highest: int, now: datetime) -> Reading:
    peaks = {"replies": highest} if highest > total else {}
    return Reading(Subject("user", "1"), "1", {"replies": total}, now, "", "", peaks=peaks, state=habits.to_text())


def tell(told: Told, old: Reading | None, new: Reading) -> None:
    """The answer of the write has exactly what the marks let detection announce."""
    answered = crossings(old, new, RULES)
    unaware = crossings(None, new, RULES)
    announced = [
        one for one in unaware if one.passed and one.threshold > told.marks.get((one.rule.name, one.period), 0)
    ]
    assert [(one.rule.name, one.period, one.threshold) for one in answered] == [
        (one.rule.name, one.period, one.threshold) for one in announced
    ]
    for one in announced:
        told.marks[one.rule.name, one.period] = int(one.threshold)
        told.milestones.append((one.rule.name, one.period, int(one.threshold)))


YEARS = st.sampled_from([2010, 2011, 2024, 2025, 2026, 2027])
BEGINNINGS = st.builds(
    lambda year, quarters: datetime(year, 1, 1, tzinfo=UTC) + quarters * QUARTER,
    YEARS,
    st.integers(0, 365 * 96),
)
AGO = st.one_of(st.just(0), st.just(0), st.integers(-53 * 60, 6), st.integers(-47 * 60, -20 * 60))
EVENT = st.tuples(st.just("event"), AGO, st.integers(-3, 5).filter(bool))
ON_DAY = st.tuples(st.just("on"), st.integers(-3, 1), st.integers(1, 3))
MOVE = st.tuples(st.just("move"), st.sampled_from(ZONES), st.none())
GOAL = st.tuples(st.just("goal"), st.one_of(st.none(), st.integers(1, 5)), st.none())
FREEZE = st.tuples(st.just("freeze"), st.integers(1, 2), st.none())
LOOK = st.tuples(st.just("look"), st.none(), st.none())
WAIT = st.one_of(
    st.integers(0, 12), st.integers(70, 120), st.integers(92, 100), st.integers(180, 200), st.integers(200, 600)
)
"""Quarters of an hour: soon, the next day, a day of 23 to 25 hours later, two days later, many."""
STEPS = st.lists(st.tuples(WAIT, st.one_of(EVENT, EVENT, EVENT, ON_DAY, MOVE, GOAL, FREEZE, LOOK)), max_size=40)


@settings(max_examples=80, deadline=None)
@given(zone=st.sampled_from(ZONES), beginning=BEGINNINGS, steps=STEPS)
def test_days_totals_goals_streaks_and_milestones_agree_with_an_oracle(
    zone: str, beginning: datetime, steps: list[tuple[int, tuple[str, object, object]]]
) -> None:
    now, habits, total = beginning, begun(zone, beginning), 0
    oracle, told = Oracle([(datetime(1900, 1, 1, tzinfo=UTC), zone)]), Told()
    stored: Reading | None = None
    lost, restored, expected_restored = list[Turn](), list[Turn](), list[Turn]()
    for quarters, (what, one, two) in steps:
        now += quarters * QUARTER
        before, habits = habits, current(habits, now)
        oracle.streak(now)
        earlier, covered, today = {*oracle.before}, oracle.covered, oracle.day(now)
        match what:
            case "event" | "on":
                habits, total = _happen(habits, oracle, total, now, what, one, two)
            case "move":
                habits = with_zone(habits, str(one), now)
                if habits.zones.changes[-1][1] != oracle.zones[-1][1]:
                    oracle.zones.append((now, str(one)))
            case "goal":
                habits = _set_goal(habits, oracle, now, one)
            case "freeze" if habits.freezes + int(str(one)) <= 31:
                habits = with_freezes(habits, int(str(one)))
                oracle.freezes += [now] * int(str(one))
        habits = current(habits, now)
        for day in oracle.counts:
            goal = oracle.goal_of.get(day)
            if day > habits.settled and goal is not None and oracle.met(day):
                oracle.reached.setdefault(day, goal)
        lost += [turn for turn in habits.lost if turn not in before.lost]
        restored += [turn for turn in habits.restored if turn not in before.restored]
        expected, expected_lost = oracle.streak(now)
        assert streak(habits, now) == expected
        assert lost == expected_lost
        mended = [
            day
            for day in sorted({*oracle.before} - earlier - covered)
            if day < today and oracle.before[day] and expected and len(oracle.instants(day)) * QUARTER >= WHOLE
        ]
        expected_restored += [
            Turn(day, expected) for day in mended if day not in {one.day for one in expected_restored}
        ]
        assert restored == expected_restored
        assert {day: one.counts.get("replies", 0) for day, one in habits.days.items()} == {
            day: count for day, count in oracle.counts.items() if day > habits.settled
        }
        oracle.highest = max(oracle.highest, total)
        new = reading(habits, total, oracle.highest, now)
        tell(told, stored, new)
        stored = new
        assert from_text(habits.to_text()) == habits
        due = next_due(habits, now, (7, 30))
        assert due is None or due > now
    assert sum(oracle.counts.values()) == total
    assert {date.fromisoformat(day): goal for rule, day, goal in told.milestones if rule == "daily_goal"} == (
        oracle.reached
    )
    assert len({turn.day for turn in restored}) == len(restored)
    event(f"lost {min(len(lost), 3)} restored {min(len(restored), 2)}")


def _happen(
    habits: Habits, oracle: Oracle, total: int, now: datetime, what: str, one: object, two: object
) -> tuple[Habits, int]:
    count = int(str(two))
    at, day = None, None
    if what == "event":
        at = now + timedelta(minutes=int(str(one)))
        acceptable = now - HOURS_48 <= at <= now + timedelta(minutes=5)
        expected = oracle.day(at)
    else:
        day = expected = oracle.day(now) + int(str(one)) * DAY
        had = oracle.instants(day)
        assume(had)
        acceptable = (oracle.ended(day) + HOURS_48 > now or day >= oracle.day(now)) and had[0] <= now + timedelta(
            minutes=5
        )
        assume(abs(had[0] - now) > timedelta(hours=1) or what == "event")
    try:
        found = day_of(habits.zones, now, at=at, day=day)
    except (TooOldError, FutureError):
        found = None
    assert (found == expected) is acceptable
    if found is None:
        return habits, total
    below_zero = oracle.counts.get(found, 0) + count < 0
    try:
        habits = counted(habits, Usage(found, at or now, "replies", count, toward_goal=True), now)
    except BelowZeroError:
        refused = True
    else:
        refused = False
    assert refused is below_zero
    if refused:
        return habits, total
    oracle.goal_of.setdefault(found, oracle.goal_on(found))
    oracle.counts[found] += count
    return habits, total + count


def _set_goal(habits: Habits, oracle: Oracle, now: datetime, goal: object) -> Habits:
    wanted = None if goal is None else int(str(goal))
    today = oracle.day(now)
    if wanted != ([None] + [one for _, one in oracle.goals])[-1]:
        last = max([today, *(day for day in oracle.counts)])
        if oracle.goal_on(today) is None and oracle.goal_of.get(today) is None:
            oracle.goals = [(since, one) for since, one in oracle.goals if since < today] + [(today, wanted)]
            for day in oracle.goal_of:
                if day >= today:
                    oracle.goal_of[day] = wanted
        else:
            oracle.goals = [(since, one) for since, one in oracle.goals if since <= last] + [(last + DAY, wanted)]
    return with_goal(habits, wanted, now)
