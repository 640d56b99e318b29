"""The viewers of each channel, for the fake backend: Cairn's viewer routes, and counts published to the rooms."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web

WINDOW = 60
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
}


def iso(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Audience:
    """Viewers by socket and by token. A test adds a crowd and a history, and rejects sockets."""

    def __init__(
        self, origin: str, post: Callable[[str, dict[str, Any]], Awaitable[None]], clock: Callable[[], datetime]
    ) -> None:
        self.crowd: dict[str, int] = {}
        """Additional viewers of a channel, without a connection."""
        self.names: dict[str, str] = {}
        self.followers: dict[str, dict[str, Any]] = {}
        self.curve: list[dict[str, Any]] = []
        self.peak: dict[str, Any] | None = None
        self.sockets_rejected = False
        self.interval = 30_000
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """The bodies of joins, heartbeats and leaves."""
        self._tabs: dict[str, dict[object, str]] = {}
        self._announced: set[str] = set()
        self._origin, self._post, self._clock = origin, post, clock

    def count(self, channel: str) -> dict[str, Any]:
        tabs, crowd = self._tabs.get(channel, {}), self.crowd.get(channel, 0)
        return {
            "channelId": channel,
            "viewers": len(set(tabs.values())) + crowd,
            "connections": len(tabs) + crowd,
            "asOf": iso(self._clock()),
            "window": WINDOW,
        }

    def last_count(self, room: str) -> dict[str, Any] | None:
        channel = room.removeprefix("channel:")
        return self.count(channel) if channel in self._announced else None

    async def joined(self, socket: object, room: str, viewer: str | None) -> None:
        if room.startswith("channel:"):
            channel = room.removeprefix("channel:")
            self._tabs.setdefault(channel, {})[socket] = viewer or secrets.token_urlsafe(16)
            await self.announce(channel)

    async def closed(self, socket: object) -> None:
        for channel, tabs in self._tabs.items():
            if tabs.pop(socket, None):
                await self.announce(channel)

    async def announce(self, channel: str) -> None:
        room, count = f"channel:{channel}", self.count(channel)
        self._announced.add(channel)
        frame = {"id": None, "event": "viewers:count", "room": room, "at": count["asOf"], "data": count}
        await self._post(room, frame)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        what, channel = request.match_info["what"], request.match_info.get("channel", "")
        if request.method == "POST":
            body = json.loads(await request.text())
            self.requests.append((what, body))
            return await {"join": self._join, "heartbeat": self._heartbeat, "leave": self._leave}[what](body)
        responses = {"count": self.count, "curve": self._curve, "channel": self._channel}
        return web.json_response(responses[what](channel), headers=ANY_ORIGIN)

    async def _join(self, body: dict[str, Any]) -> web.Response:
        channel, token = body["channelId"], f"0.{secrets.token_urlsafe(16)}"
        viewer = body.get("viewerId") or secrets.token_urlsafe(16)
        self._tabs.setdefault(channel, {})[token] = viewer
        await self.announce(channel)
        return self._heartbeat_response(channel, viewerId=viewer, token=token)

    async def _heartbeat(self, body: dict[str, Any]) -> web.Response:
        channel = body["channelId"]
        if body["token"] not in self._tabs.get(channel, {}):
            return web.json_response({"error": "not present any more", "details": []}, status=404, headers=ANY_ORIGIN)
        return self._heartbeat_response(channel)

    async def _leave(self, body: dict[str, Any]) -> web.Response:
        if self._tabs.get(body["channelId"], {}).pop(body["token"], None):
            await self.announce(body["channelId"])
        return web.Response(status=204, headers=ANY_ORIGIN)

    def _heartbeat_response(self, channel: str, **more: str) -> web.Response:
        viewers = self.count(channel)["viewers"]
        return web.json_response(more | {"viewers": viewers, "heartbeatInterval": self.interval}, headers=ANY_ORIGIN)

    def _curve(self, channel: str) -> dict[str, Any]:
        return {"channelId": channel, "items": self.curve, "peak": self.peak}

    def _channel(self, channel: str) -> dict[str, Any]:
        return {
            "channelId": channel,
            "name": self.names.get(channel),
            "webSocketUrl": f"{self._origin.replace('http', 'ws', 1)}/sockets",
            "heartbeatInterval": self.interval,
            "countInterval": 2000,
            "followers": self.followers.get(channel),
        }
