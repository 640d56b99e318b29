"""Ranges and buckets: every instant is in one bucket, whatever the zone's clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.analytics.ranges import (
    EARLIEST,
    INTERVALS,
    Interval,
    Range,
    buckets,
    previous,
    quarters_needed,
    resolve,
    utc_days,
)
from cairn.analytics.sums import QUARTER, midnight
from cairn.errors import BadInputError

NOW = datetime(2026, 11, 30, 14, 40, tzinfo=UTC)
ZONES = st.sampled_from(
    (
        "UTC",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/New_York",
        "Africa/Cairo",
        "Pacific/Apia",
        "Europe/Berlin",
    )
)
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))


def resolved(**given: object) -> Range:
    asked = {"time_range": None, "start": None, "end": None, "zone": "UTC", "now": NOW, **given}
    return resolve(**asked)  # type: ignore[arg-type]  # the tests name the parameters


def the_range(first: date, days: int, zone: str) -> Range:
    return Range(first, first + timedelta(days=days - 1), zone)


RANGES = st.builds(the_range, DAYS, st.integers(1, 400), ZONES)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, date(2026, 11, 1), date(2026, 11, 30)),
        ({"time_range": "7d"}, date(2026, 11, 24), date(2026, 11, 30)),
        ({"time_range": "30d"}, date(2026, 11, 1), date(2026, 11, 30)),
        ({"time_range": "1y"}, date(2025, 12, 1), date(2026, 11, 30)),
        ({"time_range": "all", "earliest": date(2025, 3, 4)}, date(2025, 3, 4), date(2026, 11, 30)),
        ({"time_range": "all"}, date(2026, 11, 30), date(2026, 11, 30)),
        ({"start": date(2026, 11, 3)}, date(2026, 11, 3), date(2026, 11, 30)),
        ({"start": date(2026, 11, 3), "end": date(2026, 11, 3)}, date(2026, 11, 3), date(2026, 11, 3)),
        ({"start": date(2026, 11, 3), "end": date(2026, 12, 24)}, date(2026, 11, 3), date(2026, 12, 24)),
        ({"time_range": "7d", "zone": "Pacific/Kiritimati"}, date(2026, 11, 25), date(2026, 12, 1)),
    ],
)
def test_a_range_is_inclusive_days_in_the_zone(asked: dict[str, object], first: date, last: date) -> None:
    found = resolved(**asked)
    assert (found.first, found.last) == (first, last)


def test_a_year_that_ends_on_the_29th_of_february_begins_in_march() -> None:
    found = resolved(time_range="1y", now=datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert (found.first, found.last) == (date(2027, 3, 1), date(2028, 2, 29))


@pytest.mark.parametrize(
    "asked",
    [
        {"time_range": "7d", "start": date(2026, 11, 1)},
        {"time_range": "14d"},
        {"end": date(2026, 11, 1)},
        {"start": date(2026, 11, 2), "end": date(2026, 11, 1)},
        {"start": date(2026, 12, 2)},
        {"start": EARLIEST - timedelta(days=1)},
        {"start": date(2026, 11, 1), "end": date(2028, 1, 1)},
        {"zone": "Mars/Olympus"},
    ],
)
def test_a_range_that_cannot_be_is_refused_in_words(asked: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match=r"^\w+: "):
        resolved(**asked)


@given(RANGES, st.sampled_from(INTERVALS))
def test_every_instant_of_a_range_is_in_exactly_one_bucket(range_: Range, interval: Interval) -> None:
    shown = buckets(range_, interval, NOW)
    assert shown[0].start == range_.start
    assert shown[-1].end == range_.end
    assert (shown[0].first, shown[-1].last) == (range_.first, range_.last)
    for one, following in pairwise(shown):
        assert one.end == following.start
        assert one.last + timedelta(days=1) == following.first
    for one in shown:
        assert one.start < one.end or one.first == one.last  # a day that a zone left out has no instant
        assert one.partial == (one.end > NOW)


@given(RANGES, st.sampled_from(INTERVALS))
def test_buckets_begin_at_quarters_of_an_hour_of_utc(range_: Range, interval: Interval) -> None:
    shown = buckets(range_, interval, NOW)
    for one in shown:
        assert (one.start - midnight(one.start.astimezone(UTC).date())) % QUARTER == timedelta(0)
    first, last = utc_days(shown)
    assert all(first <= day <= last + timedelta(days=1) for day in quarters_needed(shown))


def test_a_day_is_as_long_as_the_clock_makes_it() -> None:
    berlin = buckets(the_range(date(2026, 3, 28), 3, "Europe/Berlin"), "day", NOW)
    assert [(one.end - one.start) / timedelta(hours=1) for one in berlin] == [24, 23, 24]
    lord_howe = buckets(the_range(date(2026, 4, 4), 3, "Australia/Lord_Howe"), "day", NOW)
    assert [(one.end - one.start) / timedelta(hours=1) for one in lord_howe] == [24, 24.5, 24]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    range_ = the_range(date(2026, 11, 4), 30, "UTC")
    assert [one.first.isoformat() for one in buckets(range_, "week", NOW)] == [
        "2026-11-04", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30",
    ]  # fmt: skip
    assert [(one.first.day, one.last.day) for one in buckets(range_, "month", NOW)] == [(4, 30), (1, 3)]


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(BadInputError, match="1,100"):
        buckets(Range(date(2015, 1, 1), date(2026, 11, 30), "UTC"), "day", NOW)


@given(RANGES, st.sampled_from(INTERVALS))
def test_both_periods_have_the_same_number_of_buckets_and_do_not_overlap(range_: Range, interval: Interval) -> None:
    before = previous(range_, interval, NOW)
    assert before.last < range_.first
    assert len(buckets(before, interval, NOW)) == len(buckets(range_, interval, NOW))
    if interval != "month":
        assert before.days == range_.days


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        (date(2026, 3, 1), date(2026, 3, 31), (date(2026, 2, 1), date(2026, 2, 28))),
        (date(2028, 3, 1), date(2028, 3, 31), (date(2028, 2, 1), date(2028, 2, 29))),
        (date(2026, 2, 1), date(2026, 2, 28), (date(2026, 1, 1), date(2026, 1, 31))),
        (date(2026, 3, 30), date(2026, 3, 30), (date(2026, 2, 28), date(2026, 2, 28))),
        (date(2026, 1, 1), date(2026, 12, 31), (date(2025, 1, 1), date(2025, 12, 31))),
    ],
)
def test_months_are_compared_with_months_whatever_their_length(
    first: date, last: date, before: tuple[date, date]
) -> None:
    found = previous(Range(first, last, "UTC"), "month", datetime(2029, 1, 1, tzinfo=UTC))
    assert (found.first, found.last) == before


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("UTC", NOW, datetime(2026, 11, 29, 14, 30, tzinfo=UTC)),
        ("Europe/Berlin", NOW, datetime(2026, 11, 29, 14, 30, tzinfo=UTC)),
        # The clock went back on the 25th, so noon is an hour later in UTC than the day before.
        ("Europe/Berlin", datetime(2026, 10, 25, 11, tzinfo=UTC), datetime(2026, 10, 24, 10, tzinfo=UTC)),
        ("Asia/Kathmandu", NOW, datetime(2026, 11, 29, 14, 30, tzinfo=UTC)),
    ],
)
def test_the_period_before_today_ends_at_the_same_hour(zone: str, now: datetime, until: datetime) -> None:
    today = now.astimezone(ZoneInfo(zone)).date()
    assert previous(Range(today, today, zone), "day", now).end == until


def test_a_period_that_is_not_over_is_compared_with_as_much_of_the_one_before() -> None:
    week = Range(date(2026, 11, 30), date(2026, 12, 6), "UTC")
    before = previous(week, "day", NOW)
    assert (before.first, before.last, before.end) == (
        date(2026, 11, 23),
        date(2026, 11, 29),
        datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
    )
    shown = buckets(before, "day", NOW)
    assert [one.partial for one in shown] == [True] * 7
    assert [one.end - one.start for one in shown][1:] == [timedelta(0)] * 6


def test_a_period_that_is_over_is_compared_with_a_whole_one() -> None:
    assert previous(Range(date(2026, 11, 1), date(2026, 11, 7), "UTC"), "day", NOW).until is None
