"""The rooms of a batch do not wait for each other; each room's events are in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, get_ident
from typing import Any

import pytest

from cairn.clock import now
from cairn.messages import RoomEvent
from cairn.realtime.event_log import LoggedEvent
from cairn.realtime.membership import Member
from functions.broadcast.batch import HeldBackError, Received
from functions.broadcast.broadcaster import Broadcaster
from testing.websocket_api import FakePoster

ROOMS = tuple(f"user:{number}" for number in range(5))


class Log:
    """Numbers a room's next event only once every room is at its next event."""

    def __init__(self, rooms: int) -> None:
        self._all_here = Barrier(rooms, timeout=5)
        self.last: dict[str, int] = {}
        self.threads: dict[str, set[int]] = {}
        self.broken: set[str] = set()

    def append(self, event: RoomEvent, _now: datetime) -> LoggedEvent:
        self._all_here.wait()
        self.threads.setdefault(event.room, set()).add(get_ident())
        if event.room in self.broken:
            raise ConnectionError("no answer")
        number = self.last[event.room] = self.last.get(event.room, 0) + 1
        return LoggedEvent(event.room, number, json.dumps({"id": f"{event.room}/{number}"}), event.at, "t")


class Audience:
    """Each room has a socket of its own, and one that is in every room."""

    def audience(self, room: str, at: datetime) -> list[Member]:
        return [Member(name, at - timedelta(hours=1), room) for name in (room, "everywhere")]


@pytest.fixture
def poster() -> FakePoster:
    return FakePoster(loop=asyncio.new_event_loop)  # with threads


def broadcaster(poster: FakePoster, log: Log) -> Broadcaster:
    unused: Any = None
    parts: dict[str, Any] = {"event_log": log, "sockets": Audience()}
    return Broadcaster(
        **parts, board_refresh=unused, board=unused, queue=unused, poster=poster, closer=unused, clock=now
    )


def batch(*rooms: str) -> list[Received]:
    events = [RoomEvent(room, "e", str(number), "{}", now(), None, "t") for number, room in enumerate(rooms)]
    return [Received(event, event.room) for event in events]


def deliver(
    poster: FakePoster, log: Log, received: list[Received], seconds_left: Callable[[], float] = lambda: 20
) -> dict[int, Exception]:
    return broadcaster(poster, log).deliver(received, seconds_left)


def test_the_rooms_of_a_batch_are_numbered_side_by_side(poster: FakePoster) -> None:
    """One after the other, the first would wait for the others until it fails."""
    log = Log(len(ROOMS))
    assert deliver(poster, log, batch(*ROOMS, *ROOMS)) == {}
    assert log.last == dict.fromkeys(ROOMS, 2)
    for room in ROOMS:
        assert poster.ids(room) == [f"{room}/1", f"{room}/2"]


def test_one_room_is_numbered_by_one_thread(poster: FakePoster) -> None:
    log = Log(len(ROOMS))
    deliver(poster, log, batch(*ROOMS, *ROOMS))
    assert {len(threads) for threads in log.threads.values()} == {1}


def test_a_socket_in_several_rooms_gets_their_frames_in_the_order_of_the_batch(poster: FakePoster) -> None:
    deliver(poster, Log(2), batch("user:1", "user:2", "user:2", "user:1"))
    assert poster.ids("everywhere") == ["user:1/1", "user:2/1", "user:2/2", "user:1/2"]


def test_a_room_that_fails_holds_back_only_itself(poster: FakePoster) -> None:
    log = Log(3)
    log.broken = {"user:1"}
    failed = deliver(poster, log, batch("user:1", "user:2", "user:3", "user:1"))
    assert {index: type(error) for index, error in failed.items()} == {0: ConnectionError, 3: HeldBackError}
    assert poster.ids("everywhere") == ["user:2/1", "user:3/1"]
