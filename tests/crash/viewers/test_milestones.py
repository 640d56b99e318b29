"""A milestone of viewers has to last, and nobody reaches one alone: floods and audiences in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.telegram.subscribers import Subscribers
from testing.account import Account, account
from testing.viewer_site import Site, Tab
from testing.websocket_client import Client
from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import items, silence
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict

CHANNEL = "demo"
CHATS = ("1", "2")
BEAT = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
LASTS = timedelta(seconds=60)
SOON = timedelta(seconds=5)
"""After a milestone has lasted: the next check, and SQS's whole seconds."""


@dataclass
class Viewer:
    site: Site
    tab: Tab
    beat_at: datetime


@dataclass
class Channel:
    """A named live channel with subscribers, and its viewers: those who send heartbeats are kept alive."""

    account: Account
    platforms: Platforms
    tabs: list[Viewer] = field(default_factory=list)

    def arrive(self, number: int, address: str) -> None:
        """A viewer who sends heartbeats."""
        site = Site(address=address)
        self.tabs.append(Viewer(site, site.join(CHANNEL, f"viewer{number:018}"), now()))

    def audience(self, size: int, first: int = 0) -> None:
        """So many viewers, each from an address of their own."""
        for number in range(first, first + size):
            self.arrive(number, f"198.51.{number // 250}.{number % 250}")

    def leave(self, count: int) -> None:
        """The last ones leave."""
        for viewer in self.tabs[-count:]:
            viewer.site.leave(viewer.tab)
        del self.tabs[-count:]

    def run(self, time: timedelta) -> None:
        """Let time pass; those who are here send heartbeats."""
        until = now() + time
        while now() < until:
            self.account.run(min(until, now() + SOON))
            for viewer in self.tabs:
                if viewer.beat_at + BEAT <= now():
                    assert viewer.site.beat(viewer.tab).status == 200
                    viewer.beat_at = now()

    @property
    def shown(self) -> int:
        return Site().count(CHANNEL)[0]

    @property
    def milestones(self) -> list[int]:
        found = [item for item in items("MILESTONES_TABLE") if item["sk"].startswith("milestone#")]
        return sorted(int(item["threshold"]) for item in found)

    @property
    def alerts(self) -> list[str]:
        """What the first subscriber was told."""
        return [text.partition("passed <b>")[2].partition("<")[0] for chat, text in self.platforms.sent if chat == "1"]


@contextmanager
def live(**settings: Any) -> Iterator[Channel]:
    platforms = Platforms()
    settings = {"live_channels": {"demo": "Demo stream"}, "viewer_joins_per_minute": 100_000} | settings
    with silence(), account(platforms.answer, **settings) as made:
        platforms.clock = made.clock
        subscribers = Subscribers(made.cloud.table("AUDIENCE_TABLE"))
        for chat in CHATS:
            subscribers.add(chat, "private", "somebody", now())
        yield Channel(made, platforms)


def test_one_address_makes_no_telephone_ring_and_the_real_milestone_is_still_announced() -> None:
    """300 joins in two minutes, which all stay; then 250 people come."""
    with live() as here:
        for number in range(300):
            here.arrive(number, "203.0.113.9")
            here.run(0.4 * SECOND)
        here.run(2 * LASTS)
        assert here.shown == 300
        assert (here.alerts, here.milestones) == ([], [])
        here.audience(250, first=1000)
        here.run(LASTS + SOON)
        assert here.shown == 550, "the number shown is not capped"
        assert (here.alerts, here.milestones) == (["250"], [250])


@pytest.mark.parametrize(
    ("addresses", "most"),
    [
        (["203.0.113.9"] * 60, 3),
        ([f"2001:db8:1:2::{number:x}" for number in range(60)], 3),
        ([f"2001:db8:1:2{number:02x}::1" for number in range(60)], 12),
        ([f"2001:db8:1:{number:x}00::1" for number in range(60)], 48),
        ([f"::ffff:203.0.113.{number // 3}" for number in range(60)], 60),
        ([f"203.0.113.{number // 3}" for number in range(60)], 60),
    ],
    ids=["an IPv4 address", "a /64", "a /56", "a /48", "mapped addresses", "20 addresses"],
)
@pytest.mark.parametrize("by_socket", [False, True], ids=["heartbeats", "sockets"])
def test_how_many_viewers_of_a_network_count(addresses: list[str], most: int, *, by_socket: bool) -> None:
    """By socket as by heartbeats; the last threshold below `most` is what is announced."""
    with live(ladders={"viewers": [3, 12, 48, 60]}) as here:
        for number, address in enumerate(addresses):
            if by_socket:
                client = Client(f"c{number}", address=address)
                assert client.connect() == 200
                assert "code" not in client.join(f"channel:{CHANNEL}")
                here.account.gateway.connected[client.connection_id] = lambda _: None
            else:
                here.arrive(number, address)
        here.run(LASTS + SOON)
        assert here.shown == 60
        assert here.milestones == [most]


def test_a_milestone_is_announced_once_it_has_lasted_though_nothing_changes() -> None:
    with live() as here:
        here.audience(26)
        here.run(LASTS - SECOND)
        assert here.milestones == []
        here.run(SECOND + SOON)
        assert (here.alerts, here.milestones) == (["25"], [25])
        here.run(3 * LASTS)
        assert here.alerts == ["25"]


def test_viewers_who_leave_before_it_has_lasted_are_no_milestone() -> None:
    with live() as here:
        here.audience(9)
        here.audience(4, first=100)
        here.run(LASTS - SOON)
        here.leave(4)
        here.run(2 * LASTS)
        assert here.milestones == []
        here.audience(4, first=200)
        here.run(LASTS - SOON)
        assert here.milestones == [], "it begins again"
        here.run(2 * SOON)
        assert here.milestones == [10]


def test_a_lower_threshold_has_lasted_while_a_higher_one_has_not() -> None:
    with live() as here:
        here.audience(12)
        here.run(LASTS / 2)
        here.audience(20, first=100)
        here.run(LASTS / 2 + SOON)
        assert here.milestones == [10]
        here.run(LASTS / 2)
        assert here.milestones == [10, 25]
        assert here.alerts == ["10", "25"]


def test_an_audience_that_shrinks_and_returns_is_not_announced_again() -> None:
    with live() as here:
        here.audience(12)
        here.run(LASTS + SOON)
        here.leave(6)
        here.run(LASTS)
        here.audience(6, first=100)
        here.run(LASTS + SOON)
        assert here.alerts == ["10"]


def test_the_settings_decide_how_many_and_how_long() -> None:
    with live(viewer_milestone_per_address=10, viewer_milestone_seconds=5) as here:
        for number in range(12):
            here.arrive(number, "203.0.113.9")
        here.run(4 * SECOND)
        assert here.milestones == []
        here.run(2 * SOON)
        assert here.milestones == [10]


def test_a_milestone_that_lasted_is_announced_once_wherever_a_function_fails(prove: Prove) -> None:
    def lasted(points: Explorer) -> Verdict:
        with live(viewer_milestone_seconds=3) as here:
            here.audience(10)
            names = ("count_viewers", "detect_milestone", "viewer_heartbeat")
            with points.at_every_call_of(here.account.wire, *names):
                here.run(2 * SOON)
            here.run(timedelta(minutes=3))
            lost = () if here.milestones == [10] and here.alerts else (f"{here.milestones}, {here.alerts}",)
            return Verdict(lost, tuple(here.account.left_behind()), len(here.alerts) - 1 if here.alerts else 0)

    prove(lasted, alike=1)
