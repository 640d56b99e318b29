"""The guarded client without its guard and without sockets: a transport answers, or raises what the network would."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from cairn.clock import now
from cairn.guarded import Answer, DeliveryError, ErrorKind, GuardedClient

ANSWER_BYTES = 4096
_KINDS: tuple[tuple[type[httpx.TransportError], ErrorKind], ...] = (
    (httpx.TimeoutException, "TIMEOUT"),
    (httpx.TransportError, "CONNECTION"),
)


class PostByTransport(GuardedClient):
    """Sends by this transport."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
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
