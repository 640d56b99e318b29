"""Any rows, ranges, zones and intervals, through the API: chart, KPIs, breakdown and rows are the same money.

The sums are made a second time, from the exported CSV files, by `csv` and `decimal`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.analytics.money import CATEGORIES
from testing.agency import AgencySite, Sale

ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York", "Africa/Cairo")
CHANGES = (date(2026, 3, 8), date(2026, 4, 5), date(2026, 4, 24), date(2026, 10, 4), date(2026, 10, 29))
"""Days on which one of their clocks is changed: Lord Howe's by half an hour, Cairo's at midnight."""
MONTH_ENDS = (date(2026, 1, 31), date(2026, 2, 28), date(2025, 12, 31))
DECIMALS = {"USD": 2, "JPY": 0, "KWD": 3}
SOURCES = ("tip", "message", "subscription", "post", "renewal", "referral", "mediaLink")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Case:
    first: date
    last: date
    zone: str
    interval: str
    sales: Sequence[tuple[int, Sale]]
    """With the number of the creator."""

    def within(self) -> list[Sale]:
        """What has to be in every sum, by the clock on the wall."""
        return [
            sale
            for _, sale in self.sales
            if sale.status == "counted" and self.first <= local_day(sale, self.zone) <= self.last
        ]

    @property
    def query(self) -> dict[str, str]:
        return {"startDate": self.first.isoformat(), "endDate": self.last.isoformat(), "timeZone": self.zone}


def local_day(sale: Sale, zone: str) -> date:
    return sale.at.astimezone(ZoneInfo(zone)).date()


@st.composite
def cases(draw: st.DrawFn, currencies: Sequence[str]) -> Case:
    zone = draw(st.sampled_from(ZONES))
    near = draw(st.sampled_from((*CHANGES, *MONTH_ENDS, date(2026, 11, 20))))
    first = near - draw(st.integers(0, 9)) * DAY
    last = near + draw(st.integers(0, 40)) * DAY
    edges = st.integers(-2, (last - first).days + 2).map(
        lambda days: datetime.combine(first + days * DAY, time.min, ZoneInfo(zone)).astimezone(UTC)
    )
    offsets = st.one_of(
        st.sampled_from((timedelta(0), timedelta(milliseconds=-1), timedelta(minutes=-15))),
        st.integers(0, 86_399).map(lambda seconds: timedelta(seconds=seconds)),
    )
    sales = st.builds(
        Sale,
        at=st.builds(lambda edge, offset: edge + offset, edges, offsets),
        gross=st.integers(-50_000, 500_000),
        net=st.one_of(st.none(), st.integers(-50_000, 500_000)),
        currency=st.sampled_from(currencies),
        source=st.sampled_from(SOURCES),
        payer=st.one_of(st.none(), st.sampled_from(("ada", "bo", "cy"))),
        status=st.sampled_from(("counted", "counted", "counted", "gone", "replaced", "unconfirmed")),
    )
    interval = draw(st.sampled_from(("day", "week", "month")))
    return Case(first, last, zone, interval, draw(st.lists(st.tuples(st.integers(0, 2), sales), max_size=14)))


def booked(site: AgencySite, case: Case) -> str:
    """An agency with three creators who have these sales; its id."""
    site.agency_id = site.agency()
    for number, creator in enumerate([site.creator(f"Creator {number}") for number in range(3)]):
        site.books(creator, *(sale for whose, sale in case.sales if whose == number))
    return site.agency_id


def major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-DECIMALS[currency])


def total(sales: Iterable[Sale], currency: str, field: str = "gross") -> Decimal:
    found = [sale for sale in sales if sale.currency == currency]
    return sum((major(getattr(sale, field) or 0, currency) for sale in found), Decimal(0))


def of_csv(site: AgencySite, path: str, case: Case, **query: str) -> list[dict[str, str]]:
    answer = site.ask(path, format="csv", **case.query, **query)
    assert answer.status == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def sum_of(rows: Iterable[dict[str, Any]], column: str) -> Decimal:
    return sum((Decimal(str(row[column] or 0)) for row in rows), Decimal(0))


@pytest.mark.parametrize("currency", sorted(DECIMALS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_chart_kpis_breakdown_and_rows_are_the_same_money(
    one_account: AgencySite, currency: str, data: st.DataObject
) -> None:
    case = data.draw(cases([currency]))
    site, within = one_account, case.within()
    booked(site, case)
    shown = site.dashboard(interval=case.interval, **case.query)
    chart, kpis, breakdown = shown["chartData"], shown["kpiMetrics"], shown["categoryBreakdown"]
    if not within:
        currency = "USD"  # nothing says which
    assert shown["currency"] == currency
    assert kpis["totalRevenue"] == sum_of(chart, "revenue") == sum_of(breakdown, "revenue") == total(within, currency)
    assert kpis["netRevenue"] == sum_of(chart, "netRevenue") == total(within, currency, "net")
    assert kpis["transactions"] == sum_of(chart, "transactions") == sum_of(breakdown, "count") == len(within)
    for category in CATEGORIES:
        (one,) = (found for found in breakdown if found["category"] == category)
        assert one["revenue"] == sum_of(chart, category)
    for bucket in chart:
        days = date.fromisoformat(bucket["date"]), date.fromisoformat(bucket["endDate"])
        mine = [sale for sale in within if days[0] <= local_day(sale, case.zone) <= days[1]]
        assert bucket["revenue"] == total(mine, currency)
        assert bucket["transactions"] == len(mine)
    # A second time, from the files.
    rows = of_csv(site, "transactions", case)
    assert len(rows) == len(within)
    assert sum_of(rows, "gross") == kpis["totalRevenue"]
    assert sum_of(rows, "net") == kpis["netRevenue"]
    assert {row["currency"] for row in rows} <= {currency}
    points = of_csv(site, "dashboard", case, interval=case.interval)
    assert [point["date"] for point in points] == [bucket["date"] for bucket in chart]
    assert sum_of(points, "revenue") == kpis["totalRevenue"]
    for row in rows:
        assert case.first <= date.fromisoformat(row["date"]) <= case.last
    for point in points:
        mine_of_csv = [row for row in rows if point["date"] <= row["date"] <= point["endDate"]]
        assert sum_of(mine_of_csv, "gross") == Decimal(point["revenue"])


@settings(max_examples=30, deadline=None)
@given(case=cases(["USD", "JPY", "KWD"]))
def test_currencies_are_never_added_up_and_each_has_its_own_sums(one_account: AgencySite, case: Case) -> None:
    site, within = one_account, case.within()
    booked(site, case)
    shown = site.dashboard(interval=case.interval, **case.query)
    there = {sale.currency for sale in within}
    rows, points = of_csv(site, "transactions", case), of_csv(site, "dashboard", case, interval=case.interval)
    assert shown["byCurrency"].keys() == there
    for currency, sums in shown["byCurrency"].items():
        of_this = [row for row in rows if row["currency"] == currency]
        assert sums["totalRevenue"] == total(within, currency) == sum_of(of_this, "gross")
        assert sums["netRevenue"] == total(within, currency, "net") == sum_of(of_this, "net")
        assert sums["totalRevenue"] == sum_of(sums["categoryBreakdown"], "revenue")
        assert sum_of([point for point in points if point["currency"] == currency], "revenue") == sums["totalRevenue"]
        if len(there) > 1:
            parts = [point["byCurrency"][currency] for point in shown["chartData"] if currency in point["byCurrency"]]
            assert sum_of(parts, "revenue") == sums["totalRevenue"]
    assert shown["kpiMetrics"]["transactions"] == len(within) == len(rows) == sum_of(points, "transactions")
    if len(there) > 1:
        assert shown["currency"] is None
        assert {shown["kpiMetrics"][name] for name in ("totalRevenue", "netRevenue", "arpu", "arppu", "ltv")} == {None}
        assert {point["revenue"] for point in shown["chartData"]} == {None}
        assert "mixed_currencies" in {warning["code"] for warning in shown["warnings"]}


@settings(max_examples=40, deadline=None)
@given(case=cases(["USD"]), limit=st.integers(1, 9), status=st.sampled_from(("counted", "all", "gone")))
def test_pages_of_several_creators_have_each_row_once_in_order_of_time(
    one_account: AgencySite, case: Case, limit: int, status: str
) -> None:
    site = one_account
    booked(site, case)
    found: list[Any] = []
    cursor = None
    while True:
        answer = site.ask("transactions", limit=limit, cursor=cursor, status=status, **case.query)
        assert answer.status == 200, answer.text
        found += answer.json["items"]
        assert len(answer.json["items"]) <= limit
        cursor = answer.json["nextCursor"]
        if cursor is None:
            break
    wanted = [
        sale
        for _, sale in case.sales
        if status in ("all", sale.status) and case.first <= local_day(sale, case.zone) <= case.last
    ]
    assert len({one["id"] for one in found}) == len(found) == len(wanted)
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)


@settings(max_examples=25, deadline=None)
@given(case=cases(["USD"]), earlier=st.integers(0, 45))
def test_the_range_before_has_the_figures_that_it_has_by_itself(
    one_account: AgencySite, case: Case, earlier: int
) -> None:
    site = one_account
    shifted = [(whose, replace(sale, at=sale.at - earlier * DAY)) for whose, sale in case.sales]
    case = replace(case, sales=[*case.sales, *shifted])
    booked(site, case)
    before = site.dashboard(interval=case.interval, compare="previous", **case.query)["previous"]
    first, last = (date.fromisoformat(before["range"][name]) for name in ("startDate", "endDate"))
    assert last < case.first
    there = replace(case, first=first, last=last)
    if case.last < date(2026, 11, 20):  # it is over, so the one before is not cut short
        assert before["kpiMetrics"]["totalRevenue"] == total(there.within(), "USD")
        assert before["kpiMetrics"] == site.dashboard(interval=case.interval, **there.query)["kpiMetrics"]
