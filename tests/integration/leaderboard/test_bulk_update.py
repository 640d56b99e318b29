"""A thousand updates in one request: each is answered separately, and one that is invalid or fails spoils no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.api.auth import LARGER_MAX_BYTES
from functions.api.leaderboard.routes import RESERVE_SECONDS
from functions.api.leaderboard.schemas import MAX_UPDATES
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.leaderboard import BULK, REPS, Floor
from testing.outages import failing

FULL = dict.fromkeys(
    (
        *("monthlyRevenue", "yearlyRevenue", "allTimeRevenue", "monthlySignups", "yearlySignups"),
        *("goalProgress", "monthlyGrowth", "yearlyGrowth"),
    ),
    "999999999",
)
BAD: tuple[Any, ...] = (
    *(None, 5, "x", [], {}, True, [{"repId": 1, "stats": {"monthlySignups": 1}}]),
    *({"repId": rep, "stats": {"monthlySignups": 1}} for rep in (None, "1", 0, -1, 1.5, True, [1], {"id": 1}, 10**15)),
    *({"repId": 1, "stats": stats} for stats in (None, 5, "x", [5], {"rank": 1}, {"monthlySignups": -1})),
    {"repId": 1, "stats": {}},
    {"repId": 1},
    {"stats": {"monthlySignups": 1}},
    {"rep_id": 1, "stats": {"monthlySignups": 1}},
    {"repId": 1, "stats": {"monthlySignups": 1}, "more": 1},
)


NESTED = "[" * 260 + "]" * 260
"""Deeper than pydantic serialises."""


def of(rep: object, **stats: object) -> dict[str, object]:
    return {"repId": rep, "stats": stats}


def table() -> Any:
    """Any table of the API's: they share a client."""
    return FUNCTIONS["api"].dependencies.reps._stats._table


def test_each_update_is_answered_as_it_would_be_alone(floor: Floor) -> None:
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    answer = floor.bulk(of(ada, monthlySignups="15"), of(grace, monthlyRevenue="100"), of(ada, monthlyRevenue=20_000))
    assert (answer["succeeded"], answer["failed"]) == (3, 0)
    first, second, third = answer["results"]
    assert [one["repId"] for one in answer["results"]] == [ada, grace, ada]
    assert all(one["success"] and one["status"] == 200 and one["error"] is None for one in answer["results"])
    assert [one["type"] for one in first["milestones"]] == ["bonus_tier", "signups"]
    assert second["rep"]["monthlyRevenue"] == 100
    assert "revenue" in [one["type"] for one in third["milestones"]]
    assert third["rep"] == floor.rep(ada)
    assert floor.ranks() == {ada: 1, grace: 2}
    assert floor.in_line()


def test_updates_of_one_rep_are_made_in_the_order_in_which_they_stand(floor: Floor) -> None:
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    revenues = [10_000, 26_000, 5_000, 7_777]
    updates = [of(rep, monthlyRevenue=revenue) for revenue in revenues for rep in (ada, grace)]
    results = floor.bulk(*updates)["results"]
    assert [one["rep"]["monthlyRevenue"] for one in results if one["repId"] == ada] == revenues
    passed = [[m["value"] for m in one["milestones"] if m["type"] == "revenue"] for one in results[::2]]
    assert passed == [[10_000], [25_000], [], []]
    assert floor.ranks() == {ada: 1, grace: 1}
    floor.stream()
    announced = [one["id"] for room, _, one in floor.celebrations() if room == "tv-display"]
    assert sorted(announced) == sorted(one["id"] for result in results for one in result["milestones"])


def test_a_thousand_updates_are_accepted_and_an_invalid_one_spoils_only_itself(floor: Floor) -> None:
    reps = [floor.hire() for _ in range(3)]
    good = [of(rep, monthlySignups=number) for number in (4, 5, 6) for rep in reps]
    bad = [BAD[number % len(BAD)] for number in range(MAX_UPDATES - len(good) - 1)]
    updates: list[object] = [*bad[:500], *good, *bad[500:], of(999, monthlySignups=1)]
    answer = floor.bulk(*updates)
    results = answer["results"]
    assert (answer["succeeded"], answer["failed"]) == (len(good), MAX_UPDATES - len(good))
    assert all(one["success"] for one in results[500 : 500 + len(good)])
    wrong = [*results[:500], *results[500 + len(good) : -1]]
    assert {(one["success"], one["status"], one["rep"]) for one in wrong} == {(False, 400, None)}
    assert all(one["error"] and one["details"] for one in wrong)
    assert (results[-1]["status"], results[-1]["error"]) == (404, "there is no sales rep 999")
    assert [floor.rep(rep)["monthlySignups"] for rep in reps] == [6, 6, 6]


