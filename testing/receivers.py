"""Somebody else's webhook receivers on loopback, for tests and bench. They know nothing of Cairn.

    with Receiver() as receiver:
        post(receiver.url("/429-date"))            # the path says how it answers: see PATHS
        receiver.behave(resets)                    # from now on, whatever the path
        receiver.behave(slow(2), "/hook")          # from now on, at this path
        receiver.wait_for(3)                       # until it received three requests
        assert receiver.received[0].body == b"{}"  # each request's raw body and headers, in order of arrival

`Receiver(tls=authority().server_context("hooks.example"))` speaks TLS: see `testing/certificates.py`.
A behaviour is a function of an Exchange; one that hangs or waits ends when the receiver closes.
"""

from __future__ import annotations

import random
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

FOREVER = 3600.0
RETRY_AFTER_SECONDS = 7
RETRY_AFTER_DATE = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Received:
    """A request: `headers` by lower-case name, `body` as it was sent, `at` by `time.perf_counter`."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass
class Exchange:
    """One request, and the connection on which to answer it."""

    request: Received
    connection: socket.socket
    closing: threading.Event
    keeps_alive: bool = field(default=False)
    """Whether the connection may serve another request."""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """A whole answer, as a well-behaved server gives it."""
        given = dict(headers or {})
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            given.setdefault("Content-Length", str(len(body)))
        self.send(head(status, given) + body)
        self.keeps_alive = True

    def wait(self, seconds: float) -> bool:
        """Wait; False when the receiver closes meanwhile."""
        return not self.closing.wait(seconds)


Behaviour = Callable[[Exchange], None]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and the headers of an answer."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def answers(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Answers at once."""
    return lambda exchange: exchange.answer(status, headers, body)


SUCCEEDS = answers(200)
FAILS = answers(500)


def slow(seconds: float, then: Behaviour = SUCCEEDS) -> Behaviour:
    """Waits before it does something else."""

    def behaviour(exchange: Exchange) -> None:
        if exchange.wait(seconds):
            then(exchange)

    return behaviour


