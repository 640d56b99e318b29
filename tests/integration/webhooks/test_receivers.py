"""Somebody else's receivers, over real sockets: none of them holds a call, and each answer is told as what it is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from cairn.guarded import Answer, DeliveryError, GuardedClient, allowed_targets
from testing.certificates import EXPIRED, authority
from testing.receivers import RETRY_AFTER_SECONDS, Exchange, Receiver, answers, head, resets

TOTAL = 0.6
BODY = 0.2
LATE = 1.0
"""What a busy machine may take longer."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def client_of(receiver: Receiver, total: float = TOTAL) -> GuardedClient:
    return GuardedClient(allowed=allowed_targets(receiver.target), total_seconds=total, body_seconds=BODY)


def post(receiver: Receiver, path: str = "/", headers: Mapping[str, str] | None = None, body: bytes = b"{}") -> Answer:
    return client_of(receiver).post(receiver.url(path), headers=headers or {}, body=body)


def failure(receiver: Receiver, path: str = "/") -> DeliveryError:
    with pytest.raises(DeliveryError) as failed:
        post(receiver, path)
    return failed.value


@pytest.mark.parametrize("status", [200, 201, 204, 301, 307, 400, 410, 429, 500, 503])
def test_every_status_is_an_answer(shared: Receiver, status: int) -> None:
    assert post(shared, f"/{status}").status == status


@pytest.mark.parametrize("path", ["/301", "/307"])
def test_a_redirect_is_not_followed(path: str) -> None:
    with Receiver() as receiver:
        assert post(receiver, path).status == int(path[1:])
        assert [request.path for request in receiver.received] == [path]


def test_a_receiver_may_ask_for_a_pause_in_seconds_or_until_a_date(shared: Receiver) -> None:
    for status in ("/429", "/503"):
        assert post(shared, status).headers == {"retry-after": str(RETRY_AFTER_SECONDS)}
        assert post(shared, f"{status}-date").headers == {"retry-after": "Wed, 02 Jan 2030 03:04:05 GMT"}


@pytest.mark.parametrize("wish", ["disable", "abort-message"])
def test_a_receiver_may_ask_not_to_be_called_again(shared: Receiver, wish: str) -> None:
    assert post(shared, f"/{wish}").headers == {"webhook-delivery": wish}


def test_what_is_sent_arrives_byte_for_byte() -> None:
    body = '{"text": "🎉 \\u001b 1.0"}\n'.encode() + bytes(range(256)) * 500
    with Receiver() as receiver:
        post(receiver, "/hook/a%2fb?x=1&y=%20", {"webhook-id": "msg_1", "Content-Type": "application/json"}, body)
        (request,) = receiver.received
    assert (request.method, request.path, request.body) == ("POST", "/hook/a%2fb?x=1&y=%20", body)
    assert request.headers == {
        "host": receiver.target,
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(body)),
        "webhook-id": "msg_1",
        "content-type": "application/json",
        "user-agent": "Cairn",
    }


def test_a_caller_names_its_user_agent_but_not_what_the_connection_depends_on() -> None:
    given = {
        "user-agent": "Other",
        "HOST": "127.0.0.9",
        "Transfer-Encoding": "chunked",
        "content-length": "1",
        "Connection": "x",
    }
    with Receiver() as receiver:
        post(receiver, headers=given)
        (request,) = receiver.received
    assert request.headers["user-agent"] == "Other"
    assert request.headers["host"] == receiver.target
    assert request.headers["content-length"] == "2"
    assert request.headers["connection"] == "close"
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("path", ["/hangs", "/trickles-headers", "/trickles-interim-answers"])
def test_a_receiver_that_never_answers_holds_the_call_until_its_time_is_up(shared: Receiver, path: str) -> None:
    failed = failure(shared, path)
    assert (failed.kind, failed.reason) == ("TIMEOUT", "no answer in time")
    assert TOTAL * 1000 <= failed.milliseconds < (TOTAL + LATE) * 1000


def test_a_slow_receiver_has_its_time(shared: Receiver) -> None:
    answer = client_of(shared, total=10).post(shared.url("/slow"), headers={}, body=b"")
    assert answer.status == 200
    assert answer.milliseconds >= 500


def test_a_body_that_trickles_does_not_hold_an_answer(shared: Receiver) -> None:
    answer = post(shared, "/trickles-body")
    assert answer.status == 200
    assert set(answer.body) == set(b"a")
    assert answer.milliseconds < (BODY + LATE) * 1000


def test_a_body_without_end_is_read_up_to_4_kb(shared: Receiver) -> None:
    assert post(shared, "/endless-body").body == b"a" * 4096


