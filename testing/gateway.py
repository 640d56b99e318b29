"""API Gateway's side of the sockets: who is connected, and what comes of a post on a clock that nobody waits for."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from cairn.aws import websocket_api
from cairn.aws.websocket_api import GoneError
from testing.clock import ControlledClock
from testing.fault_injection import Wire
from testing.functions import FUNCTIONS

T = TypeVar("T")
POST_SECONDS = 0.01
Hear = Callable[[dict[str, Any] | None], None]
"""What a client does with a frame; with None it is told that its socket was closed."""


class Gateway:
    """`@connections` for the functions, each post, closing and question a call on the wire."""

    def __init__(self, clock: ControlledClock, wire: Wire) -> None:
        self.clock = clock
        self.connected: dict[str, Hear] = {}
        self._wire = wire

    async def post(self, connection_id: str, text: str) -> None:
        await asyncio.sleep(POST_SECONDS)
        self._wire.connections("POST", partial(self._take, connection_id, text))

    async def disconnect(self, connection_id: str) -> None:
        await asyncio.sleep(POST_SECONDS)
        self._wire.connections("DELETE", partial(self._close, connection_id))

    async def is_open(self, connection_id: str) -> bool:
        await asyncio.sleep(POST_SECONDS)
        return self._wire.connections("GET", lambda: connection_id in self.connected)

    def _take(self, connection_id: str, text: str) -> None:
        if connection_id not in self.connected:
            raise GoneError("HTTP 410")
        self.connected[connection_id](json.loads(text))

    def _close(self, connection_id: str) -> None:
        hear = self.connected.pop(connection_id, None)
        if hear:
            hear(None)

    @contextmanager
    def in_place_of_api_gateway(self) -> Iterator[None]:
        """Functions made within post here, in event loops on our clock."""
        FUNCTIONS.connect = lambda _: self
        FUNCTIONS.restart()
        try:
            yield
        finally:
            FUNCTIONS.connect = websocket_api.connect
            FUNCTIONS.restart()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """In a loop of its own: what a sandbox had begun when it died is not gone on with in the next."""
        with asyncio.Runner(loop_factory=partial(_Loop, self.clock)) as runner:
            return runner.run(work)


class _Selector(selectors.SelectSelector):
    """Instead of waiting, it moves the clock on: nothing from outside ever comes."""

    def __init__(self, clock: ControlledClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing will ever happen again"
        if timeout > 0:
            self._clock.sleep(timeout + 1e-6)  # never less than what was asked for, as the clock has no finer time
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: ControlledClock) -> None:
        self._controlled = clock
        super().__init__(_Selector(clock))

    def time(self) -> float:
        return self._controlled.now().timestamp()