@pytest.mark.parametrize("bad", BAD, ids=json.dumps)
def test_a_wrong_update_says_what_is_wrong_and_whose_it_is(one_floor: Floor, bad: Any) -> None:
    (result,) = one_floor.bulk(bad)["results"]
    assert result["status"] == 400
    fields = {detail["field"].partition(".")[0] for detail in result["details"]}
    assert fields <= {"", "repId", "stats", "rep_id", "more"}
    assert all(field in result["error"] for field in fields)
    is_known = isinstance(bad, dict) and bad.get("repId") == 1 and bad["repId"] is not True
    assert result["repId"] == (1 if is_known else None)


@pytest.mark.parametrize(
    "item",
    [
        *(f'{{"repId": {rep}, "stats": {{}}}}' for rep in (NESTED, "NaN", "1e999", '"\\ud800"', "9" * 4000)),
        *(
            f'{{"repId": 1, "stats": {{"monthlyRevenue": {value}}}}}'
            for value in (NESTED, "NaN", '"\\ud800"', '{"a":' * 260 + "1" + "}" * 260)
        ),
        '{"repId": 1, "\\ud800": 1, "stats": {"\\udfff": 1}}',
    ],
    ids=range(10),
)
def test_no_content_of_an_update_keeps_the_others_from_their_answers(floor: Floor, item: str) -> None:
    ada = floor.hire("Ada")
    good = json.dumps(of(ada, monthlySignups=15))
    answer = floor.api("POST", BULK, raw=f'{{"updates": [{item}, {good}]}}')
    assert answer.status == 200
    results = json.loads(answer.text, parse_constant=pytest.fail)["results"]  # NaN and Infinity are no JSON
    assert [one["status"] for one in results] == [400, 200]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "updates"),
        ({"updates": []}, "updates"),
        ({"updates": None}, "updates"),
        ({"updates": {}}, "updates"),
        ({"updates": "x"}, "updates"),
        ({"updates": [{}] * (MAX_UPDATES + 1)}, "at most 1000"),
        ({"updates": [{}], "more": 1}, "more"),
        ([], "must be a JSON object"),
        ([{}], "must be a JSON object"),
    ],
)
def test_what_is_no_list_of_updates_is_rejected_as_a_whole(one_floor: Floor, body: object, field: str) -> None:
    answer = one_floor.api("POST", BULK, body)
    assert answer.status == 400
    assert field in answer.error


def test_a_thousand_full_updates_are_no_body_too_long(one_floor: Floor) -> None:
    body = {"updates": [of(-1, **FULL)] * MAX_UPDATES}
    assert one_floor.api("POST", BULK, body).status == 200
    assert one_floor.api("POST", BULK, raw=" " * (LARGER_MAX_BYTES[BULK] + 1)).status == 413


def test_one_that_fails_inside_leaves_the_others(floor: Floor) -> None:
    reps = [floor.hire() for _ in range(3)]
    with failing(table(), "GetItem", when=lambda call: call["Key"] == {"subject": f"rep:{reps[1]}"}):
        results = floor.bulk(*(of(rep, monthlySignups=3) for rep in reps))["results"]
    assert [one["status"] for one in results] == [200, 500, 200]
    assert "logged" in results[1]["error"]
    assert "hush" not in json.dumps(results)
    assert [floor.rep(rep)["monthlySignups"] for rep in reps] == [3, 0, 3]


def test_one_whose_board_fails_is_made_again_without_harm(floor: Floor) -> None:
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    with failing(table(), "PutItem", when=lambda call: call["Item"].get("sk") == ada):
        results = floor.bulk(of(ada, monthlyRevenue=50), of(grace, monthlyRevenue=20))["results"]
    assert [one["status"] for one in results] == [500, 200]
    again = floor.bulk(of(ada, monthlyRevenue=50))["results"][0]
    assert (again["success"], again["rep"]["rank"]) == (True, 1)
    assert floor.ranks() == {ada: 1, grace: 2}
    assert floor.in_line()


def test_what_there_is_no_time_for_is_not_made_and_says_so(floor: Floor) -> None:
    rep = floor.hire()
    answer = floor.bulk(of(rep, monthlySignups=3), of(rep, monthlySignups=-1), seconds=RESERVE_SECONDS)
    assert [one["status"] for one in answer["results"]] == [503, 400]
    assert "time" in answer["results"][0]["error"]
    assert floor.rep(rep)["monthlySignups"] == 0
    assert len(stored("STATS_TABLE").records()) == 1


def test_who_has_retired_is_not_found_and_the_others_are(floor: Floor) -> None:
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    floor.api("DELETE", f"{REPS}/{ada}")
    results = floor.bulk(of(ada, monthlySignups=3), of(grace, monthlySignups=3))["results"]
    assert [one["status"] for one in results] == [404, 200]
