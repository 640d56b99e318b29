"""A client of a WebSocket API in a thread of its own: the `websockets` library, which knows nothing of Cairn."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

Frame = dict[str, Any]


def open_socket(url: str) -> ClientConnection:
    """InvalidStatus when the connection is rejected."""
    return connect(url, open_timeout=20, close_timeout=2, max_size=2**20, proxy=None)


class Listener(threading.Thread):
    """Keeps everything that a socket receives, and when."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._opened = ExitStack()
        self._socket = self._opened.enter_context(open_socket(url))
        self._arrived = threading.Condition()
        self._received: list[tuple[float, str]] = []
        self._next = 0
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self.join(5)

    def run(self) -> None:
        try:
            for text in self._socket:
                at = time.perf_counter()
                with self._arrived:
                    self._received.append((at, str(text)))
                    self._arrived.notify()
        except ConnectionClosed:
            return

    def send(self, text: str) -> None:
        self._socket.send(text)

    def say(self, **words: object) -> None:
        self.send(json.dumps(words))

    def join_room(self, room: str, **words: object) -> Frame:
        """Join a room; the answer."""
        self.say(action="join", room=room, **words)
        return self.first(lambda frame: frame["event"] in ("joined", "error") and _room(frame) == room)

    def frames(self, event: str) -> list[Frame]:
        return [frame for _, frame in self._frames() if frame["event"] == event]

    def count(self) -> int:
        """How many messages were received."""
        return len(self._received)

    def times(self, event: str) -> list[float]:
        return [at for at, frame in self._frames() if frame["event"] == event]

    def first(self, wanted: Callable[[Frame], bool], seconds: float = 20) -> Frame:
        """The first frame that is wanted, among all that were received or still come."""
        _, text, _ = self._wait(0, lambda text: wanted(json.loads(text)), seconds)
        frame: Frame = json.loads(text)
        return frame

    def next(self, wanted: Callable[[str], bool], seconds: float = 20) -> tuple[float, str]:
        """The next message that is wanted, after the one that was returned last, and when it came."""
        at, text, self._next = self._wait(self._next, wanted, seconds)
        return at, text

    def _wait(self, start: int, wanted: Callable[[str], bool], seconds: float) -> tuple[float, str, int]:
        end = time.perf_counter() + seconds
        position = start
        with self._arrived:
            while True:
                for at, text in self._received[position:]:
                    position += 1
                    if wanted(text):
                        return at, text, position
                if not self._arrived.wait(end - time.perf_counter()):
                    raise AssertionError(f"not received in {seconds} s: {[text[:200] for _, text in self._received]}")

    def _frames(self) -> list[tuple[float, Frame]]:
        return [(at, json.loads(text)) for at, text in list(self._received)]


def _room(frame: Frame) -> object:
    return frame.get("room") or frame["data"].get("room")
