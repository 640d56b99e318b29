"""The month's rollover: the final values are kept, and every rep begins at zero, once, however often it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from functions.month_rollover.handler import RESERVE_SECONDS, RolloverError
from testing.adversarial_dynamodb import catch_up
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.leaderboard import Floor, at
from testing.outages import failing
from testing.workspace import begin_with, change

DECEMBER = at("2026-12-01T00:00:00Z")


@pytest.fixture
def new_york(floor: Floor) -> Iterator[Floor]:
    """A floor whose months begin five hours later than UTC's."""
    begin_with(time_zone="America/New_York")
    yield floor
    begin_with(time_zone="UTC")


def kept(floor: Floor, period: str) -> dict[int, float]:
    return {rep["id"]: rep["monthlyRevenue"] for rep in floor.board(period=period)["items"]}


def revenues(floor: Floor) -> dict[int, float]:
    return {rep["id"]: rep["monthlyRevenue"] for rep in floor.board()["items"]}


def table() -> Any:
    return FUNCTIONS["month_rollover"].dependencies.reps._stats._table


def test_within_a_month_there_is_nothing_to_roll_over(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenue=100)
    assert floor.roll_over() == {"turned": 0}
    assert floor.rep(rep)["monthlyRevenue"] == 100


def test_the_months_numbers_begin_at_zero_and_the_others_go_on(floor: Floor) -> None:
    numbers = {"yearlyRevenue": 5000, "allTimeRevenue": 9000, "yearlySignups": 60, "yearlyGrowth": 3}
    monthly = {"monthlyRevenue": 800, "monthlySignups": 22, "goalProgress": 80, "monthlyGrowth": 7}
    details = {"team": "North", "avatar": "🦊", "userId": 7, "monthlyRevenueGoal": 1000}
    rep = floor.hire(**numbers, **monthly, **details)
    floor.clock.advance_to(DECEMBER)
    assert floor.roll_over() == {"turned": 1}
    shown = floor.rep(rep)
    assert {name: shown[name] for name in monthly} == {**dict.fromkeys(monthly, 0), "monthlyGrowth": None}
    assert {name: shown[name] for name in (*numbers, *details)} == numbers | details
    assert (shown["currentBonusTier"], shown["rank"]) == (0, 1)
    (before,) = floor.board(period="2026-11")["items"]
    assert {name: before[name] for name in (*monthly, *numbers, *details)} == monthly | numbers | details
    assert before["currentBonusTier"] == 2
    assert floor.in_line()


def test_a_new_year_begins_at_zero_too(floor: Floor) -> None:
    rep = floor.hire(yearlyRevenue=5000, yearlySignups=60, yearlyGrowth=3, allTimeRevenue=9000)
    floor.clock.advance_to(DECEMBER)
    floor.roll_over()
    floor.clock.advance_to(at("2026-12-31T23:59:59Z"))
    assert floor.rep(rep)["yearlyRevenue"] == 5000
    floor.clock.advance_to(at("2027-01-01T00:00:00Z"))
    assert floor.roll_over() == {"turned": 1}
    shown = floor.rep(rep)
    assert (shown["yearlyRevenue"], shown["yearlySignups"], shown["yearlyGrowth"], shown["allTimeRevenue"]) == (
        *(0, 0, None),
        9000,
    )
    assert floor.board(period="2026-12")["items"][0]["yearlyRevenue"] == 5000


def test_a_month_ends_where_the_operator_lives(new_york: Floor) -> None:
    rep = new_york.hire(monthlyRevenue=100)
    new_york.clock.advance_to(at("2026-12-01T04:59:59Z"))
    assert new_york.roll_over() == {"turned": 0}
    assert new_york.board()["period"] == "2026-11"
    new_york.clock.advance_to(at("2026-12-01T05:00:00Z"))
    assert new_york.roll_over() == {"turned": 1}
    assert (new_york.board()["period"], revenues(new_york)) == ("2026-12", {rep: 0})
    assert kept(new_york, "2026-11") == {rep: 100}


def test_a_second_time_changes_nothing(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=100), floor.hire("Grace", monthlyRevenue=50)
    floor.clock.advance_to(DECEMBER)
    assert floor.roll_over() == {"turned": 2}
    floor.update(ada, monthlyRevenue=7)
    items = len(stored("STATS_TABLE").records())
    assert floor.roll_over() == {"turned": 0}
    assert len(stored("STATS_TABLE").records()) == items
    assert revenues(floor) == {ada: 7, grace: 0}
    assert kept(floor, "2026-11") == {ada: 100, grace: 50}


def test_a_sale_before_the_rollover_begins_the_month_for_its_rep(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=100), floor.hire("Grace", monthlyRevenue=50)
    floor.clock.advance_to(DECEMBER)
    answer = floor.update(ada, monthlySignups=3)
    assert (answer["rep"]["monthlyRevenue"], answer["rep"]["monthlySignups"]) == (0, 3)
    assert kept(floor, "2026-11") == {ada: 100}
    catch_up()
    assert floor.roll_over() == {"turned": 1}
    assert kept(floor, "2026-11") == {ada: 100, grace: 50}
    assert floor.rep(ada)["monthlySignups"] == 3
    assert floor.in_line()


