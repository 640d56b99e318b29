"""Which day an event is of, when a day is over for good, and what a streak makes of days that are odd."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cairn.errors import BadInputError
from cairn.habits.calendar import (
    FutureError,
    TooOldError,
    day_of,
    ends,
    is_final,
    length,
    owes,
)
from cairn.habits.counting import BelowZeroError, Usage, begun, counted, current, with_freezes, with_goal, with_zone
from cairn.habits.model import Habits, Turn, from_text, in_zone
from cairn.habits.streaks import next_due, streak, walk
from cairn.zones import starts

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def reply(habits: Habits, when: datetime, *, now: datetime | None = None, count: int = 1) -> Habits:
    """A reply at `when`, of which Cairn hears at `now`."""
    now = now or when
    habits = current(habits, now)
    day = day_of(habits.zones, now, at=when)
    return counted(habits, Usage(day, when, "replies", count, toward_goal=True), now)


def replies(habits: Habits, *whens: datetime) -> Habits:
    for when in whens:
        habits = reply(habits, when)
    return habits


# -- days


@pytest.mark.parametrize(
    ("zone", "day", "begin", "hours"),
    [
        (BERLIN, "2026-03-29", "2026-03-28T23:00", 23),
        (BERLIN, "2026-10-25", "2026-10-24T22:00", 25),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),  # from 00:00 to 01:00: there is no midnight
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", 25),  # midnight comes twice
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00", 23),
        ("America/St_Johns", "2010-11-06", "2010-11-06T02:30", 25),  # at 00:01 it was 23:01 of this day again
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),
        ("Antarctica/Troll", "2026-03-29", "2026-03-29T00:00", 22),
    ],
)
def test_a_day_is_as_long_as_it_was(zone: str, day: str, begin: str, hours: float) -> None:
    zones, the_day = in_zone(zone), date.fromisoformat(day)
    assert starts(zone, the_day) == at(begin)
    assert length(zones, the_day) == timedelta(hours=hours)
    assert owes(zones, the_day) == (hours > 0)


def test_an_event_is_of_the_day_that_it_was_for_its_user() -> None:
    zones = in_zone("Pacific/Kiritimati")  # UTC+14
    assert day_of(zones, at("2026-11-30T10:30")) == date(2026, 12, 1)
    assert day_of(zones, at("2026-11-30T10:30"), at=at("2026-11-29T09:59")) == date(2026, 11, 29)


def test_an_event_of_48_hours_ago_is_accepted_and_an_older_one_is_not() -> None:
    zones, now = in_zone(BERLIN), at("2026-11-30T12:00")
    assert day_of(zones, now, at=now - timedelta(hours=48)) == date(2026, 11, 28)
    with pytest.raises(TooOldError, match="too_old: "):
        day_of(zones, now, at=now - timedelta(hours=48, seconds=1))
    assert day_of(zones, now, day=date(2026, 11, 28)) == date(2026, 11, 28)
    with pytest.raises(TooOldError, match="too_old: "):
        day_of(zones, now, day=date(2026, 11, 27))


def test_an_event_from_the_future_is_refused() -> None:
    zones, now = in_zone(BERLIN), at("2026-11-30T22:58")
    assert day_of(zones, now, at=now + timedelta(minutes=5)) == date(2026, 12, 1)
    assert day_of(zones, now, day=date(2026, 12, 1)) == date(2026, 12, 1)
    with pytest.raises(FutureError, match="future: "):
        day_of(zones, now, at=now + timedelta(minutes=5, seconds=1))
    with pytest.raises(FutureError, match="future: "):
        day_of(zones, now - timedelta(hours=1), day=date(2026, 12, 1))
    with pytest.raises(BadInputError, match="not both"):
        day_of(zones, now, at=now, day=date(2026, 12, 1))


# -- streaks


def test_consecutive_days_are_a_streak_and_a_missed_one_ends_it() -> None:
    habits = replies(begun(BERLIN, at("2026-11-01T12:00")), *(at(f"2026-11-0{day}T12:00") for day in (1, 2, 3)))
    assert streak(habits, at("2026-11-03T20:00")) == 3
    assert streak(habits, at("2026-11-04T20:00")) == 3  # today is not over
    assert streak(habits, at("2026-11-05T20:00")) == 0
    assert current(habits, at("2026-11-06T22:59")).lost == ()
    assert current(habits, at("2026-11-06T23:00")).lost == (Turn(date(2026, 11, 4), 3),)
    assert next_due(habits, at("2026-11-03T20:00"), ()) == at("2026-11-06T23:00")


@pytest.mark.parametrize(
    ("zone", "first"), [(BERLIN, "2026-03-27"), (BERLIN, "2026-10-23"), ("Africa/Cairo", "2026-04-22")]
)
def test_a_day_of_23_or_25_hours_is_one_day(zone: str, first: str) -> None:
    begin = date.fromisoformat(first)
    habits = begun(zone, at(f"{first}T00:30", zone))
    for number in range(5):
        habits = reply(habits, at(f"{begin + timedelta(days=number)}T03:30", zone))
    assert streak(habits, at(f"{begin + timedelta(days=4)}T23:30", zone)) == 5


def test_24_hours_later_may_be_the_same_day_and_counts_once() -> None:
    """00:30 on the 25-hour day, and 24 hours later it is 23:30 of the same day."""
    first = at("2026-10-25T00:30", BERLIN)
    habits = replies(begun(BERLIN, first), first, first + timedelta(hours=24))
    assert streak(habits, first + timedelta(hours=24)) == 1


def test_a_day_that_a_country_left_out_breaks_no_streak() -> None:
    apia = "Pacific/Apia"
    habits = replies(
        begun(apia, at("2011-12-28T12:00", apia)), *(at(f"2011-12-{day}T12:00", apia) for day in (28, 29, 31))
    )
    assert streak(habits, at("2011-12-31T13:00", apia)) == 3


def test_a_flight_across_the_date_line_breaks_no_streak_and_lengthens_none() -> None:
    habits = replies(
        begun("America/Los_Angeles", at("2026-11-28T20:00")), at("2026-11-28T20:00"), at("2026-11-29T20:00")
    )
    habits = with_zone(current(habits, at("2026-11-30T07:00")), "Pacific/Kiritimati", at("2026-11-30T07:00"))
    assert habits.zones.day(at("2026-11-30T10:00")) == date(2026, 12, 1)  # there was no 30 November but 21 hours
    habits = reply(habits, at("2026-11-30T10:01"))
    assert streak(habits, at("2026-11-30T10:01")) == 3
    back = with_zone(habits, "America/Los_Angeles", at("2026-11-30T11:00"))  # it is the 30th, for a second time
    back = reply(back, at("2026-11-30T20:00"))
    assert streak(back, at("2026-11-30T20:00")) == 4
    assert streak(reply(back, at("2026-12-01T20:00")), at("2026-12-01T20:00")) == 4


def test_a_change_of_zone_moves_nothing_that_was_counted() -> None:
    habits = replies(begun("UTC", at("2026-11-30T01:00")), at("2026-11-30T01:00"))
    moved = with_zone(habits, "America/New_York", at("2026-11-30T02:00"))  # where it is still the 29th
    assert moved.days == habits.days
    assert [*reply(moved, at("2026-11-30T00:30"), now=at("2026-11-30T03:00")).days] == [date(2026, 11, 30)]


def test_a_late_event_mends_its_day_and_restores_the_streak() -> None:
    habits = begun("UTC", at("2026-11-25T12:00"))
    habits = replies(habits, *(at(f"2026-11-{day}T12:00") for day in (25, 26, 28)))
    assert streak(habits, at("2026-11-28T12:00")) == 1
    habits = reply(habits, at("2026-11-27T20:00"), now=at("2026-11-28T20:00"))
    assert streak(habits, at("2026-11-28T20:00")) == 4
    assert habits.restored == (Turn(date(2026, 11, 27), 4),)
    assert current(habits, at("2026-12-20T00:00")).lost == (Turn(date(2026, 11, 29), 4),)


def test_a_freeze_covers_one_missed_day() -> None:
    habits = with_freezes(begun("UTC", at("2026-11-01T12:00")), 1)
    habits = replies(habits, *(at(f"2026-11-0{day}T12:00") for day in (1, 2, 4)))
    assert streak(habits, at("2026-11-04T12:00")) == 3
    assert habits.freezes == 1  # the day is not over for good
    habits = current(habits, at("2026-11-06T00:00"))
    assert (habits.freezes, habits.frozen) == (0, (date(2026, 11, 3),))
    assert streak(reply(habits, at("2026-11-06T12:00")), at("2026-11-06T12:00")) == 1


def test_a_freeze_comes_back_when_a_late_event_mends_the_day() -> None:
    habits = with_freezes(begun("UTC", at("2026-11-01T12:00")), 1)
    habits = replies(habits, at("2026-11-01T12:00"), at("2026-11-03T12:00"))
    assert walk(habits, at("2026-11-03T12:00")).frozen == (date(2026, 11, 2),)
    habits = reply(habits, at("2026-11-02T12:00"), now=at("2026-11-03T13:00"))
    assert streak(habits, at("2026-11-03T13:00")) == 3
    assert habits.restored == ()
    assert current(habits, at("2026-11-05T12:00")).freezes == 1


# -- goals


def test_a_first_goal_counts_at_once_and_a_changed_one_from_the_next_day() -> None:
    now = at("2026-11-30T12:00")
    habits = with_goal(replies(begun("UTC", now), now, now), 2, now)
    assert habits.achieved[date(2026, 11, 30)].streak == 1
    habits = with_goal(habits, 5, now)
    assert (habits.goal_on(date(2026, 11, 30)), habits.goal_on(date(2026, 12, 1))) == (2, 5)
    habits = with_goal(habits, 3, now)
    assert (habits.goal_on(date(2026, 11, 30)), habits.goal_on(date(2026, 12, 1))) == (2, 3)
    late = reply(habits, at("2026-11-30T23:00"), now=at("2026-12-01T12:00"))
    assert late.days[date(2026, 11, 30)].goal == 2


def test_what_was_achieved_stays_so_when_it_is_corrected_and_reached_again() -> None:
    now = at("2026-11-30T12:00")
    habits = with_goal(begun("UTC", now), 2, now)
    habits = reply(habits, now, count=2)
    corrected = reply(habits, now, count=-1)
    assert not corrected.days[date(2026, 11, 30)].met
    assert corrected.achieved == habits.achieved == reply(corrected, now).achieved


def test_a_correction_takes_nothing_that_was_not_counted() -> None:
    now = at("2026-11-30T12:00")
    with pytest.raises(BelowZeroError, match="below_zero: 2026-11-30 has 1 replies"):
        reply(reply(begun("UTC", now), now), now, count=-2)


def test_a_goal_of_a_late_day_is_reached_on_its_own_day() -> None:
    habits = with_goal(begun("UTC", at("2026-11-27T12:00")), 1, at("2026-11-27T12:00"))
    habits = replies(habits, at("2026-11-27T12:00"), at("2026-11-29T12:00"))
    habits = reply(habits, at("2026-11-28T12:00"), now=at("2026-11-29T13:00"))
    assert {day.day: one.streak for day, one in habits.achieved.items()} == {27: 1, 29: 1, 28: 2}


def test_habits_are_the_same_after_they_were_stored() -> None:
    habits = with_freezes(with_goal(begun(BERLIN, at("2026-11-25T12:00")), 2, at("2026-11-25T12:00")), 3)
    habits = replies(habits, *(at(f"2026-11-{day}T12:00") for day in (25, 25, 26, 28, 30)))
    habits = with_zone(habits, "Asia/Tokyo", at("2026-11-30T13:00"))
    assert from_text(habits.to_text()) == habits
    assert is_final(habits.zones, habits.settled, at("2026-11-30T13:00"))
    assert ends(habits.zones, date(2026, 11, 30)) == at("2026-11-30T15:00")
