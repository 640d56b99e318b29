"""Another time zone neither repeats nor skips a month, nor a day where the two zones ever agree about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.zones import LEAD, Zones

NAMES = (
    *("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"),
    *("Pacific/Kiritimati", "America/Los_Angeles", "Pacific/Pago_Pago", "Pacific/Chatham", "Africa/Cairo"),
)
FAR_APART = {"Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham"}
START = datetime(2026, 12, 30, tzinfo=UTC)
NAME = st.sampled_from(NAMES)
CHANGES = st.lists(st.tuples(st.integers(0, 80 * 60), NAME), max_size=5).map(lambda found: sorted(found))


def timeline(first: str, changes: list[tuple[int, str]]) -> Zones:
    zones = Zones.of(first)
    for minutes, name in changes:
        zones = zones.changed(name, START + timedelta(minutes=minutes))
    return zones


@given(NAME, CHANGES, st.sampled_from([START, datetime(2027, 2, 27, tzinfo=UTC), datetime(2027, 10, 30, tzinfo=UTC)]))
def test_months_follow_each_other_whatever_zones_are_chosen_around_their_end(
    first: str, changes: list[tuple[int, str]], start: datetime
) -> None:
    zones = Zones.of(first)
    for minutes, name in changes:
        zones = zones.changed(name, start + timedelta(minutes=minutes))
    months = [zones.month(start + timedelta(minutes=15 * step)) for step in range(-4 * 24, 4 * 24 * 7)]
    seen = list(dict.fromkeys(months))
    assert seen == sorted(seen)
    assert len(seen) == sum(one != other for one, other in pairwise(months)) + 1, "a month came back"
    numbers = [12 * int(month[:4]) + int(month[5:]) for month in seen]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers)), "a month was skipped"


@given(st.sampled_from(sorted(set(NAMES) - FAR_APART)), CHANGES)
def test_days_follow_each_other_too_where_zones_are_less_than_a_day_apart(
    first: str, changes: list[tuple[int, str]]
) -> None:
    zones = timeline(first, [(minutes, name) for minutes, name in changes if name not in FAR_APART])
    days = [zones.day(START + timedelta(minutes=15 * step)) for step in range(-4 * 24, 4 * 24 * 7)]
    assert all(timedelta(0) <= later - earlier <= timedelta(days=1) for earlier, later in pairwise(days))


@given(NAME, CHANGES, st.integers(0, 80 * 60), NAME)
def test_a_change_alters_nothing_that_is_past_or_a_minute_away(
    first: str, changes: list[tuple[int, str]], minutes: int, name: str
) -> None:
    before = timeline(first, [change for change in changes if change[0] <= minutes])
    at = START + timedelta(minutes=minutes)
    after = before.changed(name, at)
    for seconds in (-86_400, -1, 0, 59):
        assert after.at(at + timedelta(seconds=seconds)) == before.at(at + timedelta(seconds=seconds))
    assert after.changes[-1][1] == name
    assert after.changes[-1][0] <= max(at + LEAD + timedelta(hours=48), before.changes[-1][0])


@pytest.mark.parametrize(
    ("before", "after", "at", "effective"),
    [
        # Both are in the same day: at once, when every function knows it.
        ("UTC", "Europe/Berlin", "2026-11-10T12:00", "2026-11-10T12:01"),
        # In Los Angeles it is still November: it catches up at its own midnight.
        ("UTC", "America/Los_Angeles", "2026-12-01T02:00", "2026-12-01T08:00"),
        # In Kolkata it is December already: UTC catches up at its own.
        ("UTC", "Asia/Kolkata", "2026-11-30T20:00", "2026-12-01T00:00"),
        # 25 hours apart, so never in the same day; but soon both are in December.
        ("Pacific/Kiritimati", "Pacific/Pago_Pago", "2026-11-30T15:00", "2026-12-01T11:00"),
        ("Pacific/Kiritimati", "Pacific/Pago_Pago", "2026-11-10T15:00", "2026-11-10T15:01"),
    ],
)
def test_a_change_takes_effect_when_both_zones_agree(before: str, after: str, at: str, effective: str) -> None:
    changed = Zones.of(before).changed(after, datetime.fromisoformat(f"{at}+00:00"))
    assert changed.changes[-1] == (datetime.fromisoformat(f"{effective}+00:00"), after)


def test_taking_a_change_back_before_it_takes_effect_leaves_no_trace() -> None:
    at = datetime(2026, 12, 1, 2, tzinfo=UTC)
    changed = Zones.of("UTC").changed("America/Los_Angeles", at)
    assert changed.changed("UTC", at + timedelta(minutes=5)) == Zones.of("UTC")
