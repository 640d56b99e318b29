"""Simulated viewers of the demo's live stream, who join, send heartbeats and leave as pages without a socket do.

A separate process, so that heartbeats are on time whatever else the local cloud is doing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle

import httpx

CHANNEL = "demo"

_HOMES = tuple(f"127.0.0.{number}" for number in range(2, 22))
_TURN_SECONDS = 1.0
_TIMEOUT_SECONDS = 60
_SEED = 5

# Seconds since the start, and the number of viewers by then: ten within a minute, twenty-five within three.
_GROWTH: tuple[tuple[float, int], ...] = ((0, 2), (50, 12), (170, 28), (300, 34))
_AFTERWARDS = (22, 36)
_STAY_SECONDS = (60, 900)
_LEAVE_SHARE = 0.8
"""The share of departing viewers who send a leave; the others just disappear."""


@dataclass(slots=True)
class Viewer:
    viewer_id: str
    token: str
    next_beat_at: float
    leaves_at: float


@dataclass(slots=True)
class Crowd:
    """All viewers of the channel."""

    http: httpx.Client
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=lambda: random.Random(_SEED))  # noqa: S311 - simulation, no secret
    watching: list[Viewer] = field(default_factory=list)
    _started: float | None = None
    _wanted: int = 0

    def turn(self) -> None:
        """Send the heartbeats that are due; then at most one viewer joins, and at most one leaves."""
        now = self.clock()
        if self._started is None:
            self._started = now
        for viewer in [viewer for viewer in self.watching if viewer.next_beat_at <= now]:
            self._beat(viewer, now)
        wanted = self._target(now - self._started)
        leaving = [viewer for viewer in self.watching if viewer.leaves_at <= now] or self.watching[wanted:]
        if leaving:
            self._leave(leaving[0])
        if len(self.watching) < wanted:
            self._join(now)

    def _target(self, seconds: float) -> int:
        if seconds < _GROWTH[-1][0]:
            after = bisect_right([at for at, _ in _GROWTH], seconds)
            (began, fewer), (ends, more) = _GROWTH[after - 1], _GROWTH[after]
            return int(fewer + (more - fewer) * (seconds - began) / (ends - began))
        if not self._wanted or len(self.watching) == self._wanted:
            self._wanted = self.rng.randint(*_AFTERWARDS)
        return self._wanted

    def _join(self, now: float) -> None:
        answer = self._post("join", {"channelId": CHANNEL})
        if answer.status_code == httpx.codes.OK:
            joined = answer.json()
            stays = self.rng.uniform(*_STAY_SECONDS)
            next_beat_at = now + joined["heartbeatInterval"] / 1000
            self.watching.append(Viewer(joined["viewerId"], joined["token"], next_beat_at, now + stays))

    def _beat(self, viewer: Viewer, now: float) -> None:
        answer = self._post("heartbeat", self._body(viewer))
        if answer.status_code == httpx.codes.NOT_FOUND:
            self.watching.remove(viewer)
        elif answer.is_success:
            viewer.next_beat_at = now + answer.json()["heartbeatInterval"] / 1000

    def _leave(self, viewer: Viewer) -> None:
        self.watching.remove(viewer)
        if self.rng.random() < _LEAVE_SHARE:
            self._post("leave", self._body(viewer))

    def _body(self, viewer: Viewer) -> dict[str, str]:
        return {"channelId": CHANNEL, "viewerId": viewer.viewer_id, "token": viewer.token}

    def _post(self, what: str, body: dict[str, str]) -> httpx.Response:
        return self.http.post(f"/api/viewer/{what}", json=body)


class Homes(httpx.BaseTransport):
    """Sends requests from several loopback addresses in turn: a milestone counts only a few viewers of each.

    Where the machine has one such address only (macOS), from that.
    """

    def __init__(self, addresses: tuple[str, ...] = _HOMES) -> None:
        self._fallback = httpx.HTTPTransport()
        self._homes = cycle([httpx.HTTPTransport(local_address=address) for address in addresses])

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return next(self._homes).handle_request(request)
        except httpx.ConnectError:
            return self._fallback.handle_request(request)


def main() -> None:
    """Run until stopped, or until the API is unreachable."""
    parser = argparse.ArgumentParser(prog="python -m local.viewers", description=__doc__)
    parser.add_argument("--api", required=True, metavar="URL")
    options = parser.parse_args()
    with httpx.Client(transport=Homes(), base_url=options.api, timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
        crowd = Crowd(http)
        while True:
            try:
                crowd.turn()
            except httpx.TransportError as error:
                sys.exit(f"the API is unreachable: {error!r}")
            time.sleep(_TURN_SECONDS)


if __name__ == "__main__":
    main()
