"""A burst of changes shows the board at most once a second, and once more after the last change."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from cairn.clock import now
from cairn.errors import NotYetError
from cairn.leaderboard.board_refresh import ABANDONED_AFTER, INTERVAL, BoardRefresh
from testing.clock import ControlledClock
from testing.cloud import Cloud


@pytest.fixture
def refreshes(aws: Cloud) -> BoardRefresh:
    return BoardRefresh(aws.table("CONNECTIONS_TABLE"))


def granted(refreshes: BoardRefresh, event_id: str) -> str:
    key = refreshes.request(event_id, now())
    assert key
    return key


def test_a_change_is_shown_at_once(refreshes: BoardRefresh) -> None:
    assert refreshes.acquire(granted(refreshes, "a"), now())


def test_while_a_request_is_pending_no_other_is_granted(refreshes: BoardRefresh) -> None:
    granted(refreshes, "a")
    assert refreshes.request("b", now()) is None


def test_once_a_request_is_acquired_the_next_change_is_granted_one(refreshes: BoardRefresh) -> None:
    refreshes.acquire(granted(refreshes, "a"), now())
    assert refreshes.request("b", now())


def test_a_record_that_is_redelivered_is_granted_another_key(refreshes: BoardRefresh) -> None:
    assert granted(refreshes, "a") != granted(refreshes, "a")


def test_the_next_refresh_waits_for_its_second(refreshes: BoardRefresh, clock: ControlledClock) -> None:
    refreshes.acquire(granted(refreshes, "a"), now())
    clock.sleep(0.4)
    key = granted(refreshes, "b")
    with pytest.raises(NotYetError) as raised:
        refreshes.acquire(key, now())
    assert raised.value.until == now() + timedelta(seconds=0.6)
    clock.advance_to(raised.value.until)
    assert refreshes.acquire(key, now())


def test_a_message_whose_request_was_served_already_shows_nothing(
    refreshes: BoardRefresh, clock: ControlledClock
) -> None:
    first, second = granted(refreshes, "a"), granted(refreshes, "a")
    assert refreshes.acquire(first, now())
    assert not refreshes.acquire(second, now())
    clock.sleep(60)
    assert not refreshes.acquire(second, now())


def test_a_message_whose_function_died_acquires_again(refreshes: BoardRefresh, clock: ControlledClock) -> None:
    key = granted(refreshes, "a")
    assert refreshes.acquire(key, now())
    with pytest.raises(NotYetError):
        refreshes.acquire(key, now())
    clock.advance_to(now() + INTERVAL)
    assert refreshes.acquire(key, now())


def test_a_message_that_never_came_does_not_stop_the_board_for_ever(
    refreshes: BoardRefresh, clock: ControlledClock
) -> None:
    granted(refreshes, "lost")
    clock.advance_to(now() + ABANDONED_AFTER - timedelta(milliseconds=1))
    assert refreshes.request("b", now()) is None
    clock.sleep(0.001)
    assert refreshes.acquire(granted(refreshes, "b"), now())


@dataclass
class Floor:
    """Changes, and messages that arrive late, twice or after their function died."""

    refreshes: BoardRefresh
    clock: ControlledClock
    dice: random.Random
    version: int = 0
    shown: int = 0
    shown_at: list[datetime] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def change(self) -> None:
        self.version += 1
        for _ in range(self.dice.choice([1, 1, 2])):
            key = self.refreshes.request(f"event-{self.version}", now())
            if key:
                self.messages.append(key)

    def bring(self) -> None:
        """Deliver the first message, which stays if it is too early or its function dies."""
        if not self.messages:
            return
        try:
            acquired = self.refreshes.acquire(self.messages[0], now())
        except NotYetError as error:
            self.clock.advance_to(error.until)
            return
        if acquired:
            self.shown_at.append(now())
            if self.dice.random() < 0.3:
                return
            self.shown = self.version
        if self.dice.random() < 0.8:
            self.messages.pop(0)


@pytest.mark.parametrize("seed", range(8))
def test_however_it_goes_the_last_state_is_shown_and_never_two_in_a_second(
    refreshes: BoardRefresh, clock: ControlledClock, seed: int
) -> None:
    floor = Floor(refreshes, clock, random.Random(seed))  # noqa: S311 - a seed makes it the same each time
    for _ in range(60):
        floor.dice.choice([floor.change, floor.change, floor.bring])()
        clock.sleep(floor.dice.choice([0.0, 0.01, 0.3]))
    while floor.messages:
        floor.bring()
    assert floor.shown == floor.version
    gaps = [later - earlier for earlier, later in pairwise(floor.shown_at)]
    assert min(gaps) >= INTERVAL
