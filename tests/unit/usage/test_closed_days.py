"""Whatever a user does and wherever they travel, the history and the open days together have each day, complete."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.errors import BadInputError
from cairn.habits.calendar import day_of
from cairn.habits.counting import Usage, counted, with_freezes, with_goal, with_zone
from cairn.habits.model import Day, from_text
from cairn.model import Reading
from cairn.usage.days import closed
from cairn.usage.reading import User, changing

START = datetime(2026, 10, 20, 12, tzinfo=UTC)
ZONES = ("Pacific/Kiritimati", "Europe/Berlin", "America/Los_Angeles", "Pacific/Pago_Pago", "UTC")

Step = tuple[int, str, int]
STEPS = st.lists(
    st.tuples(
        st.integers(1, 60),  # hours until then
        st.sampled_from(["reply", "late", "correct", "zone", "goal", "freeze"]),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=25,
)


def lived(steps: list[Step]) -> list[Reading]:
    """The readings of a user, one after the other."""
    readings: list[Reading] = []
    now = START
    for hours, what, number in steps:
        now += timedelta(hours=hours)

        def change(user: User, now: datetime, what: str = what, number: int = number) -> User:
            habits = user.habits
            match what:
                case "zone":
                    return User(user.name, with_zone(habits, ZONES[number % len(ZONES)], now), user.totals)
                case "goal":
                    return User(user.name, with_goal(habits, number or None, now), user.totals)
                case "freeze":
                    return User(user.name, with_freezes(habits, 1), user.totals)
            at = now - timedelta(hours=6 * number) if what == "late" else now
            count = -1 if what == "correct" else 1 + number
            day = day_of(habits.zones, now, at=at)
            return User(user.name, counted(habits, Usage(day, at, "replies", count, True), now), user.totals)

        try:
            stored = readings[-1] if readings else None
            clock = partial(datetime.fromisoformat, now.isoformat())
            changed = changing("ada", change, zone="UTC", clock=clock, source="usage", rules_version=1)
            new = changed(stored)
        except BadInputError:
            continue
        if new is not stored:
            readings.append(new)
    return readings


def truth(readings: list[Reading]) -> dict[date, Day]:
    """Each day as the last reading had it that knew it."""
    return {day: one for reading in readings for day, one in from_text(reading.state).days.items()}


def written(pairs: list[tuple[Reading | None, Reading]]) -> dict[date, tuple[datetime, Day]]:
    """The history after these records: of a day the values of the latest reading."""
    history: dict[date, tuple[datetime, Day]] = {}
    for old, new in pairs:
        for day, one in closed(old, new).days.items():
            if day not in history or history[day][0] <= new.as_of:
                history[day] = (new.as_of, one)
    return history


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(0, 1000))
def test_history_and_open_days_have_every_day_in_whatever_order_records_come(steps: list[Step], seed: int) -> None:
    readings = lived(steps)
    if not readings:
        return
    pairs = list(zip([None, *readings], readings, strict=False))
    known = {day: one for day, (_, one) in written(pairs).items()}
    known.update(from_text(readings[-1].state).days)
    assert known == truth(readings)
    today = from_text(readings[-1].state).zones.day(readings[-1].as_of)
    shuffled = Random(seed).sample(pairs * 2, 2 * len(pairs))  # noqa: S311 - no secret
    assert written(shuffled) == written(pairs)
    assert all(day < today for day in closed(*pairs[-1]).days)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_freeze_that_was_used_is_in_a_record(steps: list[Step]) -> None:
    readings = lived(steps)
    pairs = list(zip([None, *readings], readings, strict=False))
    frozen = {day for old, new in pairs for day in closed(old, new).frozen}
    assert frozen >= {day for reading in readings for day in from_text(reading.state).frozen}
