"""Sockets that ended without our being told, and how long anybody waits for their being found."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cairn.instants import now
from functions.count_viewers.ghosts import Ghosts
from tests.support.clock import ControlledClock
from tests.support.cloud import Cloud
from tests.support.posting import FakePoster
from tests.support.viewing import presence_of

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
    Ghosts(presence_of(aws), Gone()).lay("demo")
    assert left(aws) == ["stays"]


def test_nobody_is_asked_twice_in_a_short_time(aws: Cloud, clock: ControlledClock) -> None:
    watching(aws, "gone-1")
    found = Ghosts(presence_of(aws), Gone())
    found.lay("demo")
    watching(aws, "gone-2")
    found.lay("demo")
    assert left(aws) == ["gone-2"]
    clock.sleep(21)
    found.lay("demo")
    assert left(aws) == []


def test_a_socket_of_which_nothing_is_answered_holds_nobody_back_for_long(aws: Cloud) -> None:
    class Slow(Gone):
        async def is_open(self, connection_id: str) -> bool:
            if connection_id == "slow":
                await asyncio.sleep(60)
            return await super().is_open(connection_id)

    watching(aws, "slow", "gone-1", "stays")
    Ghosts(presence_of(aws), Slow(), longest=timedelta(seconds=0.2)).lay("demo")
    assert left(aws) == ["slow", "stays"], "what was known by then was done"
