"""Fakes of API Gateway's `@connections`: one that records posts, and one whose sockets are clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from cairn.aws import websocket_api
from cairn.aws.websocket_api import GoneError, Poster
from testing.clock import ControlledClock
from testing.fault_injection import FaultInjector
from testing.functions import FUNCTIONS
from testing.virtual_loop import SequentialLoop, VirtualLoop

T = TypeVar("T")
Answer = Callable[[], Exception | None]
"""The outcome of a post; None is success."""


@dataclass
class FakePoster:
    """Records posts, which succeed immediately unless `answers` and `seconds` say otherwise."""

    posts: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    clings: dict[str, Answer] = field(default_factory=dict)
    """The outcome of closing a socket; without an entry it succeeds."""
    seconds: dict[str, float] = field(default_factory=dict)
    """The duration of a socket's posts."""
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None
    most_at_once: int = 0
    loop: Callable[[], asyncio.AbstractEventLoop] = SequentialLoop
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
        error = self.clings.get(connection_id, lambda: None)()
        if error:
            raise error
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
        with asyncio.Runner(loop_factory=self.loop) as runner:
            return runner.run(work)

    def frames(self, connection_id: str) -> list[dict[str, Any]]:
        """The frames that a socket received, in order."""
        return [json.loads(text) for one, text in self.posts if one == connection_id]

    def ids(self, connection_id: str) -> list[str]:
        return [str(one["id"]) for one in self.frames(connection_id)]


def times(number: int, error: Exception) -> Answer:
    """This error so many times, then success."""
    remaining = [error] * number
    return lambda: remaining.pop() if remaining else None


def always(error: Exception) -> Answer:
    return lambda: error


@contextmanager
def in_place_of_api_gateway() -> Iterator[FakePoster]:
    """A FakePoster for the functions."""
    fake = FakePoster()
    with poster_in_place_of_api_gateway(fake):
        yield fake


@contextmanager
def poster_in_place_of_api_gateway(poster: Poster) -> Iterator[None]:
    """Functions created in the block post through this one."""
    FUNCTIONS.connect = lambda _: poster
    FUNCTIONS.restart()
    try:
        yield
    finally:
        FUNCTIONS.connect = websocket_api.connect
        FUNCTIONS.restart()


POST_SECONDS = 0.01
Hear = Callable[[dict[str, Any] | None], None]
"""Receives a frame; None means that the socket was closed."""


class Gateway:
    """Sockets by connection id; each post, disconnect and check is a call that can fail."""

    def __init__(self, clock: ControlledClock, wire: FaultInjector) -> None:
        self.clock = clock
        self.connected: dict[str, Hear] = {}
        self._wire = wire

    async def post(self, connection_id: str, text: str) -> None:
        await asyncio.sleep(POST_SECONDS)
        self._wire.connections("POST", partial(self._receive, connection_id, text))

    async def disconnect(self, connection_id: str) -> None:
        await asyncio.sleep(POST_SECONDS)
        self._wire.connections("DELETE", partial(self._close, connection_id))

    async def is_open(self, connection_id: str) -> bool:
        await asyncio.sleep(POST_SECONDS)
        return self._wire.connections("GET", lambda: connection_id in self.connected)

    def _receive(self, connection_id: str, text: str) -> None:
        if connection_id not in self.connected:
            raise GoneError("HTTP 410")
        self.connected[connection_id](json.loads(text))

    def _close(self, connection_id: str) -> None:
        hear = self.connected.pop(connection_id, None)
        if hear:
            hear(None)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """A new loop each time: tasks of a dead sandbox do not continue in the next one."""
        with asyncio.Runner(loop_factory=partial(VirtualLoop, self._seconds, self._sleep)) as runner:
            return runner.run(work)

    def _seconds(self) -> float:
        return self.clock.now().timestamp()

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds + 1e-6)  # never less than requested: the clock counts whole microseconds
