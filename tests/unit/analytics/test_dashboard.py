"""A dashboard against an oracle that sums the rows themselves: chart, KPIs and categories are the same money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.analytics.dashboard import CreatorData, Dashboard, build
from cairn.analytics.money import CATEGORIES, category_of, to_major
from cairn.analytics.ranges import INTERVALS, Interval, Range, buckets, previous, quarters_needed
from cairn.analytics.sums import (
    Amounts,
    by_quarter,
    from_text,
    of_rows,
    quarter_of,
    quarters_from_text,
    quarters_to_text,
    to_text,
)

NOW = datetime(2026, 11, 30, 14, 40, tzinfo=UTC)
ZONES = st.sampled_from(
    (
        "UTC",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/New_York",
        "Africa/Cairo",
        "Europe/Berlin",
        "Asia/Kolkata",
    )
)
BEGINNING = datetime(2026, 3, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    at: datetime
    gross: int
    net: int | None = None
    currency: str = "USD"
    category: str = "tips"
    payer: str = "ada"


ROWS = st.builds(
    Row,
    # Around the days on which the clocks of Berlin, Cairo, New York and Lord Howe change, and on both ends of days.
    at=st.integers(0, 50 * 96).flatmap(
        lambda quarter: st.sampled_from((0, 1, 899_999)).map(
            lambda millis: BEGINNING + quarter * timedelta(minutes=15) + timedelta(milliseconds=millis)
        )
    ),
    gross=st.integers(-(10**7), 10**7),
    net=st.none() | st.integers(-(10**7), 10**7),
    category=st.sampled_from(CATEGORIES),
    payer=st.sampled_from("abc"),
)
RANGES = st.builds(
    lambda first, days, zone: Range(first, first + timedelta(days=days), zone),
    st.dates(date(2026, 3, 18), date(2026, 5, 12)),
    st.integers(0, 60),
    ZONES,
)


def creator(rows: Sequence[Row], id_: str = "1", **more: object) -> CreatorData:
    """As the items of its days have it, through their texts."""
    days: dict[date, list[Row]] = {}
    for row in rows:
        days.setdefault(row.at.date(), []).append(row)
    payers = {
        day: {payer: [quarter_of(row.at) for row in of if row.payer == payer] for payer in {row.payer for row in of}}
        for day, of in days.items()
    }
    return CreatorData(
        id=id_,
        days={day: from_text(to_text(of_rows(of))) for day, of in days.items()},
        quarters={day: quarters_from_text(quarters_to_text(by_quarter(of))) for day, of in days.items()},
        payers=payers,
        first_paid={payer: min(row.at for row in rows if row.payer == payer) for payer in {row.payer for row in rows}},
        **more,  # type: ignore[arg-type]  # the tests name the fields
    )


def within(rows: Iterable[Row], range_: Range) -> list[Row]:
    """By the wall's clock, and not by what the code under test takes for a day's start."""
    zone = ZoneInfo(range_.zone)
    return [
        row
        for row in rows
        if range_.first <= row.at.astimezone(zone).date() <= range_.last and (not range_.until or row.at < range_.until)
    ]


def shown(rows: Sequence[Row], range_: Range, interval: Interval = "day", now: datetime = NOW) -> Dashboard:
    return build([creator(rows)], range_, interval, now)


@given(st.lists(ROWS, max_size=40), RANGES, st.sampled_from(INTERVALS))
def test_chart_kpis_and_categories_are_the_sum_of_the_rows(rows: list[Row], range_: Range, interval: Interval) -> None:
    found, mine = shown(rows, range_, interval), within(rows, range_)
    gross = to_major(sum(row.gross for row in mine), "USD")
    net = to_major(sum(row.net or 0 for row in mine), "USD")
    assert found.kpis["totalRevenue"].value == sum((point.revenue or 0 for point in found.points), Decimal()) == gross
    assert found.kpis["netRevenue"].value == sum((point.net or 0 for point in found.points), Decimal()) == net
    assert sum((category.revenue or 0 for category in found.categories), Decimal()) == gross
    assert found.kpis["transactions"].value == sum(category.count for category in found.categories) == len(mine)
    assert sum(point.transactions for point in found.points) == len(mine)
    assert found.pending == sum(row.net is None for row in mine)
    for name in CATEGORIES:
        of_chart = sum((point.categories[name] for point in found.points if point.categories), Decimal())
        (of_breakdown,) = (category.revenue for category in found.categories if category.name == name)
        assert of_chart == of_breakdown == to_major(sum(row.gross for row in mine if row.category == name), "USD")
    zone = ZoneInfo(range_.zone)
    for point in found.points:
        of_bucket = [row for row in mine if point.bucket.first <= row.at.astimezone(zone).date() <= point.bucket.last]
        assert point.revenue == to_major(sum(row.gross for row in of_bucket), "USD")


@given(st.lists(ROWS, max_size=40), RANGES)
def test_payers_are_counted_once_and_new_ones_where_they_first_paid(rows: list[Row], range_: Range) -> None:
    found, mine = shown(rows, range_), within(rows, range_)
    assert found.kpis["arppu"].inputs["payers"] == len({row.payer for row in mine})
    first = {
        payer: min(row.at for row in rows if row.payer == payer)
        for payer in "abc"
        if any(row.payer == payer for row in rows)
    }
    new = {row.payer for row in mine if first[row.payer] == row.at}
    assert found.kpis["conversionRate"].inputs["newPayers"] == len(new)


@given(st.lists(ROWS, max_size=30), RANGES, st.sampled_from(INTERVALS), st.integers(0, 96 * 70))
def test_the_period_before_is_cut_where_this_one_is_and_sums_the_same_way(
    rows: list[Row], range_: Range, interval: Interval, quarter: int
) -> None:
    now = BEGINNING + quarter * timedelta(minutes=15)
    before = previous(range_, interval, now)
    found = shown(rows, before, interval, now)
    assert found.kpis["totalRevenue"].value == to_major(sum(row.gross for row in within(rows, before)), "USD")


@given(st.lists(ROWS, max_size=40), st.lists(ROWS, max_size=40), RANGES)
def test_creators_add_up(ours: list[Row], theirs: list[Row], range_: Range) -> None:
    both = build([creator(ours, "1"), creator(theirs, "2")], range_, "day", NOW)
    assert both.kpis["totalRevenue"].value == to_major(
        sum(row.gross for row in within([*ours, *theirs], range_)), "USD"
    )


@given(st.lists(ROWS, min_size=1, max_size=40), RANGES, st.sampled_from(INTERVALS))
def test_only_the_days_that_are_cut_need_their_quarters(rows: list[Row], range_: Range, interval: Interval) -> None:
    whole = creator(rows)
    needed = quarters_needed(buckets(range_, interval, NOW))
    spare = CreatorData(
        id="1", days=whole.days, quarters={day: of for day, of in whole.quarters.items() if day in needed}
    )
    alone, full = build([spare], range_, interval, NOW), build([whole], range_, interval, NOW)
    assert [point.revenue for point in alone.points] == [point.revenue for point in full.points]


def test_both_ends_of_a_range_are_counted_once() -> None:
    first, last = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, 23, 59, 59, 999_000, tzinfo=UTC)
    rows = [
        Row(first, 1),
        Row(last, 10),
        Row(first - timedelta(milliseconds=1), 100),
        Row(last + timedelta(milliseconds=1), 1000),
    ]
    monday = Range(date(2026, 11, 2), date(2026, 11, 3), "UTC")
    assert shown(rows, monday).kpis["totalRevenue"].value == Decimal("0.11")
    assert shown(rows, previous(monday, "day", NOW)).kpis["totalRevenue"].value == Decimal("1.00")


def test_every_bucket_is_there_with_zeros() -> None:
    found = shown([], Range(date(2026, 11, 1), date(2026, 11, 30), "UTC"))
    assert [point.revenue for point in found.points] == [Decimal("0.00")] * 30
    assert [point.bucket.partial for point in found.points] == [False] * 29 + [True]
    assert not found.complete


def test_a_day_in_another_zone_has_the_rows_of_that_day_there() -> None:
    rows = [Row(datetime(2026, 11, 9, 18, 15, tzinfo=UTC), 5), Row(datetime(2026, 11, 9, 18, 14, 59, tzinfo=UTC), 7)]
    day = date(2026, 11, 10)
    assert shown(rows, Range(day, day, "Asia/Kathmandu")).kpis["totalRevenue"].value == Decimal("0.05")


def test_a_currency_without_decimals_has_none() -> None:
    found = shown([Row(NOW, 1234, 1000, "JPY")], Range(NOW.date(), NOW.date(), "UTC"))
    assert (found.currency, str(found.kpis["totalRevenue"].value), str(found.points[0].revenue)) == (
        "JPY",
        "1234",
        "1234",
    )
    dinars = shown([Row(NOW, 1234, 1000, "KWD")], Range(NOW.date(), NOW.date(), "UTC"))
    assert str(dinars.kpis["totalRevenue"].value) == "1.234"


def test_several_currencies_are_not_added() -> None:
    found = shown([Row(NOW, 100, 80), Row(NOW, 50, 40, "EUR", "posts")], Range(NOW.date(), NOW.date(), "UTC"))
    assert found.currency is None
    mixed = {name for name, kpi in found.kpis.items() if kpi.why and "several currencies" in kpi.why}
    assert mixed == {"totalRevenue", "netRevenue", "arpu", "arppu", "ltv"}
    assert [(one.currency, one.total, one.net, one.transactions) for one in found.by_currency] == [
        ("EUR", Decimal("0.50"), Decimal("0.40"), 1),
        ("USD", Decimal("1.00"), Decimal("0.80"), 1),
    ]
    assert (found.points[0].revenue, found.points[0].categories, found.points[0].transactions) == (None, None, 2)
    assert {category.revenue for category in found.categories} == {None}


def test_nothing_earned_is_in_the_creators_currency_if_they_have_one() -> None:
    range_ = Range(NOW.date(), NOW.date(), "UTC")
    assert build([CreatorData("1", currency="EUR")], range_, "day", NOW).currency == "EUR"
    assert (
        build([CreatorData("1", currency="EUR"), CreatorData("2", currency="GBP")], range_, "day", NOW).currency
        == "USD"
    )
    assert build([], range_, "day", NOW).kpis["totalRevenue"].value == Decimal("0.00")


def test_the_kpis_are_their_formulas() -> None:
    day = timedelta(days=1)
    first = date(2026, 11, 21)
    rows = [
        Row(datetime(2026, 11, 22, 9, tzinfo=UTC), 5000, 4000, payer="a"),
        Row(datetime(2026, 11, 23, tzinfo=UTC), 2500, 2000, payer="b"),
    ]
    one = creator(
        rows,
        audience={
            first - day: {"subscribers": 40, "followers": 200},
            first: {"subscribers": 38, "followers": 210, "posts": 5},
            first + 3 * day: {"subscribers": 42, "followers": 220},
        },
        now={"subscribers": 50, "followers": 300, "messages": 7, "posts": 9},
        flows={first: (1, 3), first + day: (4, 1), first + 400 * day: (9, 9)},
    )
    found = build([one], Range(first, first + 4 * day, "UTC"), "day", NOW).kpis
    assert found["subscribers"].value == 42
    assert found["posts"].value == 5
    assert (found["messages"].value, found["messages"].why) == (None, "unknown")
    assert found["arpu"].inputs == {"netRevenue": Decimal("60.00"), "meanSubscribers": Decimal("39.60")}
    assert found["arpu"].value == Decimal("1.52")
    assert found["arppu"].value == Decimal("30.00")
    assert found["conversionRate"].value == Decimal("0.0100")
    assert found["churnRate"].value == Decimal("0.1000")
    assert found["ltv"].value == Decimal("15.15")  # 60 / 39.6 / 0.1


def test_without_churn_there_is_no_lifetime_value() -> None:
    one = creator(
        [Row(NOW, 500, 400)],
        now={"subscribers": 10},
        audience={NOW.date() - timedelta(days=1): {"subscribers": 10}},
        flows={NOW.date(): (1, 0)},
    )
    found = build([one], Range(NOW.date(), NOW.date(), "UTC"), "day", NOW).kpis
    assert (found["churnRate"].value, found["ltv"].value) == (Decimal("0.0000"), None)
    assert found["ltv"].why


@pytest.mark.parametrize(
    "name", ["subscribers", "followers", "messages", "posts", "arpu", "arppu", "ltv", "conversionRate", "churnRate"]
)
def test_what_means_nothing_is_unknown_with_a_reason(name: str) -> None:
    kpi = build([CreatorData("1")], Range(NOW.date(), NOW.date(), "UTC"), "day", NOW).kpis[name]
    assert kpi.value is None
    assert kpi.why
    assert kpi.formula


def test_todays_counts_are_those_of_now_and_tomorrow_has_none() -> None:
    one = CreatorData("1", now={"subscribers": 5}, audience={NOW.date() - timedelta(days=2): {"subscribers": 3}})
    found = build([one], Range(NOW.date() - timedelta(days=3), NOW.date() + timedelta(days=1), "UTC"), "day", NOW)
    assert [point.subscribers for point in found.points] == [None, 3, 3, 5, None]
    assert found.kpis["subscribers"].value == 5


def test_shares_are_of_a_positive_total() -> None:
    range_ = Range(NOW.date(), NOW.date(), "UTC")
    mixed = shown([Row(NOW, 300), Row(NOW, 100, category="posts")], range_).categories
    assert {one.name: one.share for one in mixed if one.count} == {
        "tips": Decimal("0.7500"),
        "posts": Decimal("0.2500"),
    }
    refunded = shown([Row(NOW, -300), Row(NOW, 100, category="posts")], range_).categories
    assert {one.share for one in refunded} == {None}


def test_what_a_platform_calls_otherwise_is_other() -> None:
    assert [category_of(source) for source in ("message", "renewal", "giveaway", "appStore", "")] == [
        "messages", "renewals", "other", "other", "other",
    ]  # fmt: skip


def test_a_text_of_sums_is_short_and_exact() -> None:
    sums = {"USD": {"tips": Amounts(1250, 1000, 3), "posts": Amounts(-5, 0, 1, 1)}}
    assert to_text(sums) == '{"USD":{"posts":[-5,0,1,1],"tips":[1250,1000,3]}}'
    assert from_text(to_text(sums)) == sums
