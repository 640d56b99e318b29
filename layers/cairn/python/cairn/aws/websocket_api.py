"""Sending to sockets through API Gateway's `@connections`, with asyncio streams and botocore's signatures.

A broadcast is up to ten thousand small signed requests to one host. asyncio streams with a connection pool send them
with a fraction of boto3's CPU time and add nothing to a cold start, whereas importing aiohttp alone would exceed the
cold-start budget of `broadcast` (bench/posts.py, bench/imports.py).
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import asyncio
import atexit
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from cairn.clock import Clock, now

T = TypeVar("T")
POST_TIMEOUT_SECONDS = 1.5
"""API Gateway answers a post within milliseconds, even when the socket behind it is slow."""
IDLE_SECONDS = 15
"""A connection that is idle for longer may be closed unnoticed: Lambda freezes the function between invocations."""


class PostError(Exception):
    """A post that was not accepted.

    ├── GoneError          410, or an id that API Gateway never issued: the socket is closed
    ├── PostTimeoutError   no answer within POST_TIMEOUT_SECONDS
    ├── ThrottledError     429, 5xx or no connection: retry. All posts are throttled, or this socket's buffer is full
    └── PostRejectedError  any other status: the function lacks permission, or the message is malformed
    """


class GoneError(PostError):
    pass


class PostTimeoutError(PostError):
    pass


class ThrottledError(PostError):
    pass


class PostRejectedError(PostError):
    pass


class Poster(Protocol):
    """Sends to sockets and closes them."""

    async def post(self, connection_id: str, text: str) -> None:
        """Send one message; a PostError when it was not accepted."""

    async def disconnect(self, connection_id: str) -> None:
        """Close a socket, which may already be closed; a PostError when it may still be open."""

    async def is_open(self, connection_id: str) -> bool:
        """Whether the socket is open; a PostError when API Gateway does not say."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work to its end, in the event loop that this poster's connections belong to."""


Connect = Callable[[str], Poster]
"""Makes the poster for a stage's URL: `connect`, or a test's own function."""


@dataclass(slots=True)
class _Link:
    """One connection to API Gateway; it belongs to one event loop."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0


class _StaleError(Exception):
    """A pooled connection turned out to be closed, before the first byte of an answer."""


class WebSocketApi:
    """The sockets of one API. `url` is the stage's, as in `https://{api}.execute-api.{region}.amazonaws.com/live`.

    One instance belongs to one event loop, its own unless the caller awaits its methods in another.
    """

    def __init__(
        self, url: str, signer: SigV4Auth, *, timeout: float = POST_TIMEOUT_SECONDS, clock: Clock = now
    ) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._address = parts.hostname or "", parts.port or (443 if self._secure else 80)
        self._path = parts.path.rstrip("/")
        self._signer = signer
        self._timeout = timeout
        self._clock = clock
        self._idle: list[_Link] = []
        self._runner: asyncio.Runner | None = None

    async def post(self, connection_id: str, text: str) -> None:
        _raise_for_status(await self._send("POST", connection_id, text.encode()))

    async def disconnect(self, connection_id: str) -> None:
        with suppress(GoneError):
            _raise_for_status(await self._send("DELETE", connection_id, b""))

    async def is_open(self, connection_id: str) -> bool:
        try:
            _raise_for_status(await self._send("GET", connection_id, b""))
        except GoneError:
            return False
        return True

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._runner is None:
            self._runner = asyncio.Runner()
            atexit.register(self._runner.close)
        return self._runner.run(work)

    async def close(self) -> None:
        """Close the pooled connections."""
        for link in self._idle:
            link.writer.close()
            await link.writer.wait_closed()
        self._idle.clear()

    async def _send(self, method: str, connection_id: str, body: bytes) -> int:
        """The status of the answer; PostTimeoutError or ThrottledError when there is none."""
        path = quote(f"{self._path}/@connections/{connection_id}", safe="/-_.~")
        request = AWSRequest(method, f"{self._scheme}://{self._host}{path}", data=body)
        self._signer.add_auth(request)
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        while True:
            link = self._from_pool()
            fresh = link is None
            try:
                link = link or await self._connect()
                async with asyncio.timeout(self._timeout):
                    return await self._exchange(link, head.encode() + body)
            except TimeoutError:
                raise PostTimeoutError(f"no answer within {self._timeout} s") from None
            except _StaleError:
                if fresh:
                    raise ThrottledError("the connection was closed without an answer") from None
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
                raise ThrottledError(f"no answer: {error!r}") from None

    def _from_pool(self) -> _Link | None:
        """The most recently used connection that is still open and not idle for too long."""
        while self._idle:
            link = self._idle.pop()
            if not link.reader.at_eof() and self._clock().timestamp() - link.idle_since < IDLE_SECONDS:
                return link
            link.writer.close()
        return None

    async def _connect(self) -> _Link:
        try:
            async with asyncio.timeout(self._timeout):
                return _Link(*await asyncio.open_connection(*self._address, ssl=_tls() if self._secure else None))
        except TimeoutError:
            raise ThrottledError("API Gateway accepted no connection in time") from None

    async def _exchange(self, link: _Link, request: bytes) -> int:
        """Send a request and read the answer's status; the connection is pooled when the answer was read to its end."""
        reusable = False
        try:
            link.writer.write(request)
            try:
                head = await link.reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                    raise
                raise _StaleError from None
            status = int(head[9:12])
            fields = dict(_field(line) for line in head.split(b"\r\n")[1:-2])
            if b"content-length" in fields:
                await link.reader.readexactly(int(fields[b"content-length"]))
            reusable = b"content-length" in fields and fields.get(b"connection", b"").lower() != b"close"
            return status
        finally:
            if reusable:
                link.idle_since = self._clock().timestamp()
                self._idle.append(link)
            else:
                link.writer.close()


@cache
def _tls() -> ssl.SSLContext:
    """Created at the first post: loading the certificates is slow, and most instances of ws_connect never post."""
    return ssl.create_default_context()


def _raise_for_status(status: int) -> None:
    if status in (400, 410):
        raise GoneError(f"HTTP {status}")
    if status == 429 or status >= 500:
        raise ThrottledError(f"HTTP {status}")
    if status >= 300:
        raise PostRejectedError(f"HTTP {status}")


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip()


def connect(url: str) -> WebSocketApi:
    """The sockets of an API, with the credentials of the function."""
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise LookupError("there are no AWS credentials")
    return WebSocketApi(url, SigV4Auth(credentials, "execute-api", session.region_name))
