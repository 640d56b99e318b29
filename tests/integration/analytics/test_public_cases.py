"""What dashboards are known to get wrong: each case by its name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from testing.agency import AgencySite, Sale

SECOND = timedelta(seconds=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The clock's present."""


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def revenue(shown: Any) -> dict[str, float]:
    """Of the buckets that have any."""
    return {point["date"]: float(point["revenue"]) for point in shown["chartData"] if point["revenue"]}


def test_an_instant_between_two_ranges_is_in_one_of_them(site: AgencySite) -> None:
    edge = at("2026-11-10", "Europe/Berlin")
    site.books(site.creator(), Sale(edge - SECOND, 100), Sale(edge, 2000), Sale(at("2026-11-01", "Europe/Berlin"), 7))
    zone = "Europe/Berlin"
    before = site.dashboard(startDate="2026-11-01", endDate="2026-11-09", timeZone=zone)
    after = site.dashboard(startDate="2026-11-10", endDate="2026-11-12", timeZone=zone)
    both = site.dashboard(startDate="2026-11-01", endDate="2026-11-12", timeZone=zone)
    assert [float(one["kpiMetrics"]["totalRevenue"]) for one in (before, after, both)] == [1.07, 20.0, 21.07]
    assert revenue(both) == {"2026-11-01": 0.07, "2026-11-09": 1.0, "2026-11-10": 20.0}


@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_the_last_bucket_is_there_and_says_that_it_is_not_over(site: AgencySite, interval: str) -> None:
    site.books(site.creator(), Sale(NOON - SECOND))
    shown = site.dashboard(timeRange="30d", interval=interval)
    *earlier, last = shown["chartData"]
    assert (last["endDate"], last["partial"], float(last["revenue"])) == ("2026-11-20", True, 10.0)
    assert not any(point["partial"] for point in earlier)
    assert shown["range"]["complete"] is False


def test_buckets_of_the_future_are_there_with_zeros_and_partial(site: AgencySite) -> None:
    site.books(site.creator(), Sale(NOON - SECOND))
    shown = site.dashboard(startDate="2026-11-19", endDate="2026-11-23")
    assert [(point["date"][-2:], point["partial"], float(point["revenue"])) for point in shown["chartData"]] == [
        *(("19", False, 0.0), ("20", True, 10.0), ("21", True, 0.0), ("22", True, 0.0), ("23", True, 0.0))
    ]
    assert shown["range"]["complete"] is False
    assert site.dashboard(startDate="2026-11-18", endDate="2026-11-19")["range"]["complete"] is True


def test_a_bucket_without_transactions_is_there_with_zeros(site: AgencySite) -> None:
    site.books(site.creator(), Sale(at("2026-11-15T12:00")))
    points = site.dashboard(timeRange="7d")["chartData"]
    assert [point["date"] for point in points] == [f"2026-11-{day}" for day in range(14, 21)]
    assert {str(point["tips"]) for point in points} == {"0.00", "10.00"}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Africa/Cairo", "2026-04-24", 23),
        ("Africa/Cairo", "2026-10-29", 25),
    ],
)
def test_a_day_on_which_the_clock_changes_is_as_long_as_it_is(
    site: AgencySite, zone: str, day: str, hours: float
) -> None:
    local = [moment.astimezone(ZoneInfo(zone)).date() for moment in quarters(date.fromisoformat(day))]
    site.books(site.creator(), *(Sale(moment, 100, 80) for moment in quarters(date.fromisoformat(day))))
    shown = site.dashboard(startDate=day, endDate=day, timeZone=zone)
    assert shown["kpiMetrics"]["transactions"] == hours * 4 == local.count(date.fromisoformat(day))


def quarters(day: date) -> list[datetime]:
    """Every quarter of an hour of three days of UTC."""
    start = datetime.combine(day - timedelta(days=1), datetime.min.time(), UTC)
    return [start + number * timedelta(minutes=15) for number in range(3 * 96)]


def test_a_day_is_a_day_of_the_zone_that_was_asked_for(site: AgencySite) -> None:
    site.books(site.creator(), Sale(at("2026-11-17T18:20")))
    zones = {
        "UTC": "2026-11-17",
        "Asia/Kathmandu": "2026-11-18",
        "America/New_York": "2026-11-17",
        "Pacific/Kiritimati": "2026-11-18",
    }
    for zone, day in zones.items():
        assert revenue(site.dashboard(timeRange="7d", timeZone=zone)) == {day: 10.0}, zone
        (row,) = site.ask("transactions", timeRange="7d", timeZone=zone).json["items"]
        assert row["date"] == day


