"""What lies outside of the account: three platforms, Telegram's chats, and the user pool's published keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.upgrade import product


@dataclass
class World:
    counts: dict[str, int | None] = field(default_factory=dict)
    """Subscribers by `platform:id`; None is a hidden count, and a channel that is absent is unknown."""
    names: dict[str, str] = field(default_factory=dict)
    """The handles of Telegram's and Instagram's channels, by `platform:id`."""
    blocked: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    """Chats for which Telegram accepts a message and does not answer in time."""
    hold_seconds: int = 0
    """The next two messages are answered with 429, and the bot is held for so long."""
    held_chats: set[str] = field(default_factory=set)
    limited: set[str] = field(default_factory=set)
    """Platforms that ask to be left alone."""
    slow: dict[str, float] = field(default_factory=dict)
    """How many seconds a platform's counts take."""
    sleep: Callable[[float], None] = lambda _: None
    asked: list[str] = field(default_factory=list)
    """The platforms whose counts were asked for."""
    unanswered: list[str] = field(default_factory=list)
    """The mute chats that were sent a message."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """Telegram messages: chat and text."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        platform = request.url.path.split("/")[1]
        if platform == "people":
            return httpx.Response(200, text=product.moto_keys())
        if platform == "telegram":
            return self._telegram(request)
        self.asked.append(platform)
        self.sleep(self.slow.get(platform, 0))
        return self._youtube(request) if platform == "youtube" else self._instagram(request)

    def _youtube(self, request: httpx.Request) -> httpx.Response:
        items = [
            self._video_channel(one) for one in request.url.params["id"].split(",") if f"youtube:{one}" in self.counts
        ]
        return httpx.Response(200, json={"items": items})

    def _video_channel(self, native_id: str) -> dict[str, Any]:
        count = self.counts[f"youtube:{native_id}"]
        shown = {"hiddenSubscriberCount": True} if count is None else {"subscriberCount": str(count)}
        name = native_id.removeprefix("UC").rstrip("0")
        snippet = {"title": name.title(), "customUrl": f"@{name}"}
        return {"id": native_id, "snippet": snippet, "statistics": {"viewCount": "1000", "videoCount": "20", **shown}}

    def _instagram(self, request: httpx.Request) -> httpx.Response:
        if "instagram" in self.limited:
            error = {"message": "Application request limit reached", "type": "OAuthException", "code": 4}
            return httpx.Response(400, json={"error": error})
        handle = request.url.params["fields"].partition("username(")[2].partition(")")[0]
        native_id = next(key for key, name in self.names.items() if name == handle).partition(":")[2]
        count = self.counts[f"instagram:{native_id}"]
        found = {"id": native_id, "username": handle, "name": handle.title(), "followers_count": count}
        return httpx.Response(200, json={"business_discovery": found, "id": "1"})

    def _telegram(self, request: httpx.Request) -> httpx.Response:
        method, body = request.url.path.rsplit("/", 1)[1], json.loads(request.content)
        chat = str(body["chat_id"])
        if method == "sendMessage":
            return self._send(request, chat, str(body["text"]))
        if method == "getChat":
            ids = {f"@{name}": key.partition(":")[2] for key, name in self.names.items()}
            native_id = ids.get(chat, chat)
            title = next(handle for handle, one in ids.items() if one == native_id).removeprefix("@")
            return _good({"id": int(native_id), "type": "channel", "username": title, "title": title.title()})
        self.asked.append("telegram")
        self.sleep(self.slow.get("telegram", 0))
        return _good(self.counts[f"telegram:{chat}"])

    def _send(self, request: httpx.Request, chat: str, text: str) -> httpx.Response:
        if self.hold_seconds:
            seconds = self.hold_seconds
            self.held_chats.add(chat)
            if len(self.held_chats) == 2:
                self.hold_seconds = 0
            return _bad(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        if chat in self.mute:
            self.unanswered.append(chat)
            raise httpx.ReadTimeout("no answer", request=request)
        if chat in self.blocked:
            return _bad(403, "Forbidden: bot was blocked by the user")
        self.sent.append((chat, text))
        return _good({"message_id": len(self.sent)})


def _good(result: object) -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "result": result})


def _bad(code: int, description: str, **parameters: int) -> httpx.Response:
    body = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return httpx.Response(code, json=body)
