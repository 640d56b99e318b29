"""Clients of the WebSocket API that behave like `web/cairn.js`: they reconnect, and request what they missed."""

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
        """All frames received, on any connection."""
        self.connections: list[str] = []
        self.began: dict[str, int] = {}
        """Each room's newest event at the first join."""
        self._account = account
        self._fetch = board
        self._board = 0, board()
        self._back_at: datetime | None = now()

    @property
    def connected(self) -> bool:
        return bool(self.connections) and self.connections[-1] in self._account.gateway.connected

    @property
    def shown(self) -> Any:
        """The board as the visitor sees it: the latest of what was fetched on connecting, and of the refreshes."""
        shown = [(number_of(EVERYONE, one["id"]), one["data"]) for one in self.frames if one["event"] == REFRESH]
        return max([self._board, *shown], key=lambda one: one[0] or 0)[1]

    def received(self, room: str) -> list[tuple[int, dict[str, Any]]]:
        """The events of a room, by number, in the order of their arrival."""
        return [(number_of(room, one["id"]) or 0, one) for one in self.frames if one["id"] and one["room"] == room]

    def due(self) -> datetime | None:
        return self._back_at

    def step(self, invoke: Invoke) -> None:
        """Connect, and join every room after the last event received without a gap."""
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
        """The connection breaks, and API Gateway does not report it."""
        del self._account.gateway.connected[self.connections[-1]]

    def come_back(self) -> None:
        self._back_at = now()

    def _connect(self, invoke: Invoke, client: Client) -> bool:
        holder = Holder(self.name, self.name, frozenset({"leaderboard"}))
        ticket = Tickets(self._account.cloud.table("SESSIONS_TABLE")).issue(holder, now())
        request = event(client, "$connect", "CONNECT", queryStringParameters={"ticket": ticket})
        if invoke("ws_connect", request)["statusCode"] != 200:
            return False
        self._account.gateway.connected[client.connection_id] = partial(self._receive, client.connection_id)
        if not all(self._join(invoke, client, room) for room in self.rooms):
            return False
        self._board = to_millis(now()), self._fetch()
        return True

    def _join(self, invoke: Invoke, client: Client, room: str) -> bool:
        after = {"after": f"{room}/{self._last(room)}"} if room in self.began else {}
        request = json.dumps({"action": "join", "room": room} | after)
        answer = invoke("ws_connect", event(client, "$default", "MESSAGE", body=request))
        if "body" not in answer:
            return False
        joined = json.loads(answer["body"])
        assert joined["event"] == "joined", joined
        assert joined["data"]["recovered"] is bool(after), joined
        self.began.setdefault(room, number_of(room, joined["data"]["last"] or "") or 0)
        return True

    def _last(self, room: str) -> int:
        last, numbers = self.began[room], {number for number, _ in self.received(room)}
        while last + 1 in numbers:
            last += 1
        return last

    def _receive(self, connection_id: str, frame: dict[str, Any] | None) -> None:
        if frame is not None:
            self.frames.append(frame)
        elif connection_id == self.connections[-1]:
            self.come_back()
