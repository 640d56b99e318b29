"""The catalogue of badges, which an admin may change, and the badges that reps have, which they keep."""

from __future__ import annotations

from typing import Any

import pytest

from testing.adversarial_dynamodb import catch_up
from testing.functions import FUNCTIONS
from testing.leaderboard import BOARD, REPS, Floor

CATALOGUE = f"{BOARD}/badges"
SOURCE = {
    "Revenue King": ("revenue", 100_000),
    "Top Earner": ("revenue", 50_000),
    "Rising Star": ("revenue", 25_000),
    "Signup Master": ("signups", 40),
    "Consistent Closer": ("signups", 30),
    "Sales Rookie": ("signups", 20),
    "Bonus Achiever": ("bonus_tier", 15),
    "Goal Crusher": ("goal", 100),
    "Top Performer": ("rank", 1),
}
STAR: dict[str, object] = {"name": "Rising Star", "emoji": "🌟", "rule": "revenue", "threshold": 25_000}


def badges(floor: Floor, rep: int) -> set[str]:
    catch_up()
    answer = floor.api("GET", f"{REPS}/{rep}/badges")
    assert answer.json["items"] == floor.rep(rep)["badges"]
    return {badge["name"] for badge in answer.json["items"]}


def change(floor: Floor, badge: str = "rising-star", **changed: Any) -> Any:
    answer = floor.api("PUT", f"{CATALOGUE}/{badge}", STAR | changed)
    assert answer.status == 200, answer.text
    FUNCTIONS.restart("detect_milestone")
    return answer.json


@pytest.fixture(autouse=True)
def forget_the_catalogue() -> None:
    """As a warm Lambda does within half a minute."""
    FUNCTIONS.restart("detect_milestone")


def test_the_catalogue_begins_with_the_nine_of_the_source(floor: Floor) -> None:
    answer = floor.api("GET", CATALOGUE, scopes=("leaderboard",)).json
    assert {badge["name"]: (badge["rule"], badge["threshold"]) for badge in answer["items"]} == SOURCE
    assert answer["nextCursor"] is None
    for badge in answer["items"]:
        assert set(badge) == {"id", "name", "description", "emoji", "rule", "threshold", "active"}
        assert badge["active"] is True
        assert badge["emoji"]
        assert badge["description"]
    assert floor.api("GET", CATALOGUE).json == answer


@pytest.mark.parametrize(
    ("stats", "earned"),
    [
        ({"monthlyRevenue": 24_999}, set()),
        ({"monthlyRevenue": 25_000}, {"Rising Star"}),
        ({"monthlyRevenue": 99_999.99}, {"Rising Star", "Top Earner"}),
        ({"monthlyRevenue": 250_000}, {"Rising Star", "Top Earner", "Revenue King"}),
        ({"monthlySignups": 14}, set()),
        ({"monthlySignups": 15}, {"Bonus Achiever"}),
        ({"monthlySignups": 40}, {"Bonus Achiever", "Sales Rookie", "Consistent Closer", "Signup Master"}),
        ({"goalProgress": 99.99}, set()),
        ({"goalProgress": 100}, {"Goal Crusher"}),
    ],
)
def test_a_jump_earns_every_badge_that_it_passes(floor: Floor, stats: dict[str, float], earned: set[str]) -> None:
    rep = floor.hire()
    floor.update(rep, **stats)
    floor.stream()
    first = {"Top Performer"} if "monthlyRevenue" in stats else set()
    assert badges(floor, rep) == earned | first


def test_badges_come_the_newest_first_and_keep_their_date(floor: Floor) -> None:
    rep = floor.hire()
    for signups in (20, 30, 0, 30):
        floor.update(rep, monthlySignups=signups)
        floor.stream()
        floor.clock.sleep(60)
    items = floor.api("GET", f"{REPS}/{rep}/badges").json["items"]
    assert [badge["id"] for badge in items[:1]] == ["consistent-closer"]
    assert {badge["id"] for badge in items[1:]} == {"sales-rookie", "bonus-achiever"}
    later, earlier = items[0]["awardedAt"], items[1]["awardedAt"]
    assert earlier < later < floor.rep(rep)["asOf"]


