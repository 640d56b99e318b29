"""Sockets that ended without our being told, and how long anybody waits for their being found."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cairn.clock import now
from functions.count_viewers.stale_sockets import StaleSockets
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.rooms import presence_of
from testing.websocket_api import FakePoster

HOUR = timedelta(hours=1)


class Gone(FakePoster):
    """Those whose names begin with it are."""

    async def is_open(self, connection_id: str) -> bool:
        await super().is_open(connection_id)
        return not connection_id.startswith("gone")


def watching(aws: Cloud, *names: str) -> None:
    for number, name in enumerate(names):
        presence_of(aws).enter("demo", f"viewer{number:016}", f"s{name}", now() + HOUR)


def left(aws: Cloud) -> list[str]:
    return sorted(seat.tab[1:] for seat in presence_of(aws).some_sockets("demo", 100))


def test_sockets_that_are_gone_are_taken_out_and_others_stay(aws: Cloud) -> None:
    watching(aws, "gone-1", "stays", "gone-2")
    StaleSockets(presence_of(aws), Gone()).prune("demo")
    assert left(aws) == ["stays"]


def test_nobody_is_asked_twice_in_a_short_time(aws: Cloud, clock: ControlledClock) -> None:
    watching(aws, "gone-1")
    found = StaleSockets(presence_of(aws), Gone())
    found.prune("demo")
    watching(aws, "gone-2")
    found.prune("demo")
    assert left(aws) == ["gone-2"]
    clock.sleep(21)
    found.prune("demo")
    assert left(aws) == []


def test_a_socket_of_which_nothing_is_answered_holds_nobody_back_for_long(aws: Cloud) -> None:
    class Slow(Gone):
        async def is_open(self, connection_id: str) -> bool:
            if connection_id == "slow":
                await asyncio.sleep(60)
            return await super().is_open(connection_id)

    watching(aws, "slow", "gone-1", "stays")
    StaleSockets(presence_of(aws), Slow(), longest=timedelta(seconds=0.2)).prune("demo")
    assert left(aws) == ["slow", "stays"], "what was known by then was done"
