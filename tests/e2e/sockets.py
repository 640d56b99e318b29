"""The live feed as somebody else's client meets it: the `websockets` library, which knows nothing of Cairn."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from testing.local_cloud import LocalCloud

Frame = dict[str, Any]


def ticket(cloud: LocalCloud) -> str:
    """A ticket of the admin key's, good for one connection."""
    answer = cloud.api.post("/api/ws-ticket")
    assert answer.is_success, answer.text
    return str(answer.json()["ticket"])


@contextmanager
def open_socket(cloud: LocalCloud, ticket: str | None) -> Iterator[ClientConnection]:
    """A connection; whoever has no ticket is nobody. InvalidStatus when it is refused."""
    url = cloud.outputs["WebSocketUrl"] + (f"?ticket={ticket}" if ticket else "")
    with connect(url, open_timeout=20, close_timeout=2, max_size=2**20, proxy=None) as socket:
        yield socket


class Listener(threading.Thread):
    """Hears everything that comes by a socket, and when."""

    def __init__(self, cloud: LocalCloud, ticket: str | None) -> None:
        super().__init__(daemon=True)
        self._opened = ExitStack()
        self._socket = self._opened.enter_context(open_socket(cloud, ticket))
        self._heard: list[tuple[float, Frame]] = []
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self.join(5)

    def run(self) -> None:
        try:
            for text in self._socket:
                self._heard.append((time.monotonic(), json.loads(text)))
        except ConnectionClosed:
            return

    def say(self, **words: object) -> None:
        self._socket.send(json.dumps(words))

    def join_room(self, room: str, **words: object) -> Frame:
        """Enter a room; the answer."""
        self.say(action="join", room=room, **words)
        return self.first(lambda frame: frame["event"] in ("joined", "error") and _room(frame) == room)

    def frames(self, event: str) -> list[Frame]:
        return [frame for _, frame in list(self._heard) if frame["event"] == event]

    def count(self) -> int:
        """How much was heard."""
        return len(self._heard)

    def times(self, event: str) -> list[float]:
        return [at for at, frame in list(self._heard) if frame["event"] == event]

    def first(self, wanted: Callable[[Frame], bool], seconds: float = 20) -> Frame:
        """The first frame that is wanted, when it comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _, frame in list(self._heard):
                if wanted(frame):
                    return frame
            time.sleep(0.02)
        raise AssertionError(f"not heard in {seconds} s: {[frame['event'] for _, frame in self._heard]}")


def _room(frame: Frame) -> object:
    return frame.get("room") or frame["data"].get("room")
