"""An update that is slow is overtaken by a newer one, and clocks step back: the board shows the newest values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.model import Number, Reading, Subject
from cairn.readings.stats import Stats
from testing.interleaving import before_next_write
from testing.leaderboard import Floor


def table(name: str) -> Any:
    return dynamodb.resource().Table(f"{name}_table")


def change_by_another_program(rep: int, name: str, metrics: Mapping[str, Number]) -> None:
    """It is dated a second later, and leaves the board to the stream."""

    def change(stored: Reading | None) -> Reading:
        assert stored
        return replace(stored, name=name, metrics={**stored.metrics, **metrics}, as_of=now() + timedelta(seconds=1))

    Stats(table("stats")).update(Subject("rep", str(rep)), change)


def revenues(floor: Floor) -> dict[int, float]:
    return {rep["id"]: rep["monthlyRevenue"] for rep in floor.board()["items"]}


def test_settling_an_older_reading_does_not_move_a_newer_row_back(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.stream()

    def overtake() -> None:
        change_by_another_program(rep, "Ada", {"monthly_revenue": 200})
        floor.stream()

    with before_next_write(table("board"), overtake):
        floor.update(rep, monthlyRevenue=100)
    assert revenues(floor) == {rep: 200}
    assert floor.rep(rep)["monthlyRevenue"] == 200
    assert floor.in_line()


def test_a_clock_that_steps_back_hides_no_update(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.update(rep, monthlyRevenue=100)
    floor.clock.set_back(timedelta(seconds=5))
    floor.update(rep, monthlyRevenue=200)
    floor.update(rep, monthlySignups=3)
    floor.stream()
    (shown,) = floor.board()["items"]
    assert (shown["monthlyRevenue"], shown["monthlySignups"]) == (200, 3)
    assert floor.in_line()


def test_a_broadcast_that_begins_while_a_change_is_being_settled_is_followed_by_another(floor: Floor) -> None:
    """It may have read the board before the change, and it has served every request that was made before it."""
    rep = floor.hire("Ada")
    floor.stream()
    (waiting,) = floor.refreshes()
    change_by_another_program(rep, "Grace", {})
    begin = partial(BoardRefresh(table("connections")).acquire, waiting.key, now())
    with before_next_write(table("board"), begin):
        floor.stream()
    assert floor.board()["items"][0]["name"] == "Grace"
    assert len(floor.refreshes()) == 1


def test_a_refresh_whose_message_was_lost_holds_the_board_up_for_ten_seconds(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.stream()
    floor.said()
    floor.clock.sleep(9.9)
    floor.update(rep, monthlyRevenue=100)
    floor.stream()
    assert floor.refreshes() == []
    floor.clock.sleep(0.2)
    floor.update(rep, monthlyRevenue=200)
    floor.stream()
    assert len(floor.refreshes()) == 1
