"""Three platforms whose counts a test sets, and a Telegram bot API with holds and chats that block or migrate."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from testing.clock import ControlledClock


@dataclass
class Platforms:
    clock: ControlledClock | None = None
    counts: dict[str, int | None] = field(default_factory=dict)
    """Subscribers by `platform:id`; None is a hidden count."""
    failing: dict[str, httpx.Response] = field(default_factory=dict)
    """What a channel's platform answers whenever it is asked for this channel, by `platform:id`, or by the platform."""
    blocked: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    """Chats for which Telegram answers with 500."""
    refusal: tuple[int, str] | None = None
    """What Telegram answers to every message."""
    chat_holds: dict[str, int] = field(default_factory=dict)
    """Seconds for which Telegram holds a chat from its next message on."""
    migrated: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    """The ids of public chats by `@name`."""
    holds: dict[int, int] = field(default_factory=dict)
    """Seconds for which the bot is held, by the number of messages sent before."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    held_until: datetime | None = None
    chats_held_until: dict[str, datetime] = field(default_factory=dict)
    sent_while_held: int = 0
    """Messages to a held chat after Telegram had asked to wait."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/sendMessage"):
            return self._send(json.loads(request.content))
        platform = path.split("/")[1]
        if path.endswith("/getChat"):
            return _ok({"id": int(self.named[json.loads(request.content)["chat_id"]]), "type": "channel"})
        ids = _asked(platform, request)
        for failing in (platform, *(f"{platform}:{native_id}" for native_id in ids)):
            if failing in self.failing:
                return self.failing[failing]
        if platform == "youtube":
            return self._youtube(ids)
        return self._instagram(ids[0]) if platform == "instagram" else self._members(ids[0])

    def _youtube(self, ids: list[str]) -> httpx.Response:
        items = []
        for native_id in ids:
            count = self.counts[f"youtube:{native_id}"]
            shown = {"hiddenSubscriberCount": True} if count is None else {"subscriberCount": str(count)}
            items.append({"id": native_id, "statistics": {"viewCount": "1", "videoCount": "2", **shown}})
        return httpx.Response(200, json={"items": items})

    def _instagram(self, username: str) -> httpx.Response:
        found = next(count for key, count in self.counts.items() if key.startswith("instagram:") and username in key)
        discovery = {"followers_count": found, "media_count": 3, "id": username, "username": username}
        return httpx.Response(200, json={"business_discovery": discovery, "id": "1"})

    def _members(self, chat: str) -> httpx.Response:
        return _ok(self.counts[f"telegram:{chat}"])

    def _send(self, body: dict[str, Any]) -> httpx.Response:
        assert self.clock
        chat = str(body["chat_id"])
        if seconds := self.holds.pop(len(self.sent), 0):
            self.held_until = self.clock.now() + timedelta(seconds=seconds)
        if self.held_until and self.clock.now() < self.held_until:
            wait = -(-(self.held_until - self.clock.now()) // timedelta(seconds=1))
            return _error(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        if self.refusal:
            return _error(*self.refusal)
        if chat in self.broken:
            return _error(500, "Internal Server Error")
        if seconds := self.chat_holds.pop(chat, 0):
            self.chats_held_until[chat] = self.clock.now() + timedelta(seconds=seconds)
        if (until := self.chats_held_until.get(chat)) and until > self.clock.now():
            self.sent_while_held += seconds == 0
            wait = -(-(until - self.clock.now()) // timedelta(seconds=1))
            return _error(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        if chat in self.blocked:
            return _error(403, "Forbidden: bot was blocked by the user")
        if chat in self.migrated:
            new = int(self.migrated[chat])
            return _error(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new)
        self.sent.append((chat, str(body["text"])))
        return _ok({"message_id": len(self.sent)})


def _asked(platform: str, request: httpx.Request) -> list[str]:
    """The ids of the channels whose counts are asked for; an Instagram name is its id."""
    if platform == "youtube":
        return str(request.url.params["id"]).split(",")
    if platform == "instagram":
        return [request.url.params["fields"].partition("username(")[2].partition(")")[0]]
    return [str(json.loads(request.content)["chat_id"])]


def _ok(result: object) -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "result": result})


def _error(code: int, description: str, **parameters: int) -> httpx.Response:
    body = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return httpx.Response(code, json=body)
