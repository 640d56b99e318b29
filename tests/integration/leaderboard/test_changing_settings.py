"""A ladder changes while reps sell: an update's answer and what the TV shows are by the same version of the rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.leaderboard import Floor, sales_floor
from testing.workspace import change, know_settings, workspaces


@pytest.fixture
def fresh() -> Iterator[Floor]:
    """An account whose settings no other test has changed."""
    with sales_floor() as made:
        yield made


def lower(*steps: int) -> None:
    """Change the ladder of revenue, and let no warm function know of it yet."""
    found = workspaces()
    found.save(found.latest().version, {"ladders": {"revenue": list(steps)}}, by="key:test")
    catch_up()


def answered(answer: dict[str, list[dict[str, object]]]) -> list[object]:
    return [one["value"] for one in answer["milestones"] if one["type"] == "revenue"]


def celebrated(floor: Floor) -> list[object]:
    floor.stream()
    return [one["value"] for room, _, one in floor.celebrations() if room == "tv-display" and one["type"] == "revenue"]


def test_an_answer_by_the_old_ladder_is_celebrated_by_it_although_detection_knows_the_new_one(fresh: Floor) -> None:
    rep = fresh.hire(monthlyRevenue=1)
    know_settings("api")
    lower(5_000, 20_000)
    answer = fresh.update(rep, monthlyRevenue=12_000)
    FUNCTIONS.restart("detect_milestone")
    assert (answered(answer), celebrated(fresh)) == ([10_000], [10_000])
    fresh.clock.sleep(31)
    assert (answered(fresh.update(rep, monthlyRevenue=13_000)), celebrated(fresh)) == ([], [])
    assert (answered(fresh.update(rep, monthlyRevenue=21_000)), celebrated(fresh)) == ([20_000], [20_000])


def test_an_answer_by_the_new_ladder_is_celebrated_by_it_although_detection_knows_the_old_one(fresh: Floor) -> None:
    rep = fresh.hire(monthlyRevenue=1)
    fresh.stream()
    lower(5_000, 20_000)
    FUNCTIONS.restart("api")
    answer = fresh.update(rep, monthlyRevenue=6_000)
    assert (answered(answer), celebrated(fresh)) == ([5_000], [5_000])


def test_a_lower_ladder_announces_nothing_of_reps_who_have_passed_it(fresh: Floor) -> None:
    rep = fresh.hire(monthlyRevenue=1)
    fresh.update(rep, monthlyRevenue=9_000)
    fresh.update(rep, monthlyRevenue=4_000)
    celebrated(fresh)
    change(fresh.clock, ladders={"revenue": [5_000, 20_000]})
    assert (answered(fresh.update(rep, monthlyRevenue=6_000)), celebrated(fresh)) == ([], [])
    FUNCTIONS["check_milestones"]({"source": "schedule"}, Context())
    assert celebrated(fresh) == []
