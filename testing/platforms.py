"""Small fakes of HTTP services behind a transport: the platforms, with settable counts and a log of Telegram messages,
and the user pool's keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from testing.user_pool import moto_keys


def counts(subscribers: object, views: object = 7, videos: object = 3) -> dict[str, str]:
    """The statistics of a YouTube channel."""
    return {"subscriberCount": str(subscribers), "viewCount": str(views), "videoCount": str(videos)}


@dataclass
class FakePlatforms:
    """YouTube's and Telegram's channels by id, Instagram's by name, and one bot's chats.

    `refusals` are returned first, each once; a platform in `broken` answers with its function, and so does a channel in
    `broken_channels`, by YouTube's or Telegram's id or Instagram's name, alone or among others of a call.
    """

    youtube: dict[str, dict[str, str]] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    """Handles of YouTube's channels that are not made of the id."""
    usernames: dict[int, str | None] = field(default_factory=dict)
    """What getChat says of Telegram's channels; None for one without a public name."""
    instagram: dict[str, dict[str, object]] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    message_bytes: int = 0
    """Of all requests to send a message, without TLS."""
    calls: list[str] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)
    broken: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    broken_channels: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    user_pool_keys: object = None
    """The keys that the pool publishes; None is moto's signing key."""

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path)
        if self.refusals:
            return self.refusals.pop(0)
        platform = request.url.path.split("/")[1]
        if platform == "crm":
            return httpx.Response(204)
        if platform in self.broken:
            return self.broken[platform]()
        for channel in _requested(platform, request):
            if channel in self.broken_channels:
                return self.broken_channels[channel]()
        if platform == "youtube":
            return self._youtube(request)
        if platform == "instagram":
            return self._instagram(request.url.params["fields"])
        if platform == "people":
            keys = moto_keys() if self.user_pool_keys is None else json.dumps(self.user_pool_keys)
            return httpx.Response(200, text=keys)
        if request.url.path.endswith("/sendMessage"):
            self.message_bytes += len(str(request.url)) + len(request.content)
            self.message_bytes += sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
        return self._telegram(request.url.path.rsplit("/", 1)[1], json.loads(request.content))

    def _youtube(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        ids = params["id"].split(",") if "id" in params else [i for i in self.youtube if params["forHandle"][1:] in i]
        items = [
            {
                "id": one,
                "snippet": {"title": one, "customUrl": self.handles.get(one, f"@{one}")},
                "statistics": self.youtube[one],
            }
            for one in reversed(ids)
            if one in self.youtube
        ]
        return httpx.Response(200, json={"kind": "youtube#channelListResponse", "items": items} if items else {})

    def _instagram(self, fields: str) -> httpx.Response:
        username = fields.partition("username(")[2].partition(")")[0]
        if username in self.instagram:
            found = {"username": username} | self.instagram[username]
            return httpx.Response(200, json={"business_discovery": found, "id": "17841400000000000"})
        error = {"message": "Invalid user id", "type": "OAuthException", "code": 110, "error_subcode": 2207013}
        return httpx.Response(400, json={"error": error})

    def _telegram(self, method: str, body: dict[str, object]) -> httpx.Response:
        if method == "sendMessage":
            self.sent.append((str(body["chat_id"]), str(body["text"])))
            return httpx.Response(200, json={"ok": True, "result": {"message_id": len(self.sent)}})
        chat = body["chat_id"]
        if method == "getChat" and isinstance(chat, int) and chat in self.usernames:
            name = {"username": self.usernames[chat]} if self.usernames[chat] else {}
            return httpx.Response(
                200, json={"ok": True, "result": {"id": chat, "type": "channel", "title": "T", **name}}
            )
        if isinstance(chat, int) and chat in self.members:
            return httpx.Response(200, json={"ok": True, "result": self.members[chat]})
        if method == "getChat" and isinstance(chat, str) and chat.removeprefix("@chat").isdigit():
            found = {"id": -int(chat.removeprefix("@chat")), "type": "channel", "username": chat[1:], "title": chat[1:]}
            return httpx.Response(200, json={"ok": True, "result": found})
        answer = {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}
        return httpx.Response(400, json=answer)


def graph_error(code: int, subcode: int | None = None, status: int = 400) -> httpx.Response:
    """An error of Instagram's API."""
    error = {"message": f"(#{code}) no", "type": "OAuthException", "code": code, "error_subcode": subcode}
    return httpx.Response(status, json={"error": error})


def _requested(platform: str, request: httpx.Request) -> list[str]:
    """The ids or names of the channels whose counts a request asks for."""
    params = request.url.params
    if platform == "youtube":
        return str(params.get("id", "")).split(",")
    if platform == "instagram":
        return [params["fields"].partition("username(")[2].partition(")")[0]]
    if platform == "telegram" and not request.url.path.endswith("/sendMessage"):
        return [str(json.loads(request.content)["chat_id"])]
    return []
