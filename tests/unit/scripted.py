"""A platform with scripted responses, and a clock that moves only by sleeping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from cairn.channels.platforms import Platforms
from cairn.channels.registry import Channel
from cairn.upstream import Upstream

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

KEYS = {
    "YOUTUBE_SECRET": {"YOUTUBE_API_KEY": "AIza-test"},
    "TELEGRAM_SECRET": {"TELEGRAM_BOT_TOKEN": "123456:AA-test"},
    "INSTAGRAM_SECRET": {"INSTAGRAM_ACCESS_TOKEN": "IG-test", "INSTAGRAM_USER_ID": "1784"},
}
ENVIRONMENT = {name: name for name in KEYS} | {
    "YOUTUBE_API_URL": "http://youtube.test/v3/",
    "TELEGRAM_API_URL": "http://telegram.test",
    "INSTAGRAM_API_URL": "http://instagram.test/v25.0",
}


@dataclass
class FakeClock:
    """Time passes only by sleep and advance."""

    time: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Script:
    """A platform's responses in turn, the last one repeated; and the requests that it received."""

    answers: list[Answer]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))


def upstream(script: Script, clock: FakeClock, *secrets: str) -> Upstream:
    return Upstream(
        "youtube", script.client(), "http://youtube.test/v3/", clock=clock, sleep=clock.sleep, secrets=secrets
    )


def platforms(
    script: Script, clock: FakeClock | None = None, keys: Mapping[str, Mapping[str, str]] | None = None
) -> Platforms:
    clock = clock or FakeClock()
    return Platforms(script.client(), ENVIRONMENT, (keys or KEYS).__getitem__, clock, clock.sleep)


def channel(platform: str, native_id: str, handle: str = "@cats") -> Channel:
    return Channel(platform, native_id, handle, "Cats", NOON)