@pytest.mark.parametrize("interval", ["day", "week", "month"])
@pytest.mark.parametrize(("first", "last"), [("2026-11-02", "2026-11-08"), ("2026-03-01", "2026-03-31")])
def test_both_periods_have_the_same_number_of_buckets(site: AgencySite, interval: str, first: str, last: str) -> None:
    query = {"interval": interval, "startDate": first, "endDate": last}
    before = site.dashboard(compare="previous", **query)["previous"]["range"]
    again = site.dashboard(interval=interval, startDate=before["startDate"], endDate=before["endDate"])
    assert len(again["chartData"]) == len(site.dashboard(**query)["chartData"])


def test_the_month_before_one_of_31_days_is_the_whole_shorter_month(site: AgencySite) -> None:
    site.books(
        site.creator(), Sale(at("2026-02-01"), 100), Sale(at("2026-02-28T23:59"), 200), Sale(at("2026-01-31"), 9)
    )
    query = {"startDate": "2026-03-01", "endDate": "2026-03-31", "interval": "month", "compare": "previous"}
    before = site.dashboard(**query)["previous"]
    assert (before["range"]["startDate"], before["range"]["endDate"]) == ("2026-02-01", "2026-02-28")
    assert float(before["kpiMetrics"]["totalRevenue"]) == 3.0


def test_todays_previous_period_ends_at_the_same_hour(site: AgencySite) -> None:
    day = timedelta(days=1)
    site.books(
        site.creator(),
        Sale(NOON - SECOND, 300),
        Sale(NOON - day - SECOND, 200),
        Sale(NOON - day + SECOND, 5000),
    )
    shown = site.dashboard(startDate="2026-11-20", endDate="2026-11-20", compare="previous")
    assert float(shown["previous"]["kpiMetrics"]["totalRevenue"]) == 2.0
    assert float(shown["previous"]["changes"]["totalRevenue"]) == 0.5
    week = site.dashboard(timeRange="7d", compare="previous")
    assert week["previous"]["range"]["endDate"] == "2026-11-13"


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "1234"), ("USD", "12.34"), ("KWD", "1.234")])
def test_an_amount_has_the_decimals_of_its_currency(site: AgencySite, currency: str, shown: str) -> None:
    site.books(site.creator(), Sale(NOON - SECOND, 1234, 1000, currency))
    assert f'"totalRevenue":{shown},' in site.ask().text
    assert f'"gross":{shown},' in site.ask("transactions").text
    assert f",{currency},{shown}," in site.ask(format="csv").text


def test_an_agency_without_transactions_has_the_currency_of_its_creators(site: AgencySite) -> None:
    site.creator(currency="JPY")
    assert '"totalRevenue":0,' in site.ask().text


def test_mixed_currencies_are_null_with_a_warning_and_by_currency(site: AgencySite) -> None:
    site.books(site.creator("Mia"), Sale(NOON - SECOND, 1000, 800, "USD"), Sale(NOON - 8 * timedelta(days=1), 5000))
    site.books(site.creator("Zoë"), Sale(NOON - SECOND, 1000, 800, "JPY"))
    shown = site.dashboard(timeRange="7d", compare="previous")
    assert shown["currency"] is None
    assert shown["kpiMetrics"]["totalRevenue"] is shown["kpiMetrics"]["arppu"] is None
    assert "several currencies" in shown["formulas"]["arppu"]["why"]
    assert shown["chartData"][-1]["revenue"] is None
    assert {name: str(one["revenue"]) for name, one in shown["chartData"][-1]["byCurrency"].items()} == {
        "USD": "10.00",
        "JPY": "1000",
    }
    assert {name: str(one["totalRevenue"]) for name, one in shown["byCurrency"].items()} == {
        "USD": "10.00",
        "JPY": "1000",
    }
    assert [one["code"] for one in shown["warnings"] if one["code"] == "mixed_currencies"]
    assert shown["previous"]["changes"]["totalRevenue"] is None
    alone = site.dashboard(timeRange="7d", compare="previous", modelId=shown["creators"][1]["id"])
    assert (alone["currency"], alone["warnings"][0]["code"]) == ("JPY", "first_sync")


