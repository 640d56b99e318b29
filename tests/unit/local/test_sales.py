"""The demo's sales floor: reps that the API accepts, and first sales that each cross a threshold."""

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
from local.sales import Salesperson, new_reps, updated_stats
from local.settings import Settings, read_settings

REVENUE = (10_000, 25_000, 50_000, 75_000, 100_000)
SIGNUPS = (10, 15, 20, 25, 30, 35, 40)


@pytest.fixture
def settings() -> Settings:
    return read_settings({}, Path("no such file"))


def passed(rep: dict[str, Any]) -> set[tuple[str, float]]:
    """What the rules celebrate at these numbers."""
    revenue, signups = rep["monthlyRevenue"], rep["monthlySignups"]
    reached = {("revenue", step) for step in REVENUE if revenue >= step}
    reached |= {("signups", step) for step in SIGNUPS if signups >= step}
    return reached | ({("goal", 100)} if revenue >= rep["monthlyRevenueGoal"] else set())


def test_a_dozen_reps_have_names_teams_and_avatars() -> None:
    reps = new_reps()
    assert len({rep["name"] for rep in reps}) == 12
    assert all(rep["team"] and rep["avatar"] for rep in reps)


def test_creating_them_celebrates_the_first_three_and_nothing_else() -> None:
    """A TV shows each celebration for ten seconds, so the demo's first sales must not queue behind its set-up."""
    reps = new_reps()
    assert [rep for rep in reps if passed(rep)] == []
    assert [rep["monthlyRevenue"] for rep in reps] == sorted((rep["monthlyRevenue"] for rep in reps), reverse=True)


def test_a_rep_with_a_user_is_one_of_the_demos_people_and_each_has_an_existing_module() -> None:
    assert {rep["userId"] for rep in new_reps() if "userId" in rep} <= set(PEOPLE)
    assert set(PEOPLE.values()) == MODULES


def test_each_of_the_first_sales_crosses_a_threshold_and_several_are_celebrated_within_a_minute() -> None:
    reps = list(new_reps())
    for number, amount, signups in sales._FIRST_SALES:
        before = reps[number]
        reps[number] = before | updated_stats(before, amount, signups)
        assert passed(reps[number]) > passed(before), before["name"]
    assert sales._FIRST_AFTER_SECONDS + 3 * sales._PAUSES[0] < 60


def test_a_sale_is_added_to_every_number_that_it_counts_for() -> None:
    rep = {**new_reps()[0], "name": "A"}
    counted = updated_stats(rep, 500, 1)
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


def test_a_sale_is_added_to_the_reps_current_numbers(settings: Settings) -> None:
    floor, minutes = Floor(), itertools.count()
    person = Salesperson(settings, "key", httpx.MockTransport(floor.answer), lambda: 60.0 * next(minutes))
    assert person.hire() == "sales floor: 12 reps, simulated sales"
    assert person.next_action() == "Ada Okafor: $1,350 and 1 sign-up"
    floor.reps[1]["monthlyRevenue"] = 90_000.1
    person.act()
    assert floor.reps[1]["monthlyRevenue"] == 91_350.1


def test_between_two_sales_there_is_a_pause(settings: Settings) -> None:
    now = 0.0
    person = Salesperson(settings, "key", httpx.MockTransport(Floor().answer), lambda: now)
    person.hire()
    assert person.next_action() is None
    now = 15.0
    assert person.next_action()
    person.act()
    assert person.next_action() is None
    now = 22.0
    assert person.next_action()


def test_a_retired_rep_makes_no_more_sales_and_the_others_continue(settings: Settings) -> None:
    floor, minutes = Floor(), itertools.count()
    person = Salesperson(settings, "key", httpx.MockTransport(floor.answer), lambda: 60.0 * next(minutes))
    person.hire()
    del floor.reps[1]
    sales_shown = []
    for _ in range(200):
        sales_shown.append(person.next_action() or "")
        person.act()
    assert sum(text.startswith("Ada Okafor") for text in sales_shown) == 1
    assert len({text.partition(":")[0] for text in sales_shown}) == 12


def test_there_are_no_sales_before_the_reps_are_created(settings: Settings) -> None:
    assert Salesperson(settings, "key").next_action() is None
