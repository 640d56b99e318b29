"""The guarded client without its guard and without sockets: a transport answers, or raises what the network would."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

import httpx

from cairn.clock import now
from cairn.guarded import Answer, DeliveryError, ErrorKind, GuardedClient

ANSWER_BYTES = 4096
_KINDS: tuple[tuple[type[httpx.TransportError], ErrorKind], ...] = (
    (httpx.TimeoutException, "TIMEOUT"),
    (httpx.TransportError, "CONNECTION"),
)


PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"


def addresses_of(host: str) -> Sequence[str]:
    """Names that end in `.test` exist: `private.test` has an address that is not public."""
    if not host.endswith(".test"):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return [PRIVATE if host == "private.test" else PUBLIC]


class PostByTransport(GuardedClient):
    """Checks addresses as ever, with names of its own, and sends by this transport."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        super().__init__(resolver=addresses_of)
        self._http = httpx.Client(transport=transport)

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        started = now()

        def milliseconds() -> int:
            return int((now() - started).total_seconds() * 1000)

        try:
            response = self._http.post(url, headers=dict(headers), content=body)
        except httpx.TransportError as error:
            kind = next(kind for type_, kind in _KINDS if isinstance(error, type_))
            raise DeliveryError(kind, str(error) or type(error).__name__, milliseconds()) from None
        return Answer(response.status_code, dict(response.headers), response.content[:ANSWER_BYTES], milliseconds())