def test_amounts_of_another_currency_before_are_compared_with_nothing(site: AgencySite) -> None:
    week = timedelta(days=7)
    site.books(site.creator(), Sale(NOON - SECOND, 1000, 800, "USD"), Sale(NOON - week - SECOND, 5000, 1, "JPY"))
    changes = site.dashboard(timeRange="7d", compare="previous")["previous"]["changes"]
    assert changes["totalRevenue"] is changes["netRevenue"] is changes["arppu"] is None
    assert float(changes["transactions"]) == 0.0


def test_without_churn_a_lifetime_has_no_end_so_ltv_is_null(site: AgencySite) -> None:
    mia = site.creator()
    site.books(mia, Sale(NOON - SECOND))
    site.audience(mia, {date(2026, 11, 1): {"subscribers": 100, "followers": 900}}, subscribers=100, followers=900)
    site.flow(mia, date(2026, 11, 18), 5, 0)
    shown = site.dashboard(timeRange="7d")
    assert float(shown["kpiMetrics"]["churnRate"]) == 0
    assert shown["kpiMetrics"]["ltv"] is None
    assert "no end" in shown["formulas"]["ltv"]["why"]
    site.flow(mia, date(2026, 11, 19), 0, 10)
    shown = site.dashboard(timeRange="7d")
    assert float(shown["kpiMetrics"]["churnRate"]) == 0.1
    assert float(shown["kpiMetrics"]["ltv"]) == 0.8  # 8.00 for 100 subscribers, of whom a tenth ended


def test_refunds_are_negative_and_shares_of_nothing_are_null(site: AgencySite) -> None:
    site.books(site.creator(), Sale(NOON - SECOND, 1000, 800), Sale(NOON - SECOND, -1500, -1200, source="message"))
    shown = site.dashboard()
    assert (float(shown["kpiMetrics"]["totalRevenue"]), float(shown["kpiMetrics"]["netRevenue"])) == (-5.0, -4.0)
    assert {one["share"] for one in shown["categoryBreakdown"]} == {None}
    site.books(site.creator(), Sale(NOON - SECOND, 2000, 1600, source="message"))
    shares = {one["category"]: one["share"] for one in site.dashboard()["categoryBreakdown"]}
    assert [float(shares[name]) for name in ("tips", "messages", "posts")] == [0.6667, 0.3333, 0.0]


def test_a_fan_who_pays_twice_is_one_payer_and_new_only_once(site: AgencySite) -> None:
    mia = site.creator()
    site.audience(mia, {date(2026, 10, 1): {"subscribers": 1, "followers": 50}})
    days = [NOON - number * timedelta(days=1) for number in (1, 2, 20)]
    site.books(mia, *(Sale(day, payer="ada") for day in days), Sale(days[0], payer="bo"))
    formulas = site.dashboard(timeRange="7d")["formulas"]
    assert formulas["arppu"]["inputs"]["payers"] == 2
    assert formulas["conversionRate"]["inputs"] == {"newPayers": 1, "followersAtStart": 50}
    assert site.dashboard(timeRange="30d")["formulas"]["conversionRate"]["inputs"]["newPayers"] == 2


def test_all_begins_with_the_local_day_of_the_first_transaction(site: AgencySite) -> None:
    site.books(site.creator(), Sale(at("2026-10-05T02:00")), Sale(NOON - SECOND))
    shown = site.dashboard(timeRange="all", timeZone="America/New_York", compare="previous")
    assert shown["range"]["startDate"] == "2026-10-04"
    assert float(shown["kpiMetrics"]["totalRevenue"]) == 20.0
    assert shown["previous"] is None
    assert len(site.dashboard(timeRange="all", agencyId=site.agency())["chartData"]) == 1


def test_a_long_range_without_an_interval_has_longer_buckets(site: AgencySite) -> None:
    site.books(site.creator(), Sale(at("2015-01-02")), Sale(NOON - SECOND))
    shown = site.dashboard(timeRange="all")
    assert (shown["range"]["interval"], float(shown["kpiMetrics"]["totalRevenue"])) == ("week", 20.0)
    refused = site.ask(timeRange="all", interval="day")
    assert (refused.status, "1,100 buckets" in refused.error) == (400, True)


def test_an_agency_without_creators_says_so_in_words(site: AgencySite) -> None:
    shown = site.dashboard(timeRange="7d")
    assert [one["code"] for one in shown["warnings"]] == ["no_creators"]
    assert (len(shown["chartData"]), float(shown["kpiMetrics"]["totalRevenue"])) == (7, 0.0)
    assert shown["kpiMetrics"]["subscribers"] is None
    assert shown["asOf"] == {"transactions": None, "audience": None}
    assert shown["stale"] == {"transactions": False, "audience": False}