def test_a_body_that_breaks_off_is_still_an_answer(shared: Receiver) -> None:
    answer = post(shared, "/resets-in-the-body")
    assert (answer.status, answer.body) == (200, b"half")


def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = b"\x1f\x8b\x08" + b"\0" * 100
    with Receiver(answers(200, {"Content-Encoding": "gzip"}, bomb)) as receiver:
        assert post(receiver).body == bomb


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("/resets", "CONNECTION", "connection reset by peer"),
        ("/closes", "CONNECTION", "the receiver closed the connection without an answer"),
        ("/endless-headers", "HTTP", "the answer is not HTTP, or its headers are too long"),
        ("/not-http", "HTTP", "the answer is not HTTP, or ends within its headers"),
    ],
)
def test_a_receiver_without_an_answer_says_how_it_failed(shared: Receiver, path: str, kind: str, reason: str) -> None:
    failed = failure(shared, path)
    assert (failed.kind, failed.reason) == (kind, reason)


def _early_hints(exchange: Exchange) -> None:
    while True:
        exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)


RAW_ANSWERS: Mapping[str, Callable[[Exchange], None]] = {
    "a switch of protocols": lambda exchange: exchange.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" * 2
    ),
    "a status that is no number": lambda exchange: exchange.send(b"HTTP/1.1 abc OK\r\n\r\n"),
    "two lengths": lambda exchange: exchange.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    ),
    "HTTP/2": lambda exchange: exchange.send(b"\0\0\x12\x04\0\0\0\0\0" + b"\r\n\r\n"),
    "interim answers without end": _early_hints,
    "half a head": lambda exchange: exchange.send(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
}


@pytest.mark.parametrize("name", RAW_ANSWERS)
def test_an_answer_that_is_not_http_is_no_success(name: str) -> None:
    with Receiver(RAW_ANSWERS[name]) as receiver:
        assert failure(receiver).kind == "HTTP"


def test_a_header_as_long_as_a_book_is_cut() -> None:
    with Receiver(answers(429, {"Retry-After": "9" * 5000})) as receiver:
        assert post(receiver).headers == {"retry-after": "9" * 200}


def test_an_old_server_may_answer_in_http_1_0() -> None:
    with Receiver(lambda exchange: exchange.send(b"HTTP/1.0 200 OK\r\n\r\ndone")) as receiver:
        answer = post(receiver)
    assert (answer.status, answer.body) == (200, b"done")


def test_interim_answers_are_skipped() -> None:
    with Receiver(lambda exchange: exchange.send(head(103, {"Link": "x"}) + head(204, {}))) as receiver:
        assert post(receiver).status == 204


def test_each_call_has_a_connection_of_its_own_so_none_is_stale() -> None:
    ports = set()

    def behaviour(exchange: Exchange) -> None:
        ports.add(exchange.connection.getpeername()[1])
        exchange.answer(200)

    with Receiver(behaviour) as receiver:
        client = client_of(receiver)
        for _ in range(3):
            client.post(receiver.url(), headers={}, body=b"")
    assert len(ports) == 3


def test_a_broken_call_is_not_repeated_by_the_client() -> None:
    with Receiver(resets) as receiver:
        failure(receiver)
        assert len(receiver.received) == 1


@contextmanager
def _listening(serve: Callable[[socket.socket], None], server: socket.socket | None = None) -> Iterator[int]:
    """A server below HTTP; its port."""
    with server or socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_a_receiver_that_does_not_read_holds_the_call_until_its_time_is_up() -> None:
    done = threading.Event()

    def ignore(_: socket.socket) -> None:
        done.wait(10)

    with _listening(ignore) as port:
        client = GuardedClient(allowed=frozenset({f"127.0.0.1:{port}"}), total_seconds=TOTAL)
        with pytest.raises(DeliveryError) as failed:
            client.post(f"http://127.0.0.1:{port}/", headers={}, body=b"a" * 50_000_000)
        done.set()
    assert (failed.value.kind, failed.value.reason) == ("TIMEOUT", "the receiver did not read the request in time")
    assert failed.value.milliseconds < (TOTAL + LATE) * 1000


def test_an_answer_before_the_request_was_read_is_still_an_answer() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(head(413, {"Content-Length": "0"}))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with _listening(refuse) as port:
        client = GuardedClient(allowed=frozenset({f"127.0.0.1:{port}"}), total_seconds=5)
        assert client.post(f"http://127.0.0.1:{port}/", headers={}, body=b"a" * 1_000_000).status == 413


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DeliveryError) as failed:
        GuardedClient(allowed=frozenset({f"127.0.0.1:{port}"})).post(f"http://127.0.0.1:{port}/", headers={}, body=b"")
    assert (failed.value.kind, failed.value.reason) == ("CONNECTION", "connection refused")


