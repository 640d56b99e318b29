"""Clients of the WebSocket API as `web/cairn.js` is one: whoever was closed comes back and asks for what it missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from cairn.clock import now, to_millis
from cairn.leaderboard.announce import REFRESH
from cairn.realtime.frames import number_of
from cairn.realtime.tickets import Holder, Tickets
from cairn.rooms import EVERYONE
from testing.account import Account
from testing.functions import InvocationFailedError, Invoke
from testing.websocket_client import Client, event

BACK_AFTER = timedelta(seconds=1)


class Visitor:
    """Somebody who sees the leaderboard, and is in these rooms from the first connection on."""

    def __init__(self, account: Account, name: str, *rooms: str, board: Callable[[], Any]) -> None:
        self.name = name
        self.rooms = rooms
        self.frames: list[dict[str, Any]] = []
        """All that was ever heard, on whichever connection."""
        self.connections: list[str] = []
        self.began: dict[str, int] = {}
        """Each room's newest event when this one came first."""
        self._account = account
        self._fetch = board
        self._board = 0, board()
        self._back_at: datetime | None = now()

    @property
    def connected(self) -> bool:
        return bool(self.connections) and self.connections[-1] in self._account.gateway.connected

    @property
    def shown(self) -> Any:
        """The board as this one sees it: the latest of what was fetched on coming, and of the refreshes."""
        shown = [(number_of(EVERYONE, one["id"]), one["data"]) for one in self.frames if one["event"] == REFRESH]
        return max([self._board, *shown], key=lambda one: one[0] or 0)[1]

    def heard(self, room: str) -> list[tuple[int, dict[str, Any]]]:
        """The events of a room, by number, in the order in which they came."""
        return [(number_of(room, one["id"]) or 0, one) for one in self.frames if one["id"] and one["room"] == room]

    def due(self) -> datetime | None:
        return self._back_at

    def step(self, invoke: Invoke) -> None:
        """Connect, and join every room after the last event that is known without a gap."""
        client = Client(f"{self.name}{len(self.connections)}")
        self.connections.append(client.connection_id)
        self._back_at = now() + BACK_AFTER
        with suppress(InvocationFailedError):
            if self._connect(invoke, client):
                self._back_at = None
                return
        if self._account.gateway.connected.pop(client.connection_id, None):
            with suppress(InvocationFailedError):
                invoke("ws_connect", event(client, "$disconnect", "DISCONNECT"))

    def vanish(self) -> None:
        """The connection breaks, and nobody is told."""
        del self._account.gateway.connected[self.connections[-1]]

    def come_back(self) -> None:
        self._back_at = now()

    def _connect(self, invoke: Invoke, client: Client) -> bool:
        holder = Holder(self.name, self.name, frozenset({"leaderboard"}))
        ticket = Tickets(self._account.cloud.table("CONNECTIONS_TABLE")).issue(holder, now())
        asked = event(client, "$connect", "CONNECT", queryStringParameters={"ticket": ticket})
        if invoke("ws_connect", asked)["statusCode"] != 200:
            return False
        self._account.gateway.connected[client.connection_id] = partial(self._hear, client.connection_id)
        if not all(self._join(invoke, client, room) for room in self.rooms):
            return False
        self._board = to_millis(now()), self._fetch()
        return True

    def _join(self, invoke: Invoke, client: Client, room: str) -> bool:
        after = {"after": f"{room}/{self._known(room)}"} if room in self.began else {}
        asked = json.dumps({"action": "join", "room": room} | after)
        answer = invoke("ws_connect", event(client, "$default", "MESSAGE", body=asked))
        if "body" not in answer:
            return False
        said = json.loads(answer["body"])
        assert said["event"] == "joined", said
        assert said["data"]["recovered"] is bool(after), said
        self.began.setdefault(room, number_of(room, said["data"]["last"] or "") or 0)
        return True

    def _known(self, room: str) -> int:
        known, numbers = self.began[room], {number for number, _ in self.heard(room)}
        while known + 1 in numbers:
            known += 1
        return known

    def _hear(self, connection_id: str, frame: dict[str, Any] | None) -> None:
        if frame is not None:
            self.frames.append(frame)
        elif connection_id == self.connections[-1]:
            self.come_back()
