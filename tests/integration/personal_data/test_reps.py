"""A rep's export and erasure, with a floor whose other reps must notice nothing but the free rank."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from cairn.clock import now
from cairn.messages import RoomEvent
from cairn.model import Reversal, Subject
from cairn.readings.milestones import Milestones
from cairn.realtime.event_log import EventLog
from operations.personal_data import export, purge
from operations.stack import Stack
from testing.cloud import Context
from testing.dynamodb import restored, stored
from testing.functions import FUNCTIONS
from testing.leaderboard import REPS, Floor, at
from testing.mentions import mentions
from testing.operator import operators_stack

NAME = "Zora Quill"
WORDS = (NAME, "🦓", "Lightning")
DETAILS = {"avatar": "🦓", "team": "Lightning", "userId": "zora-q"}
DECEMBER = at("2026-12-01T00:10:00Z")


@pytest.fixture
def floor(one_floor: Floor) -> Floor:
    one_floor.empty()
    stored("HISTORY_TABLE").clear()
    return one_floor


@pytest.fixture
def stack(floor: Floor) -> Stack:
    assert floor.aws.people
    return operators_stack()


def hired(floor: Floor) -> int:
    """A rep with milestones, badges, a month on a board of the past, and history; the best of three."""
    rep = floor.hire(NAME, **DETAILS, monthlyRevenueGoal=20_000)
    floor.hire("Ann", monthlyRevenue=300)
    floor.hire("Ben", monthlyRevenue=200)
    floor.update(rep, monthlyRevenue=60_000, monthlySignups=31)
    deliver(floor)
    say(floor)
    floor.clock.advance_to(DECEMBER)
    floor.roll_over()
    floor.update(rep, monthlyRevenue=11_000)
    deliver(floor)
    say(floor)
    return rep


def deliver(floor: Floor) -> None:
    """The stream's records to both of its readers."""
    while changes := floor.aws.changes():
        for name in ("detect_milestone", "record_history"):
            assert FUNCTIONS[name]({"Records": changes}, Context()) == {"batchItemFailures": []}


def say(floor: Floor) -> list[RoomEvent]:
    """The celebrations that waited in the queue, which are now in their rooms' logs."""
    log = EventLog(floor.aws.table("CONNECTIONS_TABLE"))
    events = [one for one in floor.said() if isinstance(one, RoomEvent)]
    return [event for event in events if log.append(event, now())]