def _tls(port: int, context: ssl.SSLContext | None, name: str = "hooks.example", body: bytes = b"{}") -> Answer:
    client = GuardedClient(
        allowed=frozenset({f"{name}:{port}"}),
        resolver=lambda _: ["127.0.0.1"],
        ssl_context=context,
        connect_seconds=TOTAL,
        total_seconds=5,
    )
    return client.post(f"https://{name}:{port}/", headers={}, body=body)


def _tls_failure(port: int, context: ssl.SSLContext | None, name: str = "hooks.example") -> DeliveryError:
    with pytest.raises(DeliveryError) as failed:
        _tls(port, context, name)
    assert name not in failed.value.reason
    return failed.value


def test_a_certificate_of_the_name_is_accepted_and_the_name_is_in_sni_and_host() -> None:
    asked = []
    server = authority().server_context("hooks.example")
    server.sni_callback = lambda _, name, __: asked.append(name)
    with Receiver(tls=server) as receiver:
        assert _tls(receiver.port, authority().client_context()).status == 200
        assert asked == ["hooks.example"]
        assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"


@pytest.mark.parametrize(
    ("server", "name", "reason"),
    [
        (lambda: authority().server_context("other.example"), "hooks.example", "is of another host"),
        (lambda: authority().server_context("*.example"), "a.hooks.example", "is of another host"),
        (lambda: authority().server_context("127.0.0.1"), "hooks.example", "is of another host"),
        (lambda: authority().server_context("hooks.example", valid=EXPIRED), "hooks.example", "has expired"),
    ],
    ids=["another name", "another level", "only the address", "expired"],
)
def test_a_bad_certificate_stops_the_call_before_anything_is_sent(
    server: Callable[[], ssl.SSLContext], name: str, reason: str
) -> None:
    with Receiver(tls=server()) as receiver:
        failed = _tls_failure(receiver.port, authority().client_context(), name)
        assert (failed.kind, failed.reason) == ("TLS", f"the receiver's certificate {reason}")
        assert receiver.received == []


def test_the_tests_own_authority_is_not_trusted_in_production() -> None:
    with Receiver(tls=authority().server_context("hooks.example")) as receiver:
        failed = _tls_failure(receiver.port, None)
    assert failed.kind == "TLS"
    assert "authority that is not known" in failed.reason


def test_a_receiver_that_does_not_speak_tls_is_sent_nothing(shared: Receiver) -> None:
    before = len(shared.received)
    assert _tls_failure(shared.port, authority().client_context()).kind == "TLS"
    assert len(shared.received) == before


def test_a_handshake_that_trickles_does_not_hold_the_call() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KB begins
        ended = threading.Event()
        try:
            while not ended.wait(0.02):
                connection.sendall(b"\x02")
        except OSError:
            return

    with _listening(trickle) as port:
        failed = _tls_failure(port, authority().client_context())
    assert (failed.kind, failed.reason) == ("TIMEOUT", "no TLS handshake in time")
    assert TOTAL * 1000 <= failed.milliseconds < (TOTAL + LATE) * 1000


@pytest.mark.parametrize("ends", [lambda _: None, lambda connection: connection.sendall(b"\x15\x03\x03\0\x02\x02\x28")])
def test_a_handshake_that_breaks_off_is_told_as_a_failure_of_tls(ends: Callable[[socket.socket], None]) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        ends(connection)

    with _listening(serve) as port:
        assert _tls_failure(port, authority().client_context()).kind == "TLS"


def test_the_environments_proxies_and_passwords_are_not_used(
    shared: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Receiver() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        (file := tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(file))
        before = len(shared.received)
        assert post(shared).status == 200
        assert "authorization" not in shared.received[before].headers
        assert proxy.received == []


def test_another_address_is_tried_when_the_first_refuses() -> None:
    with Receiver() as receiver:
        client = GuardedClient(
            allowed=frozenset({f"receiver.test:{receiver.port}"}), resolver=lambda _: ["127.0.0.2", "127.0.0.1"]
        )
        assert client.post(receiver.url(host="receiver.test"), headers={}, body=b"").status == 200


def test_a_receiver_is_reached_by_ipv6() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head(204, {}))

    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with _listening(answer, server) as port:
        client = GuardedClient(allowed=frozenset({f"[::1]:{port}"}), total_seconds=5)
        assert client.post(f"http://[::1]:{port}/", headers={}, body=b"").status == 204


def test_a_large_message_arrives_whole_over_tls() -> None:
    body = bytes(range(256)) * 4000
    with Receiver(tls=authority().server_context("hooks.example")) as receiver:
        assert _tls(receiver.port, authority().client_context(), body=body).status == 200
        assert receiver.received[0].body == body