def test_only_an_admin_changes_a_badge(floor: Floor) -> None:
    path = f"{CATALOGUE}/rising-star"
    for who in ({"scopes": ("leaderboard",)}, {"person": ("leaderboard",)}, {"scopes": ("analytics", "ingest")}):
        assert floor.api("PUT", path, STAR | {"threshold": 1}, **who).status == 403
    assert floor.api("PUT", path, STAR, scopes=None).status == 401
    assert floor.api("PUT", path, STAR | {"threshold": 30_000}, person=("admin",)).status == 200
    found = {badge["id"]: badge for badge in floor.api("GET", CATALOGUE).json["items"]}
    assert (found["rising-star"]["threshold"], len(found)) == (30_000, 9)


def test_a_changed_badge_is_earned_as_it_is_now(floor: Floor) -> None:
    assert change(floor, threshold=50_000, name="Risen Star", emoji="⭐", description="Half way") == {
        "id": "rising-star",
        "name": "Risen Star",
        "description": "Half way",
        "emoji": "⭐",
        "rule": "revenue",
        "threshold": 50_000,
        "active": True,
    }
    rep = floor.hire()
    floor.update(rep, monthlyRevenue=26_000)
    floor.stream()
    assert badges(floor, rep) == {"Top Performer"}
    floor.update(rep, monthlyRevenue=51_000)
    floor.stream()
    assert badges(floor, rep) == {"Top Performer", "Top Earner", "Risen Star"}


def test_a_new_badge_may_be_added(floor: Floor) -> None:
    change(floor, "first-ten", name="First Ten", rule="signups", threshold="10")
    rep = floor.hire()
    floor.update(rep, monthlySignups=12)
    floor.stream()
    assert badges(floor, rep) == {"First Ten"}
    assert len(floor.api("GET", CATALOGUE).json["items"]) == 10


def test_an_inactive_badge_is_not_earned_any_more_and_reps_who_have_it_keep_it(floor: Floor) -> None:
    ada, grace = floor.hire("Ada"), floor.hire("Grace")
    floor.update(ada, monthlySignups=20)
    floor.stream()
    change(floor, "sales-rookie", name="Rookie of Old", rule="signups", threshold=20, active=False)
    floor.update(grace, monthlySignups=20)
    floor.stream()
    assert badges(floor, ada) == {"Sales Rookie", "Bonus Achiever"}
    assert badges(floor, grace) == {"Bonus Achiever"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rule": "subscribers"}, "rule"),
        ({"rule": "nonsense"}, "rule"),
        ({"rule": ""}, "rule"),
        ({"rule": None}, "rule"),
        ({"threshold": -1}, "threshold"),
        ({"threshold": "many"}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"emoji": ""}, "emoji"),
        ({"emoji": "x" * 17}, "emoji"),
        ({"description": "x" * 201}, "description"),
        ({"active": None}, "active"),
        ({"id": "another"}, "id"),
    ],
)
def test_a_badge_that_makes_no_sense_is_rejected(one_floor: Floor, changed: dict[str, object], field: str) -> None:
    answer = one_floor.api("PUT", f"{CATALOGUE}/rising-star", STAR | changed)
    assert answer.status == 400
    assert field in answer.error


@pytest.mark.parametrize("badge", ["Rising", "a b", "x" * 41, "a%2Fb", "☃", "a_b", "a."])
def test_an_id_of_a_badge_is_small_letters_digits_and_dashes(one_floor: Floor, badge: str) -> None:
    assert one_floor.api("PUT", f"{CATALOGUE}/{badge}", STAR).status in (400, 404)
    assert all(one["id"] != badge for one in one_floor.api("GET", CATALOGUE).json["items"])
