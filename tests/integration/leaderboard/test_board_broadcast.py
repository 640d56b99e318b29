"""Everyone is shown the current board: once a second in a burst, once more after the last change, in one frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from cairn.clock import now, to_millis
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.leaderboard.rows import Row
from cairn.messages import BoardChanged
from cairn.model import Subject
from cairn.realtime.frames import BILLED_BYTES
from cairn.zones import UTC_ONLY, Zones
from functions.broadcast.board import TOP, BoardFrames, board_frame
from testing.broadcast import ADA, BroadcastBench, broadcast_bench
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.leaderboard import boards_of
from testing.logs import Written
from testing.websocket_api import FakePoster

AVATARS = Avatars.of("")


@pytest.fixture
def floor(poster: FakePoster, aws: Cloud, clock: ControlledClock) -> Iterator[BroadcastBench]:
    with broadcast_bench(aws, clock, poster) as made:
        yield made


def row(number: int, revenue: Any) -> Row:
    metrics = {"monthly_revenue": revenue}
    return Row(Subject("rep", str(number)), f"Rep {number}", "2026-11", metrics, {}, now())


def fill(floor: BroadcastBench, reps: int) -> None:
    """Rows of so many reps, the last one the best."""
    boards = boards_of(floor.aws)
    for number in range(1, reps + 1):
        boards.store(row(number, Decimal("1000.50") + number))


def changed(floor: BroadcastBench, event_id: str) -> None:
    """As detect_milestone does it."""
    key = BoardRefresh(floor.table).request(event_id, now())
    if key:
        floor.send(BoardChanged(key, "t"))


def test_everybody_is_shown_the_board(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", holder=ADA)
    floor.join("anybody")
    fill(floor, 3)
    changed(floor, "1")
    assert floor.bring() == []
    (frame,) = poster.frames("a")
    assert (frame["event"], frame["room"]) == ("leaderboard:refresh", "everyone")
    assert frame["id"] == f"everyone/{to_millis(now())}"
    assert (frame["total"], frame["period"]) == (3, "2026-11")
    assert [(rep["rank"], rep["name"], rep["monthlyRevenue"]) for rep in frame["data"]] == [
        (1, "Rep 3", 1003.5),
        (2, "Rep 2", 1002.5),
        (3, "Rep 1", 1001.5),
    ]
    assert poster.frames("anybody") == []


def test_a_board_too_large_for_a_frame_is_its_top_and_the_total(floor: BroadcastBench) -> None:
    fill(floor, 7)
    state = BoardFrames(boards_of(floor.aws), lambda: UTC_ONLY, AVATARS, top=5).now(now(), "t")
    frame = json.loads(state.frame)
    assert ([rep["rank"] for rep in frame["data"]], frame["total"]) == ([1, 2, 3, 4, 5], 7)


@pytest.mark.parametrize(("zone", "period"), [("America/Los_Angeles", "2026-11"), ("Asia/Tokyo", "2026-12")])
def test_the_month_is_the_sales_floors_own(floor: BroadcastBench, zone: str, period: str) -> None:
    floor.clock.advance_to(datetime(2026, 11, 30, 22, tzinfo=UTC))
    state = BoardFrames(boards_of(floor.aws), lambda: Zones.of(zone), AVATARS).now(now(), "t")
    assert json.loads(state.frame)["period"] == period


def test_whatever_reps_are_called_a_board_is_billed_as_one_message() -> None:
    reps: list[dict[str, Any]] = [{"name": "🎉" * 1000, "rank": number} for number in range(TOP)]
    text = board_frame("everyone/1", now(), reps, {"total": 100_000})
    assert 0.6 * BILLED_BYTES < len(text) <= BILLED_BYTES
    assert '"rank":0' in text


def test_a_burst_of_changes_is_shown_once_a_second_and_in_the_end_as_it_is(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    floor.join("a", holder=ADA)
    boards = boards_of(floor.aws)
    for number in range(50):
        boards.store(row(1, number))
        changed(floor, str(number))
        if number % 10 == 5:
            floor.bring()
        floor.clock.sleep(0.05)
    floor.settle()
    frames = poster.frames("a")
    assert frames[-1]["data"][0]["monthlyRevenue"] == 49
    at = [int(frame["id"].partition("/")[2]) for frame in frames]
    assert 3 <= len(frames) <= 5
    assert all(later - earlier >= 1000 for earlier, later in pairwise(at))


def test_a_refresh_that_waits_for_its_second_is_nothing_to_warn_of(
    floor: BroadcastBench, poster: FakePoster, logs: Written
) -> None:
    floor.join("a", holder=ADA)
    for number in "12":
        changed(floor, number)
        floor.settle()
    assert len(poster.frames("a")) == 2
    assert {line["level"] for line in logs.lines} == {"INFO"}
    assert [line["seconds"] for line in logs.lines if line["message"] == "message postponed"] == [1]


@pytest.mark.parametrize("calls", range(1, 8))
def test_wherever_a_sandbox_dies_the_last_board_is_shown(floor: BroadcastBench, poster: FakePoster, calls: int) -> None:
    floor.join("a", holder=ADA)
    fill(floor, 1)
    changed(floor, "1")
    died = floor.bring_and_die(calls)
    assert died == (calls < 7)
    boards_of(floor.aws).store(row(2, 5))
    changed(floor, "2")
    floor.settle()
    assert poster.frames("a")[-1]["total"] == 2


def test_a_record_that_is_redelivered_after_its_refresh_was_shown_keeps_nobody_waiting(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    """Under the same key the queue would drop its message, and the next change would find its request pending."""
    floor.join("a", holder=ADA)
    fill(floor, 1)
    changed(floor, "1")
    floor.settle()
    floor.clock.sleep(2)
    changed(floor, "1")
    boards_of(floor.aws).store(row(2, 5))
    changed(floor, "2")
    floor.settle()
    assert poster.frames("a")[-1]["total"] == 2


def test_a_large_room_is_shown_the_board_by_shards_and_a_superseded_board_not_at_all(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    floor.told_in_parts_beyond(20)
    names = floor.crowd("everyone", 21)
    fill(floor, 1)
    changed(floor, "1")
    assert floor.bring() == []
    for message in floor.fifo.messages:
        message.visible_at = now() + timedelta(seconds=30)
    floor.clock.sleep(1)
    changed(floor, "2")
    second = f"everyone/{to_millis(now())}"
    assert floor.bring() == []
    floor.settle()
    assert {tuple(poster.ids(name)) for name in names} == {(second,)}
