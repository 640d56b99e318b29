"""A rep's false milestones are taken back: of each kind, with their badges, and on every screen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cairn.errors import BadInputError
from cairn.messages import RoomEvent
from testing.adversarial_dynamodb import catch_up
from testing.leaderboard import REPS, Floor, at
from testing.reverting import revert, reverting
from tests.integration.leaderboard.test_detection import history

MONTH = "2026-11"


def sell(floor: Floor, rep: int, **numbers: object) -> list[str]:
    """The milestones that an update answers, which are also those that are celebrated."""
    floor.clock.sleep(60)
    answered = [one["id"] for one in floor.update(rep, **numbers)["milestones"]]
    assert sorted(celebrated(floor)) == sorted(answered)
    return answered


def celebrated(floor: Floor) -> list[str]:
    floor.stream()
    return [one["id"] for room, _, one in floor.celebrations() if room == "tv-display"]


def badges(floor: Floor, rep: int) -> dict[str, str]:
    catch_up()
    items = floor.api("GET", f"{REPS}/{rep}/badges").json["items"]
    return {badge["id"]: badge["awardedAt"] for badge in items}


def drops(floor: Floor) -> list[tuple[str, Any]]:
    """Room and data of each event that takes a milestone off the screens."""
    events = [one for one in floor.said() if isinstance(one, RoomEvent)]
    return [(one.room, json.loads(one.data)) for one in events if one.event == "milestone:reverted"]


@pytest.fixture
def rep(floor: Floor) -> int:
    """A rep in whose place somebody else's numbers are sent, which are corrected then."""
    made = floor.hire("Ada", userId="ada", monthlyRevenueGoal=20_000)
    for name in ("Bob", "Cyd", "Dan"):
        floor.hire(name, monthlyRevenue=5_000)
    floor.stream()
    floor.said()
    sell(floor, made, monthlyRevenue=60_000, monthlySignups=21)
    sell(floor, made, monthlyRevenue=900, monthlySignups=2)
    return made


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [("revenue", 50_000), ("signups", 20), ("bonus_tier", 20), ("goal", 100), ("rank", 3)],
)
def test_every_milestone_of_a_false_update_is_reverted_with_any_one_of_them(
    floor: Floor, rep: int, rule: str, threshold: int
) -> None:
    reverted = revert(f"rep:{rep}/{rule}/{MONTH}/{threshold}")
    assert {one.rule for one in reverted} == {"revenue", "signups", "bonus_tier", "goal", "rank"}
    assert all(item["revertedBy"] == "grace" for item in history(floor, rep))
    assert badges(floor, rep) == {}
    assert celebrated(floor) == []


def test_what_is_true_later_is_answered_and_celebrated_under_an_id_of_its_own(floor: Floor, rep: int) -> None:
    revert(f"rep:{rep}/revenue/{MONTH}/50000")
    assert sell(floor, rep, monthlyRevenue=10_500) == [
        f"rep:{rep}/revenue/{MONTH}/10000/r1",
        f"rep:{rep}/rank/{MONTH}/3/r1",
    ]
    assert sell(floor, rep, monthlySignups=15) == [
        f"rep:{rep}/bonus_tier/{MONTH}/15/r1",
        f"rep:{rep}/signups/{MONTH}/15/r1",
    ]
    assert badges(floor, rep).keys() == {"top-performer", "bonus-achiever"}
    assert sell(floor, rep, monthlyRevenue=9_000) == []
    assert sell(floor, rep, monthlyRevenue=10_600) == []


def test_a_sale_that_was_hidden_by_the_false_milestone_is_celebrated_after_its_reversal(floor: Floor, rep: int) -> None:
    assert sell(floor, rep, monthlyRevenue=10_500) == []
    revert(f"rep:{rep}/revenue/{MONTH}/50000")
    assert f"rep:{rep}/revenue/{MONTH}/10000/r1" in celebrated(floor)


def test_a_milestone_of_the_false_update_that_is_true_now_is_kept(floor: Floor, rep: int) -> None:
    sell(floor, rep, monthlySignups=22)
    plan = reverting().plan(f"rep:{rep}/revenue/{MONTH}/50000")
    assert {one.rule for one in plan.kept} == {"signups", "bonus_tier"}
    revert(f"rep:{rep}/revenue/{MONTH}/50000")
    assert badges(floor, rep).keys() == {"sales-rookie", "bonus-achiever"}
    assert sell(floor, rep, monthlySignups=23) == []


