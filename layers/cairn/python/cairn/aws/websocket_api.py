"""Sending to sockets by API Gateway's `@connections`, with asyncio's streams and botocore's signature.

A post is one small signed request to one host, ten thousand times over: asyncio's streams and a pool of connections do
it in a fraction of boto3's CPU, and cost a cold start nothing, where aiohttp alone would take a broadcast's beyond its
budget (bench/posts.py, bench/imports.py).
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
PATIENCE_SECONDS = 1.5
"""How long a post may take: API Gateway takes milliseconds, whatever the socket at the other end does."""
IDLE_SECONDS = 15
"""A connection that lay idle for longer may be dead without our knowing: a sandbox is frozen between invocations."""


class PostError(Exception):
    """A post that was not taken.

    ├── GoneError          410, or an id that API Gateway never gave out: the socket is closed
    ├── PostTimeoutError   no answer within PATIENCE_SECONDS
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
    """What can send to sockets."""

    async def post(self, connection_id: str, text: str) -> None:
        """Send one message; a PostError when it was not taken."""

    async def disconnect(self, connection_id: str) -> None:
        """Close a socket, which may be closed already; a PostError when it may still be open."""

    async def is_open(self, connection_id: str) -> bool:
        """Whether API Gateway knows the socket as open; a PostError when it does not say."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work to its end, in the event loop that this poster's connections belong to."""


Connect = Callable[[str], Poster]
"""Makes the poster of a stage's URL: `connect`, or a test's own."""


@dataclass(slots=True)
class _Link:
    """One connection to API Gateway, of one event loop."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0


class _StaleError(Exception):
    """A connection from the pool turned out to be closed, before a word of an answer."""


class WebSocketApi:
    """The sockets of one API. `url` is the stage's, as in `https://{api}.execute-api.{region}.amazonaws.com/live`.

    One instance belongs to one event loop, its own unless the caller awaits its methods in another.
    """

    def __init__(self, url: str, signer: SigV4Auth, *, patience: float = PATIENCE_SECONDS, clock: Clock = now) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._address = parts.hostname or "", parts.port or (443 if self._secure else 80)
        self._path = parts.path.rstrip("/")
        self._signer = signer
        self._patience = patience
        self._clock = clock
        self._idle: list[_Link] = []
        self._runner: asyncio.Runner | None = None

    async def post(self, connection_id: str, text: str) -> None:
        _taken(await self._send("POST", connection_id, text.encode()))

    async def disconnect(self, connection_id: str) -> None:
        with suppress(GoneError):
            _taken(await self._send("DELETE", connection_id, b""))

    async def is_open(self, connection_id: str) -> bool:
        try:
            _taken(await self._send("GET", connection_id, b""))
        except GoneError:
            return False
        return True

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._runner is None:
            self._runner = asyncio.Runner()
            atexit.register(self._runner.close)
        return self._runner.run(work)

    async def close(self) -> None:
        """Give the pool's connections up."""
        for link in self._idle:
            link.writer.close()
            await link.writer.wait_closed()
        self._idle.clear()

    async def _send(self, method: str, connection_id: str, body: bytes) -> int:
        """The answer's status; PostTimeoutError or ThrottledError when there is none."""
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
                async with asyncio.timeout(self._patience):
                    return await self._exchange(link, head.encode() + body)
            except TimeoutError:
                raise PostTimeoutError(f"no answer within {self._patience} s") from None
            except _StaleError:
                if fresh:
                    raise ThrottledError("the connection was closed without an answer") from None
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
                raise ThrottledError(f"no answer: {error!r}") from None

    def _from_pool(self) -> _Link | None:
        """The connection that was used last, unless it is closed or has been idle for too long."""
        while self._idle:
            link = self._idle.pop()
            if not link.reader.at_eof() and self._clock().timestamp() - link.idle_since < IDLE_SECONDS:
                return link
            link.writer.close()
        return None

    async def _connect(self) -> _Link:
        try:
            async with asyncio.timeout(self._patience):
                return _Link(*await asyncio.open_connection(*self._address, ssl=_tls() if self._secure else None))
        except TimeoutError:
            raise ThrottledError("API Gateway takes no connection") from None

    async def _exchange(self, link: _Link, request: bytes) -> int:
        """Send a request and read its answer's status; the connection is pooled if nothing is left in it."""
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
    """Made for the first post: reading the certificates takes long, and most of ws_connect's lives post nothing."""
    return ssl.create_default_context()


def _taken(status: int) -> None:
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
