"""WebSocket clients of the local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection

from testing import listener
from testing.local_cloud import LocalCloud


def ticket(cloud: LocalCloud) -> str:
    """A ticket from the admin key, for one connection."""
    answer = cloud.api.post("/api/ws-ticket")
    assert answer.is_success, answer.text
    return str(answer.json()["ticket"])


@contextmanager
def open_socket(cloud: LocalCloud, ticket: str | None) -> Iterator[ClientConnection]:
    """A connection, anonymous without a ticket. InvalidStatus when it is rejected."""
    with listener.open_socket(_url(cloud, ticket)) as socket:
        yield socket


class Listener(listener.Listener):
    def __init__(self, cloud: LocalCloud, ticket: str | None) -> None:
        super().__init__(_url(cloud, ticket))


def _url(cloud: LocalCloud, ticket: str | None) -> str:
    return cloud.outputs["WebSocketUrl"] + (f"?ticket={ticket}" if ticket else "")