def test_milestones_of_one_metric_may_be_reverted_alone(floor: Floor, rep: int) -> None:
    reverted = revert(f"rep:{rep}/signups/{MONTH}/20", only=True)
    assert {one.rule for one in reverted} == {"signups", "bonus_tier"}
    assert badges(floor, rep).keys() == {"rising-star", "top-earner", "goal-crusher", "top-performer"}
    assert sell(floor, rep, monthlySignups=16) == [
        f"rep:{rep}/bonus_tier/{MONTH}/15/r1",
        f"rep:{rep}/signups/{MONTH}/15/r1",
    ]


def test_screens_drop_what_was_reverted(floor: Floor, rep: int) -> None:
    floor.said()
    revert(f"rep:{rep}/revenue/{MONTH}/50000", only=True)
    data = {"milestone": f"rep:{rep}/revenue/{MONTH}/50000"}
    assert sorted(drops(floor)) == [("tv-display", data), ("user:ada", data)]


def test_a_badge_that_was_earned_before_keeps_its_date(floor: Floor) -> None:
    rep = floor.hire("Ada")
    sell(floor, rep, monthlySignups=20)
    earned = badges(floor, rep)
    sell(floor, rep, monthlySignups=400)
    sell(floor, rep, monthlySignups=21)
    revert(f"rep:{rep}/signups/{MONTH}/40")
    assert badges(floor, rep) == earned


def test_a_badge_whose_first_milestone_was_false_has_the_date_of_the_first_true_one(floor: Floor, rep: int) -> None:
    sell(floor, rep, monthlySignups=41)
    truly = floor.clock.now()
    sell(floor, rep, monthlySignups=2)
    with pytest.raises(BadInputError, match="correct its stored numbers"):
        reverting().plan(f"rep:{rep}/signups/{MONTH}/20", value=2)
    revert(f"rep:{rep}/signups/{MONTH}/20", only=True)
    assert at(badges(floor, rep)["sales-rookie"]) == truly


def test_a_wrong_month_is_mended(floor: Floor) -> None:
    """November's total comes half a minute after midnight, and is celebrated as December's."""
    rep = floor.hire("Ada")
    sell(floor, rep, monthlyRevenue=9_000)
    floor.clock.advance_to(at("2026-12-01T00:00:30Z"))
    floor.roll_over()
    celebrated(floor)
    assert sell(floor, rep, monthlyRevenue=30_000) == [
        f"rep:{rep}/revenue/2026-12/25000",
        f"rep:{rep}/rank/2026-12/3",
    ]
    sell(floor, rep, monthlyRevenue=300)
    revert(f"rep:{rep}/revenue/2026-12/25000")
    assert celebrated(floor) == []
    assert sell(floor, rep, monthlyRevenue=10_500) == [f"rep:{rep}/revenue/2026-12/10000/r1"]


def test_a_milestone_of_a_month_that_is_over_is_reverted_without_touching_the_current_one(
    floor: Floor, rep: int
) -> None:
    floor.clock.advance_to(at("2026-12-01T00:05:00Z"))
    floor.roll_over()
    celebrated(floor)
    sell(floor, rep, monthlySignups=10)
    revert(f"rep:{rep}/revenue/{MONTH}/50000")
    assert badges(floor, rep) == {}
    assert celebrated(floor) == []
    assert sell(floor, rep, monthlySignups=15) == [
        f"rep:{rep}/bonus_tier/2026-12/15",
        f"rep:{rep}/signups/2026-12/15",
    ]


def test_the_next_month_begins_with_plain_ids(floor: Floor, rep: int) -> None:
    revert(f"rep:{rep}/revenue/{MONTH}/50000")
    celebrated(floor)
    floor.clock.advance_to(at("2026-12-01T00:05:00Z"))
    floor.roll_over()
    celebrated(floor)
    assert f"rep:{rep}/revenue/2026-12/10000" in sell(floor, rep, monthlyRevenue=10_000)
