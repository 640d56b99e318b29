"""A live stream for the demonstration: viewers who come, send heartbeats and go, as pages without a socket do.

A process of its own: heartbeats are due when they are due, whatever the local cloud is telling meanwhile.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

CHANNEL = "demo"

_TURN_SECONDS = 1.0
_TIMEOUT_SECONDS = 60
_SEED = 5

# Seconds since the start, and how many watch by then: ten within a minute, twenty-five within three.
_STORY: tuple[tuple[float, int], ...] = ((0, 2), (50, 12), (170, 28), (300, 34))
_AFTERWARDS = (22, 36)
_STAY_SECONDS = (60, 900)
_PARTING = 0.8
"""How many of those who go say so; the others just close the lid."""


@dataclass(slots=True)
class Viewer:
    """Somebody who is watching."""

    viewer_id: str
    token: str
    beats_at: float
    goes_at: float


@dataclass(slots=True)
class Crowd:
    """Everybody who is watching the channel."""

    http: httpx.Client
    clock: Callable[[], float] = time.monotonic
    dice: random.Random = field(default_factory=lambda: random.Random(_SEED))  # noqa: S311 - a story, no secret
    watching: list[Viewer] = field(default_factory=list)
    _started: float | None = None
    _wanted: int = 0

    def turn(self) -> None:
        """Send the heartbeats that are due; then at most one comes, and at most one goes."""
        now = self.clock()
        if self._started is None:
            self._started = now
        for viewer in [viewer for viewer in self.watching if viewer.beats_at <= now]:
            self._beat(viewer, now)
        wanted = self._how_many(now - self._started)
        going = [viewer for viewer in self.watching if viewer.goes_at <= now] or self.watching[wanted:]
        if going:
            self._go(going[0])
        if len(self.watching) < wanted:
            self._come(now)

    def _how_many(self, seconds: float) -> int:
        if seconds < _STORY[-1][0]:
            after = bisect_right([at for at, _ in _STORY], seconds)
            (began, fewer), (ends, more) = _STORY[after - 1], _STORY[after]
            return int(fewer + (more - fewer) * (seconds - began) / (ends - began))
        if not self._wanted or len(self.watching) == self._wanted:
            self._wanted = self.dice.randint(*_AFTERWARDS)
        return self._wanted

    def _come(self, now: float) -> None:
        answer = self._ask("join", {"channelId": CHANNEL})
        if answer.status_code == httpx.codes.OK:
            joined = answer.json()
            stays = self.dice.uniform(*_STAY_SECONDS)
            beats_at = now + joined["heartbeatInterval"] / 1000
            self.watching.append(Viewer(joined["viewerId"], joined["token"], beats_at, now + stays))

    def _beat(self, viewer: Viewer, now: float) -> None:
        answer = self._ask("heartbeat", self._who(viewer))
        if answer.status_code == httpx.codes.NOT_FOUND:
            self.watching.remove(viewer)
        elif answer.is_success:
            viewer.beats_at = now + answer.json()["heartbeatInterval"] / 1000

    def _go(self, viewer: Viewer) -> None:
        self.watching.remove(viewer)
        if self.dice.random() < _PARTING:
            self._ask("leave", self._who(viewer))

    def _who(self, viewer: Viewer) -> dict[str, str]:
        return {"channelId": CHANNEL, "viewerId": viewer.viewer_id, "token": viewer.token}

    def _ask(self, what: str, body: dict[str, str]) -> httpx.Response:
        return self.http.post(f"/api/viewer/{what}", json=body)


def main() -> None:
    """Until ended, or until nobody answers any more."""
    parser = argparse.ArgumentParser(prog="python -m local.viewers", description=__doc__)
    parser.add_argument("--api", required=True, metavar="URL")
    options = parser.parse_args()
    with httpx.Client(base_url=options.api, timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
        crowd = Crowd(http)
        while True:
            try:
                crowd.turn()
            except httpx.TransportError as error:
                sys.exit(f"nobody answers: {error!r}")
            time.sleep(_TURN_SECONDS)


if __name__ == "__main__":
    main()
