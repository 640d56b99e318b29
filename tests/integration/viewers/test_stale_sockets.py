"""Sockets that closed without notice are found, and the search holds nobody back for long."""

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
    """Sockets whose names begin with `gone` are closed."""

    async def is_open(self, connection_id: str) -> bool:
        await super().is_open(connection_id)
        return not connection_id.startswith("gone")


def watching(aws: Cloud, *names: str) -> None:
    for number, name in enumerate(names):
        presence_of(aws).enter("demo", f"viewer{number:016}", f"s{name}", now() + HOUR)


def remaining(aws: Cloud) -> list[str]:
    return sorted(slot.tab[1:] for slot in presence_of(aws).some_sockets("demo", 100))


def test_closed_sockets_are_removed_and_others_stay(aws: Cloud) -> None:
    watching(aws, "gone-1", "stays", "gone-2")
    StaleSockets(presence_of(aws), Gone()).prune("demo")
    assert remaining(aws) == ["stays"]


def test_a_channel_is_not_probed_twice_in_a_short_time(aws: Cloud, clock: ControlledClock) -> None:
    watching(aws, "gone-1")
    found = StaleSockets(presence_of(aws), Gone())
    found.prune("demo")
    watching(aws, "gone-2")
    found.prune("demo")
    assert remaining(aws) == ["gone-2"]
    clock.sleep(21)
    found.prune("demo")
    assert remaining(aws) == []


def test_a_socket_whose_probe_hangs_holds_nobody_back_for_long(aws: Cloud) -> None:
    class Slow(Gone):
        async def is_open(self, connection_id: str) -> bool:
            if connection_id == "slow":
                await asyncio.sleep(60)
            return await super().is_open(connection_id)

    watching(aws, "slow", "gone-1", "stays")
    StaleSockets(presence_of(aws), Slow(), max_duration=timedelta(seconds=0.2)).prune("demo")
    assert remaining(aws) == ["slow", "stays"], "what was known by then was done"
