"""Posts as API Gateway receives and answers them: by HTTP, to a server on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cairn.aws import websocket_api as posting
from cairn.aws.websocket_api import (
    GoneError,
    PostRejectedError,
    PostTimeoutError,
    ThrottledError,
    WebSocketApi,
    connect,
)
from testing.clock import ControlledClock

ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SIGNER = SigV4Auth(Credentials("AKID", "secret", "token"), "execute-api", "us-east-1")


def answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *headers))
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


@dataclass
class Server:
    """Sends the next of its answers to each request: bytes; None is no answer, and b"" closes the connection."""

    answers: list[bytes | None] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    links: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().splitlines()[:-1]
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                method, path, _ = first.split(" ")
                self.requests.append((method, path, fields, body.decode()))
                text = self.answers.pop(0) if self.answers else ACCEPTED
                if text is None:
                    await reader.read()
                if not text:
                    break
                writer.write(text)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    *answers: bytes | None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, WebSocketApi]]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    scheme, timeout = ("https", 5.0) if tls else ("http", 0.2)
    client = WebSocketApi(f"{scheme}://127.0.0.1:{server.port}/live", SIGNER, timeout=timeout)
    try:
        yield server, client
    finally:
        await client.close()
        listening.close()
        await listening.wait_closed()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Self-signed, for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    own = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, at - timedelta(days=1), at + timedelta(days=1))
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 10))


def test_a_post_is_one_signed_request() -> None:
    async def test() -> None:
        async with serving() as (server, client):
            await client.post("L0SM9cOFvHcCIhw=", '{"name":"Ådå"}')
            ((method, path, headers, body),) = server.requests
            assert method == "POST"
            assert path == "/live/%40connections/L0SM9cOFvHcCIhw%3D"
            assert unquote(path) == "/live/@connections/L0SM9cOFvHcCIhw="
            assert headers["host"] == f"127.0.0.1:{server.port}"
            assert headers["x-amz-security-token"] == "token"
            assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
            received = AWSRequest(method, f"http://{headers['host']}{path}", data=body.encode())
            received.headers["X-Amz-Date"] = received.context["timestamp"] = headers["x-amz-date"]
            received.headers["X-Amz-Security-Token"] = headers["x-amz-security-token"]
            signed = SIGNER.string_to_sign(received, SIGNER.canonical_request(received))
            assert headers["authorization"].endswith(f"Signature={SIGNER.signature(signed, received)}")
            assert body == '{"name":"Ådå"}'

    run(test)


def test_a_connection_serves_one_post_after_another() -> None:
    async def test() -> None:
        async with serving(answer("200 OK"), answer("410 Gone"), ACCEPTED) as (server, client):
            await client.post("a", "1")
            with pytest.raises(GoneError):
                await client.post("b", "2")
            await client.post("c", "3")
            assert server.links == 1

    run(test)


def test_concurrent_posts_have_connections_of_their_own() -> None:
    async def test() -> None:
        async with serving() as (server, client):
            await asyncio.gather(*(client.post(str(number), "x") for number in range(10)))
            assert server.links == 10
            await asyncio.gather(*(client.post(str(number), "x") for number in range(10)))
            assert server.links == 10

    run(test)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("410 Gone", GoneError),
        ("400 Bad Request", GoneError),
        ("429 Too Many Requests", ThrottledError),
        ("500 Internal Server Error", ThrottledError),
        ("503 Service Unavailable", ThrottledError),
        ("403 Forbidden", PostRejectedError),
        ("413 Payload Too Large", PostRejectedError),
        ("307 Temporary Redirect", PostRejectedError),
    ],
)
def test_every_rejection_has_its_own_error(status: str, error: type[Exception]) -> None:
    async def test() -> None:
        async with serving(answer(status)) as (_, client):
            with pytest.raises(error):
                await client.post("a", "x")

    run(test)


def test_a_socket_is_closed_by_delete() -> None:
    async def test() -> None:
        async with serving(b"HTTP/1.1 204 No Content\r\n\r\n", answer("410 Gone")) as (server, client):
            await client.disconnect("a=")
            await client.disconnect("a=")
            assert [(method, path) for method, path, _, _ in server.requests] == [
                ("DELETE", "/live/%40connections/a%3D")
            ] * 2

    run(test)


def test_a_socket_that_may_still_be_open_is_not_reported_as_closed() -> None:
    async def test() -> None:
        async with serving(answer("429 Too Many Requests"), answer("403 Forbidden")) as (_, client):
            with pytest.raises(ThrottledError):
                await client.disconnect("a")
            with pytest.raises(PostRejectedError):
                await client.disconnect("a")

    run(test)


def test_silence_is_a_slow_socket() -> None:
    async def test() -> None:
        async with serving(None, ACCEPTED) as (server, client):
            with pytest.raises(PostTimeoutError):
                await client.post("a", "x")
            await client.post("b", "x")
            assert server.links == 2

    run(test)


def test_a_connection_that_was_closed_meanwhile_does_not_fail_a_post() -> None:
    async def test() -> None:
        async with serving(ACCEPTED, b"", ACCEPTED) as (server, client):
            await client.post("a", "1")
            await client.post("b", "2")
            assert [body for *_, body in server.requests] == ["1", "2", "2"]
            assert server.links == 2

    run(test)


def test_who_hangs_up_on_a_new_connection_is_busy() -> None:
    async def test() -> None:
        async with serving(b"") as (_, client):
            with pytest.raises(ThrottledError):
                await client.post("a", "x")

    run(test)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        answer("200 OK", b"{}", "Connection: close"),
    ],
)
def test_a_connection_with_an_answer_that_may_be_incomplete_is_not_reused(sent: bytes) -> None:
    async def test() -> None:
        async with serving(sent, ACCEPTED) as (server, client):
            await client.post("a", "1")
            await client.post("b", "2")
            assert server.links == 2

    run(test)


@pytest.mark.parametrize("sent", [b"HTTP/1.1 two hundred\r\n\r\n", b"x" * 100_000, b"HTTP/1.1 200 OK\r\nContent-Len"])
def test_what_is_no_answer_is_tried_again_later(sent: bytes) -> None:
    async def test() -> None:
        async with serving(sent) as (_, client):
            with pytest.raises((ThrottledError, PostTimeoutError)):
                await client.post("a", "x")

    run(test)


def test_where_nobody_listens_is_busy() -> None:
    async def test() -> None:
        async with serving() as (server, client):
            pass
        client = WebSocketApi(f"http://127.0.0.1:{server.port}/live", SIGNER)
        with pytest.raises(ThrottledError):
            await client.post("a", "x")

    run(test)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_post_by_tls_requires_a_trusted_certificate(
    certificate: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    posting._tls.cache_clear()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)

    async def test() -> None:
        async with serving(tls=tls) as (server, client):
            for _ in range(2):
                with nullcontext() if trusted else pytest.raises(ThrottledError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.post("a", "x")
            assert [body for *_, body in server.requests] == (["x", "x"] if trusted else [])
            assert server.links == (1 if trusted else 0)

    run(test)
    posting._tls.cache_clear()


def test_a_connection_that_lay_idle_through_a_freeze_is_not_trusted(clock: ControlledClock) -> None:
    async def test() -> None:
        async with serving() as (server, client):
            await client.post("a", "1")
            clock.sleep(14)
            await client.post("a", "2")
            assert server.links == 1
            clock.sleep(16)
            await client.post("a", "3")
            assert server.links == 2

    run(test)


def test_the_functions_own_credentials_sign() -> None:
    async def test() -> None:
        async with serving() as (server, _):
            client = connect(f"http://127.0.0.1:{server.port}/live")
            await client.post("a", "x")
            await client.close()
            headers = server.requests[0][2]
            assert "Credential=test/" in headers["authorization"]
            assert "/us-east-1/execute-api/aws4_request" in headers["authorization"]
            assert "x-amz-security-token" not in headers

    run(test)
