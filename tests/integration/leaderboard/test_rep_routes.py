"""Reps as the API creates, shows, changes and retires them: exact numbers, shared ranks, pages that fit together."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.clock import iso, now
from testing.adversarial_dynamodb import catch_up
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.leaderboard import BOARD, REPS, Floor

NEW = {
    "id": 1,
    "name": "Ada",
    "avatar": None,
    "team": None,
    "userId": None,
    "monthlyRevenueGoal": None,
    "monthlyRevenue": 0,
    "yearlyRevenue": 0,
    "allTimeRevenue": 0,
    "monthlySignups": 0,
    "yearlySignups": 0,
    "goalProgress": 0,
    "monthlyGrowth": None,
    "yearlyGrowth": None,
    "currentBonusTier": 0,
    "rank": 1,
    "badges": [],
}


def test_a_new_rep_is_at_zero_and_has_the_first_id(floor: Floor) -> None:
    answer = floor.api("POST", REPS, {"name": " Ada "})
    assert (answer.status, answer.json) == (201, NEW | {"asOf": iso(now())})
    assert floor.rep(1) == answer.json
    assert floor.board()["items"] == [answer.json]


def test_a_new_rep_may_have_begun_elsewhere(floor: Floor) -> None:
    sent = {
        "name": "Grace",
        "avatar": "https://people.test/grace.png",
        "team": "North",
        "userId": "grace",
        "monthlyRevenueGoal": "40000.00",
        "monthlyRevenue": "12345.67",
        "yearlyRevenue": 99_999.99,
        "allTimeRevenue": 1_000_000,
        "monthlySignups": "21",
        "yearlySignups": 300,
        "monthlyGrowth": 12.5,
        "yearlyGrowth": "7",
    }
    rep = floor.rep(floor.hire(**sent))
    shown = {**sent, "monthlyRevenueGoal": 40_000, "monthlyRevenue": 12_345.67, "monthlySignups": 21, "yearlyGrowth": 7}
    assert {name: rep[name] for name in sent} == shown
    assert (rep["goalProgress"], rep["currentBonusTier"], rep["rank"]) == (30.86, 2, 1)


def test_ids_are_never_given_twice(floor: Floor) -> None:
    first, second = floor.hire(), floor.hire()
    assert floor.api("DELETE", f"{REPS}/{second}").status == 204
    assert [first, second, floor.hire()] == [1, 2, 3]


@pytest.mark.parametrize("user", [7, "7", "ada@people.test", 2**53, 0])
def test_a_user_id_comes_back_as_it_was_sent(one_floor: Floor, user: object) -> None:
    rep = one_floor.rep(one_floor.hire(userId=user))
    assert rep["userId"] == user
    assert type(rep["userId"]) is type(user)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "Ada", "id": 5}, "id"),
        ({"name": "Ada", "rank": 1}, "rank"),
        ({"name": "Ada", "currentBonusTier": 6}, "currentBonusTier"),
        ({"name": "Ada", "monthly_revenue": 1}, "monthly_revenue"),
        ({"name": "Ada", "monthlyRevenue": None}, "monthlyRevenue"),
        ({"name": "Ada", "monthlyRevenueGoal": -1}, "monthlyRevenueGoal"),
        ({"name": "Ada", "monthlyRevenueGoal": "x"}, "monthlyRevenueGoal"),
        ({"name": "Ada", "avatar": "x" * 301}, "avatar"),
        ({"name": "Ada", "team": 5}, "team"),
        *(({"name": "Ada", "userId": wrong}, "userId") for wrong in (True, 7.5, -1, 2**53 + 1, "", "a b", "a/b")),
    ],
)
def test_a_rep_who_makes_no_sense_is_not_made(one_floor: Floor, body: dict[str, object], field: str) -> None:
    before = len(stored("STATS_TABLE").items())
    answer = one_floor.api("POST", REPS, body)
    assert answer.status == 400
    assert [detail["field"] for detail in answer.json["details"]] == [field]
    assert field in answer.error
    assert len(stored("STATS_TABLE").items()) == before


def test_what_may_be_missing_may_be_null(floor: Floor) -> None:
    sent: dict[str, object] = {"avatar": None, "team": None, "userId": None, "monthlyRevenueGoal": None}
    rep = floor.rep(floor.hire(**sent))
    assert {name: rep[name] for name in sent} == sent


def test_a_change_leaves_what_it_does_not_name(floor: Floor) -> None:
    rep = floor.hire(team="North", avatar="🦊", userId=7, monthlyRevenueGoal=1000, monthlyRevenue=100)
    before = floor.rep(rep)
    floor.clock.sleep(1)
    answer = floor.api("PATCH", f"{REPS}/{rep}", {"team": "South"})
    assert answer.status == 200
    assert answer.json == {**before, "team": "South", "asOf": answer.json["asOf"]}
    assert floor.board()["items"] == [answer.json]


def test_null_takes_away_what_may_be_missing(floor: Floor) -> None:
    rep = floor.hire(team="North", avatar="🦊", userId=7, monthlyRevenueGoal=1000, monthlyRevenue=100)
    cleared = {"team": None, "avatar": None, "userId": None, "monthlyRevenueGoal": None}
    answer = floor.api("PATCH", f"{REPS}/{rep}", cleared)
    assert answer.status == 200
    assert {name: answer.json[name] for name in cleared} == cleared
    assert answer.json["goalProgress"] == 10
    floor.update(rep, monthlyRevenue=900)
    assert floor.rep(rep)["goalProgress"] == 10


def test_a_change_that_makes_no_sense_changes_nothing(floor: Floor) -> None:
    rep = floor.hire()
    before = floor.rep(rep)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"monthlyRevenue": 5}, "monthlyRevenue"),
        ({"monthlyRevenueGoal": -1}, "monthlyRevenueGoal"),
        ({"user_id": 5}, "user_id"),
        ({}, "monthlyRevenueGoal"),
    ]
    for body, field in wrong:
        answer = floor.api("PATCH", f"{REPS}/{rep}", body)
        assert answer.status == 400
        assert field in answer.error
    assert floor.rep(rep) == before


def test_the_goals_progress_follows_the_revenue_unless_it_is_given(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenueGoal=30_000)
    assert floor.update(rep, monthlyRevenue=10_000)["rep"]["goalProgress"] == 33.33
    assert floor.update(rep, monthlySignups=3)["rep"]["goalProgress"] == 33.33
    assert floor.update(rep, monthlyRevenue=15_000, goalProgress=60)["rep"]["goalProgress"] == 60
    assert floor.update(rep, goalProgress="70.5")["rep"]["goalProgress"] == 70.5
    assert floor.update(rep, monthlyRevenue="29999.99")["rep"]["goalProgress"] == 99.99
    answer = floor.api("PATCH", f"{REPS}/{rep}", {"monthlyRevenueGoal": 60_000})
    assert answer.json["goalProgress"] == 49.99


def test_a_goal_of_nothing_has_no_progress_and_a_tiny_one_has_a_limit(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenueGoal=0)
    assert floor.update(rep, monthlyRevenue=5)["rep"]["goalProgress"] == 0
    floor.api("PATCH", f"{REPS}/{rep}", {"monthlyRevenueGoal": "0.01"})
    assert floor.update(rep, monthlyRevenue="999999999999.99")["rep"]["goalProgress"] == 10**9


@settings(max_examples=10, deadline=None)
@given(cents=st.integers(0, 10**14 - 1))
def test_money_is_exact_to_the_cent(one_floor: Floor, cents: int) -> None:
    text = f"{cents // 100}.{cents % 100:02d}"
    rep = one_floor.hire(yearlyRevenue=text, allTimeRevenue=float(text))
    answer = one_floor.api("GET", f"{REPS}/{rep}").text
    shown = json.loads(answer, parse_float=str, parse_int=str)
    for name in ("yearlyRevenue", "allTimeRevenue"):
        assert shown[name] == text.rstrip("0").rstrip(".")


@pytest.mark.parametrize("rep", ["99999", "999999999999999"])
def test_a_rep_who_was_never_hired_is_not_found(one_floor: Floor, rep: str) -> None:
    assert_nobody(one_floor, rep)


def test_a_rep_who_has_retired_is_not_found_and_not_shown(floor: Floor) -> None:
    ada, grace = floor.hire(monthlyRevenue=20), floor.hire(monthlyRevenue=10)
    answer = floor.api("DELETE", f"{REPS}/{ada}")
    assert (answer.status, answer.text) == (204, "")
    assert_nobody(floor, str(ada))
    assert floor.ranks() == {grace: 1}
    assert floor.in_line()


def assert_nobody(floor: Floor, rep: str) -> None:
    answers = [
        floor.api("GET", f"{REPS}/{rep}"),
        floor.api("GET", f"{REPS}/{rep}/badges"),
        floor.api("PATCH", f"{REPS}/{rep}", {"team": "North"}),
        floor.api("POST", f"{REPS}/{rep}/update-stats", {"monthlySignups": 5}),
        floor.api("DELETE", f"{REPS}/{rep}"),
    ]
    assert [answer.status for answer in answers] == [404] * 5
    assert all("no sales rep" in answer.error for answer in answers)


@pytest.mark.parametrize("rep", ["0", "-1", "x", "1.5", "1e3", "9" * 16, "%20", "None"])
def test_an_invalid_id_is_rejected(one_floor: Floor, rep: str) -> None:
    answer = one_floor.api("GET", f"{REPS}/{rep}")
    assert answer.status == 400
    assert "rep_id" in answer.error


def test_pages_fit_together_and_ties_share_a_rank_across_them(floor: Floor) -> None:
    revenues = [500, 300, 300, 300, 300, 200, 0, 0]
    reps = [floor.hire(monthlyRevenue=revenue) for revenue in revenues]
    catch_up()
    for path, size in ((REPS, 3), (BOARD, 2), (BOARD, 8)):
        seen, cursor = [], None
        for _ in range(9):
            page = floor.api("GET", path, query={"limit": size} | ({"cursor": cursor} if cursor else {})).json
            assert page.get("total", 8) == 8
            seen += [(rep["id"], rep["rank"], rep["monthlyRevenue"]) for rep in page["items"]]
            if (cursor := page["nextCursor"]) is None:
                break
        assert {rep for rep, _, _ in seen} == set(reps)
        assert [(rank, revenue) for _, rank, revenue in seen] == list(
            zip([1, 2, 2, 2, 2, 6, 7, 7], revenues, strict=True)
        )
    assert all(
        floor.rep(rep)["rank"] == 1 + sum(other > own for other in revenues)
        for rep, own in zip(reps, revenues, strict=True)
    )


def sent(cursor: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()


def test_a_cursor_that_was_never_issued_is_rejected(floor: Floor) -> None:
    for revenue in (3, 2, 1):
        floor.hire(monthlyRevenue=revenue)
    good = json.loads(base64.urlsafe_b64decode(floor.board(limit=1)["nextCursor"] + "=="))
    assert floor.api("GET", BOARD, query={"cursor": sent(good)}).json["items"][0]["monthlyRevenue"] == 2
    wrong: list[dict[str, Any]] = [
        *({"score": score} for score in ("5e999999", "1" * 60, "1000000000000", "0.001", "NaN", "0x", "", 5, None)),
        *({"sk": sk} for sk in ("rep#", "0", "x", "1/2", "-1", "1.5", "9" * 16, "1" + "😀" * 200)),
        *({"at": at} for at in ("1", "1/2/3", "-1/1", "1/x", "/")),
        *({"pk": pk} for pk in ("ids", "board#2026-10", "ranks#")),
        {"more": "x"},
    ]
    for change in wrong:
        for path in (BOARD, REPS):
            answer = floor.api("GET", path, query={"cursor": sent(good | change)})
            assert answer.status == 400, (change, answer.text)
            assert "cursor" in answer.error


@pytest.mark.parametrize("cursor", ["nonsense", "x" * 1001, "e30", "bnVsbA", "☃"])
def test_a_cursor_that_is_none_at_all_is_rejected(one_floor: Floor, cursor: str) -> None:
    assert one_floor.api("GET", BOARD, query={"cursor": cursor}).status == 400


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e2", "", "501"])
def test_a_limit_is_a_number_within_bounds(one_floor: Floor, limit: str) -> None:
    for path in (BOARD, REPS):
        answer = one_floor.api("GET", path, query={"limit": limit})
        assert answer.status == 400
        assert "limit" in answer.error


@pytest.mark.parametrize("avatar", ["https://elsewhere.test/a.png", "https://me:secret@people.test/a.png"])
def test_a_picture_that_the_operator_did_not_allow_is_rejected(floor: Floor, avatar: str) -> None:
    answer = floor.api("POST", REPS, {"name": "Ada", "avatar": avatar})
    assert answer.status == 400
    assert "avatar" in answer.error
    assert "people.test" in answer.error
    assert "secret" not in answer.text
    rep = floor.hire()
    assert floor.api("PATCH", f"{REPS}/{rep}", {"avatar": avatar}).status == 400
    assert floor.rep(rep)["avatar"] is None


def test_a_picture_that_was_stored_before_hosts_were_checked_is_served_nowhere(floor: Floor) -> None:
    rep = floor.hire("Ada", avatar="🦊", userId=7)
    stats = floor.aws.table("STATS_TABLE")
    stats.update_item(
        Key={"subject": f"rep:{rep}"},
        UpdateExpression="SET details.avatar = :old",
        ExpressionAttributeValues={":old": "https://me:secret@elsewhere.test/a.png"},
    )
    answered = floor.update(rep, monthlyRevenue=10_000)
    floor.stream()
    said = json.dumps(floor.celebrations(), default=str)
    board = floor.board()
    frame = FUNCTIONS["broadcast"].dependencies.broadcaster._board.now(now(), "t").frame
    assert "secret" not in json.dumps([answered, board, floor.rep(rep)]) + said + frame
    assert "achievement:celebration" in said
    assert (
        answered["rep"]["avatar"]
        is answered["milestones"][0]["salesRep"]["avatar"]
        is board["items"][0]["avatar"]
        is None
    )