def test_a_purged_rep_is_in_no_table_and_served_nowhere(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    assert {table for table, _ in mentions(*WORDS)} == {
        "STATS_TABLE",
        "MILESTONES_TABLE",
        "BOARD_TABLE",
        "CONNECTIONS_TABLE",
    }
    lines = purge(stack, f"rep:{rep}", confirmed=True)
    deliver(floor)
    say(floor)
    assert mentions(*WORDS) == []
    assert any("35 days" in line for line in lines)
    assert floor.api("GET", f"{REPS}/{rep}").status == 404
    served = [
        floor.api("GET", path).text
        for path in ("/api/milestones", "/api/leaderboard", f"/api/milestones?subject=rep:{rep}")
    ]
    served.append(floor.api("GET", "/api/leaderboard", query={"period": "2026-11"}).text)
    assert not [text for text in served for word in WORDS if word in text]


def test_the_name_with_which_a_purged_rep_signs_in_is_only_left_in_that_persons_own_room(
    floor: Floor, stack: Stack
) -> None:
    rep = hired(floor)
    purge(stack, f"rep:{rep}", confirmed=True)
    assert {item["pk"] for _, item in mentions("zora-q")} == {"log#user:zora-q"}
    purge(stack, "person:zora-q", confirmed=True)
    assert mentions("zora-q") == []


def test_a_rep_who_retired_is_not_put_back_on_the_board_of_their_month_when_their_name_is_forgotten(
    floor: Floor, stack: Stack
) -> None:
    retired = floor.hire(NAME, **DETAILS, monthlyRevenue=400)
    stays = floor.hire("Ann", monthlyRevenue=300)
    assert floor.api("DELETE", f"{REPS}/{retired}").status == 204
    deliver(floor)
    floor.clock.advance_to(DECEMBER)
    floor.roll_over()
    purge(stack, "person:zora-q", confirmed=True)
    deliver(floor)
    assert [row["id"] for row in floor.board(period="2026-11")["items"]] == [stays]


def test_sums_and_other_ranks_stay_right(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    purge(stack, f"rep:{rep}", confirmed=True)
    deliver(floor)
    board = floor.board()
    assert {one["name"]: one["rank"] for one in board["items"]} == {"Ann": 1, "Ben": 1}
    assert board["total"] == 2
    assert floor.in_line()
    past = floor.board(period="2026-11")["items"]
    assert [(one["name"], one["rank"], one["monthlyRevenue"]) for one in past] == [
        ("Former rep", 1, 60_000),
        ("Ann", 2, 300),
        ("Ben", 3, 200),
    ]
    assert (past[0]["avatar"], past[0]["team"], past[0]["userId"], past[0]["badges"]) == (None, None, None, [])


def test_until_it_is_confirmed_a_purge_only_shows_what_it_would_erase(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    before = mentions(*WORDS)
    lines = purge(stack, f"rep:{rep}", confirmed=False)
    assert mentions(*WORDS) == before
    assert any("stats_table: anonymised" in line for line in lines)
    assert any("--yes" in line for line in lines)


def test_an_export_has_the_values_that_the_tables_hold(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    content: dict[str, Any] = json.loads(export(stack, f"rep:{rep}"))
    (stats,) = content["tables"]["stats_table"]
    assert stats["item"]["name"] == NAME
    assert stats["item"]["metrics"]["monthly_revenue"] == 11_000
    assert {one["item"]["period"] for one in content["tables"]["board_table"]} == {"2026-11", "2026-12"}
    assert {entry["erasure"] for items in content["tables"].values() for entry in items} == {
        "deleted",
        "anonymised",
        "kept",
    }


def test_a_second_purge_finds_nothing(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    purge(stack, f"rep:{rep}", confirmed=True)
    deliver(floor)
    assert purge(stack, f"rep:{rep}", confirmed=True)[0] == f"nothing is stored that identifies rep:{rep}"


def test_a_rep_who_never_was_leaves_nothing_behind(floor: Floor, stack: Stack) -> None:
    purge(stack, "rep:4711", confirmed=True)
    assert mentions("rep:4711") == []


def test_a_stream_record_from_before_the_purge_announces_nothing_and_brings_nobody_back(
    floor: Floor, stack: Stack
) -> None:
    rep = hired(floor)
    floor.update(rep, monthlyRevenue=30_000, monthlySignups=25)
    late = floor.aws.changes()
    purge(stack, f"rep:{rep}", confirmed=True)
    for _ in range(2):
        assert FUNCTIONS["detect_milestone"]({"Records": late}, Context()) == {"batchItemFailures": []}
        deliver(floor)
    assert [one for one in floor.said() if isinstance(one, RoomEvent)] == []
    assert mentions(*WORDS) == []
    assert floor.in_line()


def test_a_record_from_before_a_months_end_archives_no_purged_rep(floor: Floor, stack: Stack) -> None:
    rep = floor.hire(NAME, **DETAILS, monthlyRevenue=100)
    deliver(floor)
    floor.clock.advance_to(DECEMBER)
    floor.update(rep, monthlyRevenue=5)
    late = floor.aws.changes()
    floor.aws.table("BOARD_TABLE").delete_item(Key={"pk": "board#2026-11", "sk": rep})
    purge(stack, f"rep:{rep}", confirmed=True)
    assert FUNCTIONS["detect_milestone"]({"Records": late}, Context()) == {"batchItemFailures": []}
    assert mentions(*WORDS) == []


def test_a_celebration_that_waits_in_its_queue_is_never_said(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    floor.update(rep, monthlyRevenue=30_000)
    deliver(floor)
    purge(stack, f"rep:{rep}", confirmed=True)
    purge(stack, "person:zora-q", confirmed=True)
    assert say(floor) == []
    assert mentions(*WORDS, "zora-q") == []


def test_why_and_by_whom_a_milestone_was_reverted_is_erased_with_either_person(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    milestones = Milestones(floor.aws.table("MILESTONES_TABLE"))
    reverted = next(milestones.of(Subject("rep", str(rep))))
    assert milestones.revert([reverted], [], Reversal(now(), "grace", f"{NAME} typed it twice"))
    purge(stack, f"rep:{rep}", confirmed=True)
    assert mentions(*WORDS) == []
    assert mentions("grace")
    purge(stack, "person:grace", confirmed=True)
    assert mentions("grace") == []
    assert next(milestones.of(Subject("rep", str(rep)))).reverted == Reversal(now(), "former operator", "erased")


def test_a_log_of_a_room_keeps_its_numbers_without_a_gap(floor: Floor, stack: Stack) -> None:
    rep = hired(floor)
    log = EventLog(floor.aws.table("CONNECTIONS_TABLE"))
    first = log.after("tv-display", 0, now()).events[0].number
    before = log.after("tv-display", first - 1, now())
    purge(stack, f"rep:{rep}", confirmed=True)
    after = log.after("tv-display", first - 1, now())
    assert before.complete
    assert after.complete
    assert [event.id for event in after.events] == [event.id for event in before.events]
    celebrated = [json.loads(event.frame)["data"] for event in after.events]
    assert {(one["userName"], one["userId"], one["milestone"]["salesRep"]["avatar"]) for one in celebrated} == {
        ("Former rep", None, None)
    }


def test_a_purge_that_dies_at_any_call_is_completed_by_the_next_one(floor: Floor, stack: Stack) -> None:
    rep = floor.hire(NAME, **DETAILS, monthlyRevenue=1)
    floor.update(rep, monthlyRevenue=10_000)
    deliver(floor)
    say(floor)
    for writes in range(1000):
        with restored():
            if not dies_after(writes, stack, partial(purge, stack, f"rep:{rep}", confirmed=True)):
                break
            purge(stack, f"rep:{rep}", confirmed=True)
            deliver(floor)
            assert mentions(*WORDS) == [], f"died after {writes} writes"
            assert floor.in_line()
    assert 15 < writes < 999


def dies_after(writes: int, stack: Stack, act: Callable[[], object]) -> bool:
    """Whether the connection broke at the write after so many."""
    made = 0

    def count(**_: object) -> None:
        nonlocal made
        made += 1
        if made > writes:
            raise ConnectionClosedError(endpoint_url="dynamodb")

    events: Any = stack.clients.dynamodb.meta.client.meta.events
    names = [f"before-call.dynamodb.{name}" for name in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")]
    for name in names:
        events.register(name, count)
    try:
        act()
    except ConnectionClosedError:
        return True
    finally:
        for name in names:
            events.unregister(name, count)
    return False
