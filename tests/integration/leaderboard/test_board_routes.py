"""The board of the current month, and those of past months as they ended, for ever."""

from __future__ import annotations

from typing import Any

import pytest

from testing.adversarial_dynamodb import catch_up
from testing.leaderboard import BOARD, REPS, Floor, at


def shown(board: Any) -> list[tuple[int, int, float]]:
    return [(rep["rank"], rep["id"], rep["monthlyRevenue"]) for rep in board["items"]]


def test_a_board_with_nobody_on_it_is_empty(floor: Floor) -> None:
    assert floor.board() == {"period": "2026-11", "items": [], "total": 0, "nextCursor": None}


def test_the_best_of_the_month_comes_first_and_equals_share_a_rank(floor: Floor) -> None:
    reps = [floor.hire(monthlyRevenue=revenue) for revenue in ("99.98", "100", "99.99", "100.00", 0)]
    board = floor.board()
    assert (board["period"], board["total"], board["nextCursor"]) == ("2026-11", 5, None)
    assert [rank for rank, _, _ in shown(board)] == [1, 1, 3, 4, 5]
    assert [rep for _, rep, _ in shown(board)][2:] == [reps[2], reps[0], reps[4]]
    assert floor.board(period="2026-11") == board
    for rep in board["items"]:
        assert rep == floor.rep(rep["id"]) | {"asOf": rep["asOf"]}


def test_a_change_is_on_the_board_at_once(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=100), floor.hire("Grace", monthlyRevenue=50)
    floor.update(grace, monthlyRevenue="100.01")
    assert floor.ranks() == {grace: 1, ada: 2}
    floor.api("PATCH", f"{REPS}/{ada}", {"name": "Ada L."})
    assert floor.board()["items"][1]["name"] == "Ada L."


def test_badges_are_shown_on_the_board_and_in_the_list(floor: Floor) -> None:
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    floor.update(ada, monthlyRevenue=26_000)
    floor.stream()
    catch_up()
    for path in (BOARD, REPS):
        items = {rep["id"]: rep for rep in floor.api("GET", path).json["items"]}
        assert {badge["id"] for badge in items[ada]["badges"]} == {"rising-star", "top-performer"}
        assert items[grace]["badges"] == []


@pytest.mark.parametrize("period", ["2026-10", "2026-12", "0000-01", "9999-12"])
def test_a_month_that_was_not_archived_is_not_found(one_floor: Floor, period: str) -> None:
    answer = one_floor.api("GET", BOARD, query={"period": period})
    assert answer.status == 404
    assert period in answer.error


@pytest.mark.parametrize(
    "period", ["2026", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", " 2026-11", "board", "", "2026-11\n", "☃"]
)
def test_what_is_no_month_is_rejected(one_floor: Floor, period: str) -> None:
    answer = one_floor.api("GET", BOARD, query={"period": period})
    assert answer.status == 400
    assert "period" in answer.error


@pytest.mark.parametrize(("limit", "status"), [("1", 200), ("500", 200), ("501", 400), ("0", 400), ("x", 400)])
def test_a_page_is_of_one_to_five_hundred(one_floor: Floor, limit: str, status: int) -> None:
    assert one_floor.api("GET", BOARD, query={"limit": limit}).status == status


def test_a_past_month_is_kept_as_it_ended(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", team="North", monthlyRevenue=900), floor.hire("Grace", monthlyRevenue=900)
    alan = floor.hire("Alan", monthlyRevenue=100)
    ended = shown(floor.board())
    floor.clock.advance_to(at("2026-12-01T00:00:10Z"))
    floor.roll_over()
    floor.update(alan, monthlyRevenue=5)
    floor.api("PATCH", f"{REPS}/{ada}", {"name": "Ada L.", "team": "South"})
    floor.api("DELETE", f"{REPS}/{grace}")
    kept = floor.board(period="2026-11")
    assert (kept["period"], kept["total"], shown(kept)) == ("2026-11", 3, ended)
    assert [rank for rank, _, _ in shown(kept)] == [1, 1, 3]
    assert {(rep["name"], rep["team"]) for rep in kept["items"]} == {("Ada", "North"), ("Grace", None), ("Alan", None)}
    running = floor.board()
    assert (running["period"], running["total"], shown(running)) == ("2026-12", 2, [(1, alan, 5), (2, ada, 0)])
    assert floor.api("GET", BOARD, query={"period": "2026-10"}).status == 404


def test_a_kept_month_has_pages_of_its_own(floor: Floor) -> None:
    reps = [floor.hire(monthlyRevenue=revenue) for revenue in (30, 20, 20, 20, 10)]
    floor.clock.advance_to(at("2026-12-01T00:00:10Z"))
    floor.roll_over()
    catch_up()
    seen, query = [], dict[str, object](period="2026-11", limit=2)
    for _ in range(3):
        page = floor.board(**query)
        assert page["total"] == 5
        seen += shown(page)
        query["cursor"] = page["nextCursor"]
    assert page["nextCursor"] is None
    assert {rep for _, rep, _ in seen} == set(reps)
    assert [(rank, revenue) for rank, _, revenue in seen] == [(1, 30), (2, 20), (2, 20), (2, 20), (5, 10)]
    cursor = floor.board(period="2026-11", limit=2)["nextCursor"]
    assert floor.api("GET", BOARD, query={"cursor": cursor}).status == 400


def test_a_rep_who_retires_before_the_rollover_is_on_the_board_of_the_month_that_ended(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=900), floor.hire("Grace", monthlyRevenue=100)
    floor.clock.advance_to(at("2026-12-01T00:00:10Z"))
    floor.api("DELETE", f"{REPS}/{ada}")
    floor.roll_over()
    floor.stream()
    assert shown(floor.board(period="2026-11")) == [(1, ada, 900), (2, grace, 100)]
    assert shown(floor.board()) == [(1, grace, 0)]
    assert floor.in_line()


def test_a_rep_who_retires_within_a_month_is_not_on_its_final_board(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=900), floor.hire("Grace", monthlyRevenue=100)
    floor.api("DELETE", f"{REPS}/{ada}")
    floor.stream()
    floor.clock.advance_to(at("2026-12-01T00:00:10Z"))
    floor.roll_over()
    floor.stream()
    assert shown(floor.board(period="2026-11")) == [(1, grace, 100)]


def test_before_the_rollover_a_rep_is_shown_with_the_new_months_values(floor: Floor) -> None:
    ada = floor.hire("Ada", monthlyRevenue=900, yearlyRevenue=5000, allTimeRevenue=7000)
    floor.clock.advance_to(at("2026-12-01T00:00:10Z"))
    rep = floor.rep(ada)
    assert (rep["monthlyRevenue"], rep["yearlyRevenue"], rep["allTimeRevenue"]) == (0, 5000, 7000)
    assert rep["rank"] == 1