def test_a_rep_who_fails_stops_nobody_else_and_is_reported(floor: Floor) -> None:
    ada, grace, alan = (floor.hire(name, monthlyRevenue=100) for name in ("Ada", "Grace", "Alan"))
    floor.clock.advance_to(DECEMBER)
    mine = {"subject": f"rep:{grace}"}
    with (
        failing(table(), "GetItem", when=lambda call: call["Key"] == mine),
        pytest.raises(RolloverError, match="rep:2"),
    ):
        floor.roll_over()
    assert revenues(floor) == {ada: 0, grace: 100, alan: 0}
    catch_up()
    assert floor.roll_over() == {"turned": 1}
    assert kept(floor, "2026-11") == {ada: 100, grace: 100, alan: 100}


def test_a_rollover_that_died_is_completed_by_the_next(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=100), floor.hire("Grace", monthlyRevenue=50)
    floor.clock.advance_to(DECEMBER)
    with (
        failing(table(), "PutItem", when=lambda call: call["Item"].get("period") == "2026-12"),
        pytest.raises(RolloverError),
    ):
        floor.roll_over()
    assert revenues(floor) == {ada: 100, grace: 50}
    assert floor.roll_over() == {"turned": 2}
    assert (revenues(floor), kept(floor, "2026-11")) == ({ada: 0, grace: 0}, {ada: 100, grace: 50})
    assert floor.in_line()


def test_a_record_that_arrives_after_its_month_takes_no_values_into_the_next(floor: Floor) -> None:
    """A podium step stored then would be a reading of the new month with the values of the old one."""
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    floor.update(grace, monthlyRevenue=200)
    floor.update(ada, monthlyRevenue=100)
    floor.update(grace, monthlyRevenue=50)
    floor.clock.advance_to(DECEMBER)
    floor.update(grace, monthlyRevenue=10)
    floor.stream()
    assert floor.roll_over() == {"turned": 1}
    assert revenues(floor) == {ada: 0, grace: 10}
    assert kept(floor, "2026-11") == {ada: 100, grace: 50}


def test_what_there_is_no_time_for_is_left_to_the_next_tick(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenue=100)
    floor.clock.advance_to(DECEMBER)
    assert floor.roll_over(seconds=RESERVE_SECONDS - 0.1) == {"turned": 0}
    assert revenues(floor) == {rep: 100}
    assert floor.roll_over(seconds=RESERVE_SECONDS) == {"turned": 1}


def test_a_rep_who_has_retired_is_not_rolled_over(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenue=100)
    floor.api("DELETE", f"/api/leaderboard/sales-reps/{rep}")
    floor.clock.advance_to(DECEMBER)
    assert floor.roll_over() == {"turned": 0}


def test_months_that_were_never_rolled_over_are_kept_as_they_were_left(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenue=100)
    floor.clock.advance_to(at("2027-02-01T00:00:00Z"))
    assert floor.roll_over() == {"turned": 1}
    assert kept(floor, "2026-11") == {rep: 100}
    assert floor.api("GET", "/api/leaderboard", query={"period": "2026-12"}).status == 404


def test_the_rollover_is_not_announced_and_the_new_month_may_pass_again_what_the_last_one_did(floor: Floor) -> None:
    rep = floor.hire()
    floor.update(rep, monthlyRevenue=26_000)
    floor.stream()
    floor.said()
    floor.clock.advance_to(DECEMBER)
    floor.roll_over()
    floor.stream()
    assert floor.celebrations() == []
    answer = floor.update(rep, monthlyRevenue=10_000)
    floor.stream()
    ids = {one["id"] for one in answer["milestones"]}
    assert ids == {f"rep:{rep}/revenue/2026-12/10000", f"rep:{rep}/rank/2026-12/3"}
    assert {one["id"] for _, _, one in floor.celebrations()} == ids


def test_the_rollover_is_counted(floor: Floor, logs: Any) -> None:
    floor.hire()
    floor.clock.advance_to(DECEMBER)
    floor.roll_over()
    assert logs.metrics["RepsTurned"] == [1]


def test_a_rep_whom_every_run_left_out_is_rolled_over_within_an_hour_whenever_that_is_mended(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenue=100)
    floor.clock.advance_to(at("2026-12-10T12:05:00Z"))
    assert floor.roll_over() == {"turned": 0}
    assert revenues(floor) == {rep: 100}
    floor.clock.advance_to(at("2026-12-10T13:00:00Z"))
    assert floor.roll_over() == {"turned": 1}


def test_a_month_that_begins_later_by_another_time_zone_is_rolled_over_then(floor: Floor) -> None:
    """Nobody deploys anything, and no rep's month is cut short."""
    rep = floor.hire(monthlyRevenue=100)
    floor.clock.advance_to(at("2026-11-30T23:00:00Z"))
    change(floor.clock, time_zone="America/Los_Angeles")
    try:
        floor.clock.advance_to(at("2026-12-01T07:55:00Z"))
        assert floor.roll_over() == {"turned": 0}
        assert revenues(floor) == {rep: 100}
        floor.clock.advance_to(at("2026-12-01T08:00:00Z"))
        assert floor.roll_over() == {"turned": 1}
        assert kept(floor, "2026-11") == {rep: 100}
    finally:
        change(floor.clock, time_zone=None)
