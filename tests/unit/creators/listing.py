"""Fanvue's list of earnings as it behaves: a cursor is a position, which rows that arrive between answers shift."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from cairn.clock import from_iso, iso
from cairn.creators.limiter import Limiter
from cairn.creators.model import Creator
from cairn.creators.platforms.fanvue import Fanvue
from cairn.upstream import Upstream
from tests.unit.scripted import NOON, FakeClock, Script

UUID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
CREATOR = Creator("c1", "a1", "Mira", "fanvue", UUID, added_at=NOON)
Row = Mapping[str, Any]


@dataclass
class Bearing:
    """Credentials that are what the test says: after a refusal, the next of `others`."""

    current: str = "FV-key"
    own: bool = False
    others: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def token(self) -> str:
        return self.current

    def renew(self, rejected: str) -> str | None:
        self.refused.append(rejected)
        if not self.others:
            return None
        self.current = self.others.pop(0)
        return self.current


def fanvue(
    answer: Callable[[httpx.Request], httpx.Response],
    clock: FakeClock | None = None,
    credentials: Bearing | None = None,
    creator: Creator = CREATOR,
) -> Fanvue:
    clock = clock or FakeClock()
    http = httpx.Client(transport=httpx.MockTransport(answer))
    upstream = Upstream("fanvue", http, "http://fanvue.test", clock=clock, sleep=clock.sleep, secrets={"FV-key"})
    limiter = Limiter("fanvue", clock=clock, sleep=clock.sleep)
    return Fanvue(upstream, limiter, credentials or Bearing(), creator)


def scripted(*answers: httpx.Response, clock: FakeClock | None = None) -> tuple[Fanvue, Script]:
    script = Script(list(answers))
    return fanvue(script, clock), script


def row(at: datetime, gross: object = 100, **more: object) -> dict[str, Any]:
    """As documented."""
    user = {"uuid": "u1", "handle": "ada", "displayName": "Ada", "nickname": None, "isTopSpender": False}
    return {
        "date": iso(at),
        "gross": gross,
        "net": gross,
        "currency": "USD",
        "source": "tip",
        "user": user,
        "transactionOrderId": "o1",
        **more,
    }


def page(*rows: Row, cursor: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"data": list(rows), "nextCursor": cursor})


@dataclass
class Listing:
    """The list, newest first. `arriving` has what arrives after each answer, in turn."""

    rows: Sequence[Row]
    arriving: list[Sequence[Row]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    size: int = 50

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        self.asked.append(query)
        since, until = from_iso(query["startDate"]), from_iso(query["endDate"])
        found = sorted(
            (one for one in self.rows if since <= from_iso(one["date"]) < until),
            key=lambda one: from_iso(one["date"]),
            reverse=True,
        )
        at, size = int(query.get("cursor", 0)), min(int(query["size"]), self.size)
        answer = page(*found[at : at + size], cursor=str(at + size) if len(found) > at + size else None)
        if self.arriving:
            # What is new comes first among what is equally old.
            self.rows = [*self.arriving.pop(0), *self.rows]
        return answer
