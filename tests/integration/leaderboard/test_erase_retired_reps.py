"""A retired rep leaves every list at once, and after a month nothing names them; sums and ranks stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.leaderboard import REPS, Floor, at
from testing.mentions import mentions
from testing.outages import failing

NAME = "Zora Quill"
WORDS = (NAME, "🦓", "Lightning")
DECEMBER = at("2026-12-01T00:10:00Z")


@pytest.fixture
def floor(one_floor: Floor) -> Floor:
    one_floor.empty()
    stored("HISTORY_TABLE").clear()
    return one_floor


def erase(seconds: float = 300.0) -> Any:
    catch_up()
    return FUNCTIONS["erase_retired_reps"]({"source": "schedule"}, Context(seconds))


def retired(floor: Floor, name: str = NAME) -> int:
    """Somebody who led a month that is over, and retired in the next one."""
    rep = floor.hire(name, avatar="🦓", team="Lightning")
    floor.hire("Ann", monthlyRevenue=300)
    floor.update(rep, monthlyRevenue=60_000)
    floor.stream()
    floor.clock.advance_to(DECEMBER)
    floor.roll_over()
    assert floor.api("DELETE", f"{REPS}/{rep}").status == 204
    floor.stream()
    return rep


def test_a_retired_rep_is_in_no_list_at_once(floor: Floor) -> None:
    rep = retired(floor)
    assert floor.api("GET", f"{REPS}/{rep}").status == 404
    assert NAME not in floor.api("GET", REPS).text
    assert [one["name"] for one in floor.board()["items"]] == ["Ann"]


def test_the_name_stays_for_the_days_of_the_setting_and_is_then_erased_everywhere(floor: Floor) -> None:
    rep = retired(floor)
    floor.clock.advance_to(DECEMBER + timedelta(days=30) - timedelta(minutes=1))
    assert erase() == {"erased": 0}
    assert [one["name"] for one in floor.board(period="2026-11")["items"]] == [NAME, "Ann"]
    floor.clock.advance_to(DECEMBER + timedelta(days=30))
    assert erase() == {"erased": 1}
    assert mentions(*WORDS) == []
    past = floor.board(period="2026-11")["items"]
    assert [(one["name"], one["rank"], one["monthlyRevenue"], one["avatar"]) for one in past] == [
        ("Former rep", 1, 60_000, None),
        ("Ann", 2, 300, None),
    ]
    catch_up()
    listed = floor.api("GET", "/api/milestones", query={"subject": f"rep:{rep}"}).json["items"]
    assert listed
    assert {one["name"] for one in listed} == {"Former rep"}
    assert floor.in_line()


def test_a_second_run_erases_nobody_and_writes_nothing(floor: Floor) -> None:
    retired(floor)
    floor.clock.advance_to(DECEMBER + timedelta(days=31))
    erase()
    records = len(stored("STATS_TABLE").records())
    assert erase() == {"erased": 0}
    assert len(stored("STATS_TABLE").records()) == records


def test_whoever_has_not_retired_keeps_their_name(floor: Floor) -> None:
    rep = floor.hire(NAME, avatar="🦓")
    floor.clock.advance_to(DECEMBER + timedelta(days=90))
    assert erase() == {"erased": 0}
    assert floor.rep(rep)["name"] == NAME


def test_one_rep_who_cannot_be_erased_does_not_keep_the_next_from_it(floor: Floor) -> None:
    first, second = floor.hire(NAME), floor.hire("Quentin Zest")
    for rep in (first, second):
        assert floor.api("DELETE", f"{REPS}/{rep}").status == 204
    floor.clock.advance_to(DECEMBER + timedelta(days=31))
    client = FUNCTIONS["erase_retired_reps"].dependencies.items._stats.meta.client
    with (
        failing(client, "PutItem", when=lambda call: call["Item"].get("subject") in (f"rep:{first}",)),
        pytest.raises(Exception, match=f"1 retired reps were not erased, the first is rep:{first}"),
    ):
        erase()
    assert mentions("Quentin Zest") == []
    assert mentions(NAME)
    assert erase() == {"erased": 1}
    assert mentions(NAME) == []


def test_a_run_without_time_leaves_the_rest_to_the_next_one(floor: Floor) -> None:
    retired(floor)
    floor.clock.advance_to(DECEMBER + timedelta(days=31))
    assert erase(seconds=20.0) == {"erased": 0}
    assert erase() == {"erased": 1}