def fails_at(rate: float, seed: int, otherwise: Behaviour = SUCCEEDS, failure: Behaviour = FAILS) -> Behaviour:
    """Fails this share of the requests, chosen by the seed, the `webhook-id` and how often that has come.

    So a run repeats another one, in whatever order its requests come.
    """
    tries: Counter[str] = Counter()
    lock = threading.Lock()

    def behaviour(exchange: Exchange) -> None:
        name = exchange.request.headers.get("webhook-id", "")
        with lock:
            tries[name] += 1
            chance = random.Random(f"{seed} {name} {tries[name]}").random()  # noqa: S311 - no secret
        (failure if chance < rate else otherwise)(exchange)

    return behaviour


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour after the other, a request each; the last one from then on."""
    left = list(behaviours)
    lock = threading.Lock()

    def behaviour(exchange: Exchange) -> None:
        with lock:
            chosen = left.pop(0) if len(left) > 1 else left[0]
        chosen(exchange)

    return behaviour


def hangs(exchange: Exchange) -> None:
    """Reads the request and never answers."""
    exchange.wait(FOREVER)


def trickles_headers(exchange: Exchange) -> None:
    """Sends a byte of an endless header each 20 ms: no single read takes long."""
    exchange.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while exchange.wait(0.02):
        exchange.send(b"a")


def trickles_interim_answers(exchange: Exchange) -> None:
    """Sends `103 Early Hints` for ever, which a client has to skip."""
    while exchange.wait(0.02):
        exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def trickles_body(exchange: Exchange) -> None:
    """Answers 200, and sends a byte of its body each 20 ms."""
    exchange.send(head(200, {"Content-Length": "1000000"}))
    while exchange.wait(0.02):
        exchange.send(b"a")


def sends_endless_body(exchange: Exchange) -> None:
    """Answers 200, and a body without end, as fast as it is read."""
    exchange.send(head(200, {"Transfer-Encoding": "chunked"}))
    while not exchange.closing.is_set():
        exchange.send(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")


def sends_endless_headers(exchange: Exchange) -> None:
    """Sends headers without end, as fast as they are read."""
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    while not exchange.closing.is_set():
        exchange.send(b"X-Bomb: " + b"a" * 1000 + b"\r\n")


def resets(exchange: Exchange) -> None:
    """Resets the connection (RST) instead of an answer."""
    # With a linger time of zero, close() sends RST: https://man7.org/linux/man-pages/man7/socket.7.html
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resets_in_the_body(exchange: Exchange) -> None:
    """Answers 200, and resets the connection before the body is complete."""
    exchange.send(head(200, {"Content-Length": "100"}) + b"half")
    exchange.wait(0.05)
    resets(exchange)


def closes(exchange: Exchange) -> None:
    """Closes the connection without an answer."""


def is_not_http(exchange: Exchange) -> None:
    """Answers as a mail server would."""
    exchange.send(b"220 mail.example ESMTP\r\n")


PATHS: Mapping[str, Behaviour] = {
    "/": answers(200, body=b"ok"),
    "/200": answers(200),
    "/201": answers(201),
    "/204": answers(204),
    "/301": answers(301, {"Location": "/200"}),
    "/307": answers(307, {"Location": "/200"}),
    "/400": answers(400, body=b'{"error": "unknown event"}'),
    "/410": answers(410),
    "/429": answers(429, {"Retry-After": str(RETRY_AFTER_SECONDS)}),
    "/429-date": answers(429, {"Retry-After": format_datetime(RETRY_AFTER_DATE, usegmt=True)}),
    "/500": answers(500, body=b"Internal Server Error"),
    "/503": answers(503, {"Retry-After": str(RETRY_AFTER_SECONDS)}),
    "/503-date": answers(503, {"Retry-After": format_datetime(RETRY_AFTER_DATE, usegmt=True)}),
    "/disable": answers(400, {"webhook-delivery": "disable"}),
    "/abort-message": answers(400, {"webhook-delivery": "abort-message"}),
    "/hangs": hangs,
    "/slow": slow(0.5),
    "/trickles-headers": trickles_headers,
    "/trickles-interim-answers": trickles_interim_answers,
    "/trickles-body": trickles_body,
    "/endless-body": sends_endless_body,
    "/endless-headers": sends_endless_headers,
    "/resets": resets,
    "/resets-in-the-body": resets_in_the_body,
    "/closes": closes,
    "/not-http": is_not_http,
}
"""What a path of that name does; every other path does what `/` does."""


class Receiver:
    """A server on a free port of 127.0.0.1, with a thread for each connection."""

    def __init__(self, behaviour: Behaviour | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "https" if tls else "http"
        self._everywhere = behaviour
        self._by_path = dict(PATHS)
        self._closing = threading.Event()
        self._arrived = threading.Condition()
        self._received: list[Received] = []
        self._server = _Server(self._handle)
        if tls:
            # The handshake is made in the connection's own thread, when it first reads.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self.target = f"127.0.0.1:{self.port}"
        """As WEBHOOK_ALLOWED_TARGETS names it."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def behave(self, behaviour: Behaviour, path: str | None = None) -> None:
        """From now on, at this path or everywhere."""
        if path is None:
            self._everywhere = behaviour
        else:
            self._by_path[path] = behaviour

    @property
    def received(self) -> list[Received]:
        """The requests, in the order of arrival."""
        with self._arrived:
            return list(self._received)

    def wait_for(self, count: int, seconds: float = 10) -> list[Received]:
        """The requests, as soon as there are so many."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._received) >= count, seconds):
                raise AssertionError(f"received {len(self._received)} of {count} requests in {seconds} s")
        return self.received

    def _handle(self, request: Received, connection: socket.socket) -> bool:
        """Answer a request; whether the connection may serve another one."""
        with self._arrived:
            self._received.append(request)
            self._arrived.notify_all()
        exchange = Exchange(request, connection, self._closing)
        path = request.path.partition("?")[0]
        (self._everywhere or self._by_path.get(path, PATHS["/"]))(exchange)
        return exchange.keeps_alive and not self._closing.is_set()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def __init__(self, handle: Callable[[Received, socket.socket], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.handle = handle

    def shutdown_request(self, request: Any) -> None:
        """Close only: a shutdown before it would end the connection in order, where one is to be reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks the connection, or rejects the certificate, is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = Received(self.command, self.path, headers, body, time.perf_counter())
        self.close_connection = True
        with suppress(OSError):
            keeps_alive = self.server.handle(request, self.connection)
            self.close_connection = not keeps_alive or headers.get("connection") == "close"

    def log_message(self, *_: object) -> None:
        """Nothing: what matters is in `received`."""
