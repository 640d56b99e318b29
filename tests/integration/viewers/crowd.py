"""Thousands of viewers in simulated time, and an oracle that knows who is really there.

Each is a page that joins by socket or by heartbeats, perhaps in two tabs, perhaps switches from one to the other, and
ends: with a leave, or without notice. They call the functions themselves; the count queue delivers its messages.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import boto3

from cairn.aws.websocket_api import GoneError
from cairn.clock import from_millis, now
from testing.clock import ControlledClock
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.sqs import Fifo
from testing.viewer_site import Site
from testing.viewer_site import Tab as Joined
from testing.websocket_api import FakePoster, always
from testing.websocket_client import Client

SECOND = timedelta(seconds=1)
BEAT = 30 * SECOND
TIMEOUT = 60 * SECOND
LARGE = "stadium"


@dataclass(eq=False)
class Tab:
    """A page as it really is; `ended_at` is when it ended."""

    channel: str
    viewer: str
    socket: Client | None = None
    http: Joined | None = None
    beat_at: datetime | None = None
    ended_at: datetime | None = None
    lost: bool = False
    """It was a socket whose close API Gateway did not report."""

    def counts(self, at: datetime) -> bool:
        """As the count is defined: the socket is open, or the last heartbeat is younger than the time-out."""
        if self.http and self.beat_at:
            return at < self.beat_at + TIMEOUT
        return self.ended_at is None


@dataclass(frozen=True)
class Seen:
    """A count as it was stored, and what the oracle says about that instant."""

    channel: str
    at: datetime
    counted: tuple[int, int]
    defined: tuple[int, int]
    real: tuple[int, int]
    lost: int
    """Sockets that API Gateway lost and nobody has found yet."""
    oldest: timedelta
    """How long ago the first of the pages that are still counted by definition ended."""


@dataclass
class Crowd:
    clock: ControlledClock
    fifo: Fifo
    poster: FakePoster
    chance: random.Random
    tabs: dict[str, set[Tab]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    changed: dict[str, list[datetime]] = field(default_factory=dict)
    calls: int = 0
    _plan: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    _order: Any = field(default_factory=count)

    # -- what pages do

    def arrive(self, channel: str, viewer: str, *, by_socket: bool, end: str, stays: float) -> None:
        """A page is opened: it ends after so many seconds, by `leave`, `crash`, or as a socket, `lost`."""
        tab = Tab(channel, viewer)
        self._join(tab, by_socket)
        if self.chance.random() < 0.15:
            self.later(stays * self.chance.uniform(0.2, 0.8), lambda: self._switch(tab))
        self.later(stays, lambda: self._end(tab, end))

    def _join(self, tab: Tab, by_socket: bool) -> None:
        tab.http = tab.beat_at = tab.socket = None
        self.tabs.setdefault(tab.channel, set()).add(tab)
        self._changed(tab.channel)
        if by_socket:
            self._open(tab)
        else:
            tab.beat_at = now()
            tab.http = Joined(tab.channel, tab.viewer, "")
            self.calls += 1
            tab.http = Site(address=_address(next(self._order))).join(tab.channel, tab.viewer)
            self.later(BEAT.total_seconds(), lambda: self._beat(tab, tab.http))

    def _open(self, tab: Tab) -> None:
        tab.socket = Client(f"s{next(self._order)}", address=_address(next(self._order)))
        assert tab.socket.connect() == 200
        self.calls += 2
        assert "code" not in tab.socket.join(f"channel:{tab.channel}", viewer=tab.viewer)

    def _beat(self, tab: Tab, joined: Joined | None) -> None:
        if tab.ended_at or joined is None or tab.http is not joined:
            return
        tab.beat_at = now()
        self.calls += 1
        assert Site().beat(joined).status == 200
        self.later(BEAT.total_seconds(), lambda: self._beat(tab, joined))

    def _switch(self, tab: Tab) -> None:
        """Switch to the other transport: the new one first, so that the viewer is never missing."""
        if tab.ended_at:
            return
        if tab.socket:
            before, other = tab.socket, Tab(tab.channel, tab.viewer, socket=tab.socket)
            self.tabs[tab.channel].add(other)
            self._join(tab, by_socket=False)
            other.ended_at = now()
            self.tabs[tab.channel].discard(other)
            self._changed(tab.channel)
            self.calls += 1
            before.disconnect()
        else:
            assert tab.http
            joined, other = tab.http, Tab(tab.channel, tab.viewer, http=tab.http, beat_at=tab.beat_at)
            self.tabs[tab.channel].add(other)
            self._join(tab, by_socket=True)
            self.tabs[tab.channel].discard(other)
            self._changed(tab.channel)
            self.calls += 1
            assert Site().leave(joined).status == 204

    def _end(self, tab: Tab, how: str) -> None:
        tab.ended_at = now()
        if tab.http:
            if how != "leave":
                return  # only its heartbeats end
            self.tabs[tab.channel].discard(tab)
            self._changed(tab.channel)
            self.calls += 1
            assert Site().leave(tab.http).status == 204
            return
        assert tab.socket
        self.poster.answers[tab.socket.connection_id] = always(GoneError("HTTP 410"))
        tab.lost = how == "lost"
        if not tab.lost:
            self.tabs[tab.channel].discard(tab)
            self._changed(tab.channel)
            self.calls += 1
            tab.socket.disconnect()

    # -- time

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        at = now() + round(seconds * 1000) * timedelta(milliseconds=1)  # the smallest unit of the clocks here
        heapq.heappush(self._plan, (at, next(self._order), what))

    def run(self, until: datetime) -> None:
        """Do everything that is due up to then, in order."""
        while True:
            due = self.fifo.due()
            planned = self._plan[0][0] if self._plan else None
            next_at = min((one for one in (due, planned) if one), default=None)
            if next_at is None or next_at > until:
                self.clock.advance_to(until)
                return
            self.clock.advance_to(next_at)
            if planned and planned <= now():
                heapq.heappop(self._plan)[2]()
            else:
                self.calls += 1
                self.fifo.deliver(_count_viewers)

    # -- what is counted

    def watch(self) -> None:
        """Record every count that is stored, as its request is sent."""
        events: Any = boto3._get_default_session().events  # its types have handlers answer nothing
        events.register("before-call.dynamodb.UpdateItem", self._stored)

    def _stored(self, params: dict[str, Any], **_: Any) -> None:
        request = json.loads(params["body"])
        if request["Key"].get("sk") != {"S": "count"} or ":viewers" not in request["ExpressionAttributeValues"]:
            return
        sent = request["ExpressionAttributeValues"]
        values = {name[1:]: int(value["N"]) for name, value in sent.items() if "N" in value}
        at, channel = from_millis(values["as_of"]), request["Key"]["pk"]["S"]
        tabs = self.tabs.get(channel, set())
        lost = {tab for tab in tabs if tab.lost}
        present = [tab for tab in tabs - lost if tab.counts(at)]
        gone = [at - tab.ended_at for tab in present if tab.ended_at]
        self.seen.append(
            Seen(
                channel=channel,
                at=at,
                counted=(values["viewers"], values["connections"]),
                defined=_numbers(present),
                real=_numbers([tab for tab in tabs if tab.ended_at is None]),
                lost=len(lost),
                oldest=max(gone, default=timedelta(0)),
            )
        )

    def _changed(self, channel: str) -> None:
        self.changed.setdefault(channel, []).append(now())


def _numbers(tabs: list[Tab]) -> tuple[int, int]:
    return len({tab.viewer for tab in tabs}), len(tabs)


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _count_viewers(_: str, event: dict[str, Any]) -> Any:

    return FUNCTIONS["count_viewers"](event, Context(20.0))
