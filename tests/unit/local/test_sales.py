"""The demo's sales floor: reps that the API takes, and a story in which each of the first sales passes something."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cairn.identity.cognito import MODULES
from local import sales
from local.demo import PEOPLE
from local.sales import Salesperson, after, new_reps
from local.settings import Settings, read_settings

REVENUE = (10_000, 25_000, 50_000, 75_000, 100_000)
SIGNUPS = (10, 15, 20, 25, 30, 35, 40)


@pytest.fixture
def settings() -> Settings:
    return read_settings({}, Path("no such file"))


def passed(rep: dict[str, Any]) -> set[tuple[str, float]]:
    """What the source system celebrates, of these numbers."""
    revenue, signups = rep["monthlyRevenue"], rep["monthlySignups"]
    reached = {("revenue", step) for step in REVENUE if revenue >= step}
    reached |= {("signups", step) for step in SIGNUPS if signups >= step}
    return reached | ({("goal", 100)} if revenue >= rep["monthlyRevenueGoal"] else set())


def test_a_dozen_reps_have_names_teams_and_avatars() -> None:
    reps = new_reps()
    assert len({rep["name"] for rep in reps}) == 12
    assert all(rep["team"] and rep["avatar"] for rep in reps)


def test_putting_them_on_the_board_celebrates_the_first_three_and_nothing_else() -> None:
    """A TV celebrates for ten seconds each: what the demo is to show must not wait behind what it begins with."""
    reps = new_reps()
    assert [rep for rep in reps if passed(rep)] == []
    assert [rep["monthlyRevenue"] for rep in reps] == sorted((rep["monthlyRevenue"] for rep in reps), reverse=True)


def test_a_rep_who_may_sign_in_is_one_of_the_demos_people_and_each_has_a_module_that_there_is() -> None:
    assert {rep["userId"] for rep in new_reps() if "userId" in rep} <= set(PEOPLE)
    assert set(PEOPLE.values()) == MODULES


def test_each_of_the_first_sales_passes_something_and_within_a_minute_several_are_celebrated() -> None:
    reps = list(new_reps())
    for number, amount, signups in sales._STORY:
        before = reps[number]
        reps[number] = before | after(before, amount, signups)
        assert passed(reps[number]) > passed(before), before["name"]
    assert sales._FIRST_AFTER_SECONDS + 3 * sales._PAUSES[0] < 60


def test_a_sale_is_added_to_all_that_it_counts_for() -> None:
    rep = {**new_reps()[0], "name": "A"}
    counted = after(rep, 500, 1)
    assert {name: counted[name] - rep[name] for name in counted} == {
        "monthlyRevenue": 500,
        "yearlyRevenue": 500,
        "allTimeRevenue": 500,
        "monthlySignups": 1,
        "yearlySignups": 1,
    }


class Floor:
    """The API's reps, in memory."""

    def __init__(self) -> None:
        self.reps: dict[int, dict[str, Any]] = {}

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer key"
        path, body = request.url.path.split("/"), json.loads(request.content or "null")
        if len(path) == 4:
            rep = body | {"id": len(self.reps) + 1}
            return httpx.Response(201, json=self.reps.setdefault(rep["id"], rep))
        found = self.reps.get(int(path[4]))
        if found is None:
            return httpx.Response(404, json={"error": "there is no such rep"})
        found.update(body or {})
        return httpx.Response(200, json=found)


def test_a_sale_is_written_on_top_of_what_somebody_else_wrote(settings: Settings) -> None:
    floor, minutes = Floor(), itertools.count()
    person = Salesperson(settings, "key", httpx.MockTransport(floor.answer), lambda: 60.0 * next(minutes))
    assert person.hire() == "the sales floor: 12 reps, and somebody who sells"
    assert person.announces() == "Ada Okafor sells for $1,350 and signs up 1"
    floor.reps[1]["monthlyRevenue"] = 90_000.1
    person.act()
    assert floor.reps[1]["monthlyRevenue"] == 91_350.1


def test_between_two_sales_there_is_a_pause(settings: Settings) -> None:
    now = 0.0
    person = Salesperson(settings, "key", httpx.MockTransport(Floor().answer), lambda: now)
    person.hire()
    assert person.announces() is None
    now = 15.0
    assert person.announces()
    person.act()
    assert person.announces() is None
    now = 22.0
    assert person.announces()


def test_a_rep_who_was_retired_sells_no_more_and_the_others_go_on(settings: Settings) -> None:
    floor, minutes = Floor(), itertools.count()
    person = Salesperson(settings, "key", httpx.MockTransport(floor.answer), lambda: 60.0 * next(minutes))
    person.hire()
    del floor.reps[1]
    said = []
    for _ in range(200):
        said.append(person.announces() or "")
        person.act()
    assert sum(text.startswith("Ada Okafor") for text in said) == 1
    assert len({text.partition(" sells")[0] for text in said}) == 12


def test_nobody_sells_before_there_is_a_floor(settings: Settings) -> None:
    assert Salesperson(settings, "key").announces() is None
