"""The platforms as small fakes behind an httpx transport: counts to set, and a Telegram that remembers what it was sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpx


@dataclass
class FakePlatforms:
    """YouTube's channels by id, and one bot's chats. `refusals` are answered first, each once."""

    youtube: dict[str, dict[str, str]] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path)
        if self.refusals:
            return self.refusals.pop(0)
        if request.url.path.startswith("/youtube"):
            return self._youtube(request)
        return self._telegram(request.url.path.rsplit("/", 1)[1], json.loads(request.content))

    def _youtube(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        ids = params["id"].split(",") if "id" in params else [i for i in self.youtube if params["forHandle"][1:] in i]
        items = [
            {"id": one, "snippet": {"title": one, "customUrl": f"@{one}"}, "statistics": self.youtube[one]}
            for one in reversed(ids)
            if one in self.youtube
        ]
        return httpx.Response(200, json={"kind": "youtube#channelListResponse", "items": items} if items else {})

    def _telegram(self, method: str, body: dict[str, object]) -> httpx.Response:
        if method == "sendMessage":
            self.sent.append((str(body["chat_id"]), str(body["text"])))
            return httpx.Response(200, json={"ok": True, "result": {"message_id": len(self.sent)}})
        chat = body["chat_id"]
        if isinstance(chat, int) and chat in self.members:
            return httpx.Response(200, json={"ok": True, "result": self.members[chat]})
        answer = {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}
        return httpx.Response(400, json=answer)
