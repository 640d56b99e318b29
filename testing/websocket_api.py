"""Sockets that are not there: what was posted to each, and what API Gateway says instead when a test wants it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cairn.aws import websocket_api
from cairn.aws.websocket_api import GoneError
from testing.functions import FUNCTIONS

T = TypeVar("T")
Answer = Callable[[], Exception | None]
"""What a post of a socket leads to; None is that it is taken."""


@dataclass
class FakePoster:
    """API Gateway's `@connections`, which takes every post at once unless `answers` says otherwise."""

    posts: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long a socket's posts take."""
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None
    most_at_once: int = 0
    _under_way: set[str] = field(default_factory=set)

    async def post(self, connection_id: str, text: str) -> None:
        assert connection_id not in self._under_way, "a socket's frames are posted one after the other"
        self.before()
        self._under_way.add(connection_id)
        self.most_at_once = max(self.most_at_once, len(self._under_way))
        try:
            await asyncio.sleep(self.seconds.get(connection_id, 0))
            error = self.answers.get(connection_id, lambda: None)()
            if error:
                raise error
            self.posts.append((connection_id, text))
            self.after()
        finally:
            self._under_way.remove(connection_id)

    async def disconnect(self, connection_id: str) -> None:
        self.closed.append(connection_id)

    async def is_open(self, connection_id: str) -> bool:
        self.before()
        error = self.answers.get(connection_id, lambda: None)()
        self.after()
        if isinstance(error, GoneError):
            return False
        if error:
            raise error
        return connection_id not in self.closed

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def frames(self, connection_id: str) -> list[dict[str, Any]]:
        """What a socket was told, in order."""
        return [json.loads(text) for one, text in self.posts if one == connection_id]

    def ids(self, connection_id: str) -> list[str]:
        return [str(one["id"]) for one in self.frames(connection_id)]


def times(number: int, error: Exception) -> Answer:
    """This error so many times, and then taken."""
    left = [error] * number
    return lambda: left.pop() if left else None


def always(error: Exception) -> Answer:
    return lambda: error


@contextmanager
def in_place_of_api_gateway() -> Iterator[FakePoster]:
    """What functions post through."""
    fake = FakePoster()
    FUNCTIONS.connect = lambda _: fake
    FUNCTIONS.restart()
    try:
        yield fake
    finally:
        FUNCTIONS.connect = websocket_api.connect
        FUNCTIONS.restart()
