"""The one client for every call to an address that somebody chose: it reaches the public internet, and nothing else.

https alone; every address that the name resolves to is checked, and a checked address is connected to, under the
name's SNI, certificate and Host; redirects are answers; proxies and credentials of the environment are not used. A
receiver cannot hold the caller longer than `total_seconds`, whatever it sends and however slowly. Each call has a
connection of its own. Addresses are secrets: no error and no log contains one, nor a host's name.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import certifi
import h11

from cairn.errors import InvalidTargetError
from cairn.guarded.calls import Call, DeliveryError, ErrorKind
from cairn.guarded.names import Resolver, addresses, resolve
from cairn.guarded.targets import Target, allowed_targets, parse

__all__ = ["Answer", "DeliveryError", "ErrorKind", "GuardedClient", "allowed_targets"]

CONNECT_SECONDS = 5.0
"""For TCP and TLS together."""
TOTAL_SECONDS = 15.0
DNS_SECONDS = 5.0
BODY_SECONDS = 2.0
"""For the part of the body that is kept: the status has decided by then."""
MAX_BODY = 4096
MAX_HEAD = 65_536
"""Of everything before the body, interim answers included."""
MAX_HEADER = 200
MAX_TRIES = 4
"""Addresses of one name that are tried, until one accepts the connection."""
KEPT_HEADERS = ("retry-after", "webhook-delivery")
OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""They decide how the connection is used; a caller's are left out."""

Connect = Callable[[str, int, float], socket.socket]
"""A TCP connection to an address and a port within some seconds; OSError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are KEPT_HEADERS by lower-case name; `body` is its first 4 KB, as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: int


def open_connection(address: str, port: int, seconds: float) -> socket.socket:
    """To a numeric address: nothing is looked up."""
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


class GuardedClient:
    """For a warm function to reuse, in several threads. `allowed`: targets that may be private, or http."""

    def __init__(
        self,
        *,
        allowed: frozenset[str] = frozenset(),
        resolver: Resolver = resolve,
        connect: Connect = open_connection,
        ssl_context: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        dns_seconds: float = DNS_SECONDS,
        body_seconds: float = BODY_SECONDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._connect = connect
        self._given_context = ssl_context
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._dns_seconds = dns_seconds
        self._body_seconds = body_seconds
        self._clock = clock

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        return self._given_context or ssl.create_default_context(cafile=certifi.where())

    def check(self, url: str) -> None:
        """InvalidTargetError if a call would be refused now; its name is resolved, and nothing is connected to."""
        target = parse(url, self._allowed)
        try:
            addresses(target, self._resolver, self._dns_seconds, Call(self._clock, self._total_seconds))
        except DeliveryError as error:
            raise InvalidTargetError(error.reason) from None

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, of any status; DeliveryError when there is none."""
        call = Call(self._clock, self._total_seconds)
        try:
            target = parse(url, self._allowed)
        except InvalidTargetError as error:
            raise call.failed("INVALID_TARGET", error.message) from None
        http = h11.Connection(h11.CLIENT)
        request = _request(http, target, headers, body, call)
        checked = addresses(target, self._resolver, self._dns_seconds, call)
        with self._connected(target, checked, call) as connection:
            stream = _Stream(connection, call)
            stream.write(request)
            return self._answer(http, stream, call)

    def _connected(self, target: Target, checked: list[str], call: Call) -> socket.socket:
        """A connection to the first of the addresses that accepts one."""
        until = call.until(self._connect_seconds)
        tried = checked[:MAX_TRIES]
        failures = []
        for position, address in enumerate(tried):
            try:
                # An address that swallows packets leaves the others their share of the time.
                connection = self._connect(address, target.port, call.left(until) / (len(tried) - position))
            except OSError as error:
                failures.append(call.broken(error, "no connection in time"))
                continue
            return self._secured(connection, target, until, call) if target.scheme == "https" else connection
        raise failures[0]

    def _secured(self, connection: socket.socket, target: Target, until: float, call: Call) -> ssl.SSLSocket:
        with connection:  # an empty shell, once TLS has taken the connection over
            try:
                # The time-out of a handshake is for all of it: https://docs.python.org/3/library/socket.html#timeouts-and-the-connect-method
                connection.settimeout(call.left(until))
                return self._ssl_context.wrap_socket(connection, server_hostname=target.host)
            except OSError as error:
                raise call.broken(error, "no TLS handshake in time") from None

    def _answer(self, http: h11.Connection, stream: _Stream, call: Call) -> Answer:
        head = _head(http, stream, call)
        body, until = b"", call.until(self._body_seconds)
        # The receiver has answered: nothing that happens to the rest of its body makes that a failure.
        try:
            while len(body) < MAX_BODY:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    http.receive_data(stream.read(until))
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    break
        except (OSError, h11.RemoteProtocolError):
            pass
        kept: dict[str, str] = {}
        for name, text in head.headers:
            if name.decode() in KEPT_HEADERS:
                kept.setdefault(name.decode(), text.decode("latin-1")[:MAX_HEADER])
        return Answer(head.status_code, kept, body[:MAX_BODY], call.milliseconds())


class _Stream:
    """A connection on which every operation ends by the call's deadline."""

    def __init__(self, connection: socket.socket, call: Call) -> None:
        self._connection = connection
        self._call = call
        self.received = 0

    def write(self, data: bytes) -> None:
        """Send as much as the receiver takes: one may answer, and close, before it has read everything."""
        view = memoryview(data)
        try:
            while view:
                self._connection.settimeout(self._call.left())
                view = view[self._connection.send(view) :]
        except TimeoutError:
            raise self._call.failed("TIMEOUT", "the receiver did not read the request in time") from None
        except OSError:
            return

    def read(self, until: float | None = None) -> bytes:
        self._connection.settimeout(self._call.left(until))
        data = self._connection.recv(MAX_BODY)
        self.received += len(data)
        return data


def _request(http: h11.Connection, target: Target, headers: Mapping[str, str], body: bytes, call: Call) -> bytes:
    given = {name: text for name, text in headers.items() if name.lower() not in OWN_HEADERS}
    if "user-agent" not in map(str.lower, given):
        given["User-Agent"] = "Cairn"
    own = {
        "Host": target.authority,
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Length": str(len(body)),
    }
    try:
        head = http.send(h11.Request(method="POST", target=target.path, headers=[*own.items(), *given.items()]))
    except (h11.LocalProtocolError, UnicodeEncodeError):
        raise call.failed("INVALID_TARGET", "a header cannot be sent: its name or its value is not valid") from None
    return b"".join(filter(None, (head, http.send(h11.Data(data=body)), http.send(h11.EndOfMessage()))))


def _head(http: h11.Connection, stream: _Stream, call: Call) -> h11.Response:
    """The answer's status and headers, after any interim answers."""
    try:
        while True:
            event = http.next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                data = stream.read()
                if not data and stream.received:
                    raise call.failed("HTTP", "the answer is not HTTP, or ends within its headers")
                if not data:
                    raise call.failed("CONNECTION", "the receiver closed the connection without an answer")
                if stream.received > MAX_HEAD:
                    raise call.failed("HTTP", "the answer's headers are too long")
                http.receive_data(data)
            elif not isinstance(event, h11.InformationalResponse):
                raise call.failed("HTTP", "the answer is not HTTP")
    except h11.RemoteProtocolError:
        raise call.failed("HTTP", "the answer is not HTTP, or its headers are too long") from None
    except OSError as error:
        raise call.broken(error, "no answer in time") from None
