"""An update may name its instant: numbers of a month go to that month, and older numbers never replace newer ones."""

from __future__ import annotations

import pytest

from testing.leaderboard import Floor, at

NOVEMBER, DECEMBER = "2026-11-30T23:59:30Z", "2026-12-01T00:00:30Z"


def celebrated(floor: Floor) -> list[str]:
    floor.stream()
    return [one["id"] for room, _, one in floor.celebrations() if room == "tv-display"]


def test_novembers_total_that_comes_after_midnight_is_novembers(floor: Floor) -> None:
    rep = floor.hire("Ada")
    celebrated(floor)
    floor.clock.advance_to(at(DECEMBER))
    answer = floor.update(rep, monthlyRevenue=30_000, asOf=NOVEMBER)
    assert [one["id"] for one in answer["milestones"]] == [f"rep:{rep}/revenue/2026-11/25000"]
    assert celebrated(floor) == [f"rep:{rep}/revenue/2026-11/25000"]
    floor.roll_over()
    assert celebrated(floor) == []
    assert [row["monthlyRevenue"] for row in floor.board(period="2026-11")["items"]] == [30_000]
    assert floor.rep(rep)["monthlyRevenue"] == 0
    assert f"rep:{rep}/revenue/2026-12/10000" in [
        one["id"] for one in floor.update(rep, monthlyRevenue=10_500)["milestones"]
    ]
    assert floor.in_line()


def test_once_a_month_is_over_for_a_rep_its_numbers_are_refused_and_the_new_month_stays_as_it_is(floor: Floor) -> None:
    rep = floor.hire("Ada", monthlyRevenue=9_000)
    celebrated(floor)
    floor.clock.advance_to(at(DECEMBER))
    floor.roll_over()
    answer = floor.try_update(rep, {"monthlyRevenue": 30_000, "asOf": NOVEMBER})
    assert (answer.status, answer.error) == (409, "asOf: 2026-11 is over for this sales rep, and its board is final")
    assert floor.rep(rep)["monthlyRevenue"] == 0
    assert celebrated(floor) == []
    assert [row["monthlyRevenue"] for row in floor.board(period="2026-11")["items"]] == [9_000]


def test_numbers_older_than_the_stored_ones_are_refused(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.update(rep, monthlyRevenue=500, asOf="2026-11-20T12:00:00Z")
    floor.clock.sleep(600)
    older = floor.try_update(rep, {"monthlyRevenue": 400, "asOf": "2026-11-20T11:59:59.999Z"})
    assert (older.status, older.error) == (409, "asOf: newer numbers are stored, of 2026-11-20T12:00:00.000Z")
    assert floor.rep(rep)["monthlyRevenue"] == 500
    assert floor.update(rep, monthlyRevenue=600, asOf="2026-11-20T12:00:00Z")["rep"]["monthlyRevenue"] == 600


def test_an_update_without_an_instant_is_of_now(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.clock.sleep(60)
    floor.update(rep, monthlyRevenue=500)
    assert floor.try_update(rep, {"monthlyRevenue": 400, "asOf": "2026-11-20T12:00:30Z"}).status == 409
    assert floor.update(rep, monthlyRevenue=600, asOf="2026-11-20T12:01:00Z")["success"]


def test_a_change_of_the_name_makes_no_numbers_old(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.update(rep, monthlyRevenue=500, asOf="2026-11-20T12:00:00Z")
    floor.clock.sleep(120)
    assert floor.api("PATCH", f"/api/leaderboard/sales-reps/{rep}", {"name": "Ada L."}).status == 200
    assert floor.update(rep, monthlyRevenue=600, asOf="2026-11-20T12:01:00Z")["rep"]["monthlyRevenue"] == 600


@pytest.mark.parametrize(("ahead", "status"), [(300, 200), (301, 400), (86_400 * 30, 400)])
def test_a_clock_may_be_five_minutes_ahead_and_no_more(floor: Floor, ahead: int, status: int) -> None:
    rep = floor.hire("Ada")
    instant = floor.clock.now().timestamp() + ahead
    text = at("1970-01-01T00:00:00Z").fromtimestamp(instant, tz=floor.clock.now().tzinfo).isoformat()
    answer = floor.try_update(rep, {"monthlyRevenue": 500, "asOf": text})
    assert answer.status == status
    assert floor.rep(rep)["monthlyRevenue"] == (500 if status == 200 else 0)
    assert floor.update(rep, monthlyRevenue=700)["rep"]["monthlyRevenue"] == 700


@pytest.mark.parametrize(
    "instant", [5, 1_795_176_000, True, "soon", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+10:00"]
)
def test_what_is_no_instant_is_refused(floor: Floor, instant: object) -> None:
    rep = floor.hire("Ada")
    answer = floor.try_update(rep, {"monthlyRevenue": 500, "asOf": instant})
    assert answer.status in (400, 409)
    assert "asOf" in answer.error
    assert floor.rep(rep)["monthlyRevenue"] == 0


def test_an_instant_alone_is_no_update(floor: Floor) -> None:
    answer = floor.try_update(floor.hire("Ada"), {"asOf": "2026-11-20T12:00:00Z"})
    assert (answer.status, "at least one of monthlyRevenue" in answer.error) == (400, True)


def test_each_of_a_bulk_update_may_name_its_instant(floor: Floor) -> None:
    ada, bob = floor.hire("Ada"), floor.hire("Bob")
    floor.clock.advance_to(at(DECEMBER))
    floor.update(bob, monthlySignups=1)
    answer = floor.bulk(
        {"repId": ada, "stats": {"monthlyRevenue": 30_000, "asOf": NOVEMBER}},
        {"repId": bob, "stats": {"monthlyRevenue": 20_000, "asOf": NOVEMBER}},
    )
    assert [(one["success"], one["status"]) for one in answer["results"]] == [(True, 200), (False, 409)]
    floor.roll_over()
    assert {row["id"]: row["monthlyRevenue"] for row in floor.board(period="2026-11")["items"]} == {ada: 30_000, bob: 0}


def test_a_rep_that_an_earlier_version_stored_takes_an_instant_of_its_month(floor: Floor) -> None:
    """Such an item does not say when its numbers were true."""
    rep = floor.hire("Ada")
    assert floor.update(rep, monthlyRevenue=500, asOf="2026-11-20T11:00:00Z")["success"]
