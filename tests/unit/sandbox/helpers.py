"""Shared by the sandbox's tests: a controlled clock, a fake webhook, and a client of the sandbox."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.sandbox import (
    SANDBOX_FANVUE_KEY,
    SANDBOX_INSTAGRAM_TOKEN,
    SANDBOX_INSTAGRAM_USER_ID,
    SANDBOX_TELEGRAM_TOKEN,
    SANDBOX_YOUTUBE_KEY,
)
from local.sandbox.clock import Clock
from local.sandbox.world import World

NOON = 1_790_000_000.0


class FakeClock(Clock):
    """Time passes only by sleep and advance."""

    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


@dataclass
class FakeWebhook:
    """The bot's webhook: 500 for `broken_chats`, otherwise each of `answers` in turn, then 200."""

    answers: list[httpx.Response | Exception] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    broken_chats: set[int] = field(default_factory=set)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.updates[-1].get("message", {}).get("chat", {}).get("id") in self.broken_chats:
            return httpx.Response(500)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]


@dataclass
class Sandbox:
    """A client of the sandbox, one line per call."""

    world: World
    client: httpx.AsyncClient

    async def youtube(self, *, key: str | None = SANDBOX_YOUTUBE_KEY, **query: str) -> httpx.Response:
        keyed = query if key is None else {**query, "key": key}
        return await self.client.get("/youtube/v3/channels", params=keyed)

    async def bot(self, method: str, **parameters: object) -> httpx.Response:
        return await self.client.post(f"/telegram/bot{SANDBOX_TELEGRAM_TOKEN}/{method}", json=parameters)

    async def send(self, chat_id: int | str, text: str = "hello", **parameters: object) -> httpx.Response:
        return await self.bot("sendMessage", chat_id=chat_id, text=text, **parameters)

    async def instagram(
        self,
        fields: str,
        *,
        token: str | None = SANDBOX_INSTAGRAM_TOKEN,
        user_id: str = SANDBOX_INSTAGRAM_USER_ID,
        version: str = "v25.0",
    ) -> httpx.Response:
        query = {"fields": fields} if token is None else {"fields": fields, "access_token": token}
        return await self.client.get(f"/instagram/{version}/{user_id}", params=query)

    async def fanvue(self, path: str, *, token: str | None = SANDBOX_FANVUE_KEY, **query: object) -> httpx.Response:
        headers = {"X-Fanvue-API-Version": "2025-06-26"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self.client.get(f"/fanvue{path}", params=query, headers=headers)  # type: ignore[arg-type]

    async def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        return await self.client.request(method, f"/control{path}", content=content)

    async def channel(self, platform: str, handle: str, **body: object) -> dict[str, Any]:
        answer = await self.control("PUT", f"/channels/{platform}/{handle}", body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    async def chat(self, chat_id: int, **body: object) -> None:
        answer = await self.control("PUT", f"/telegram/chats/{chat_id}", body)
        assert answer.status_code == httpx.codes.OK, answer.text

    async def write(self, chat_id: int, text: str, **body: object) -> dict[str, Any]:
        answer = await self.control("POST", f"/telegram/chats/{chat_id}/message", {"text": text, **body})
        assert answer.status_code == httpx.codes.OK, answer.text
        await self.world.messenger.updates.settled()
        return dict(answer.json())

    async def fail(self, platform: str, mode: str, **body: object) -> None:
        answer = await self.control("POST", f"/platforms/{platform}/failure", {"mode": mode, **body})
        assert answer.status_code == httpx.codes.OK, answer.text

    async def sent(self) -> list[dict[str, Any]]:
        return list((await self.control("GET", "/telegram/sent")).json()["messages"])
