"""The local stand-in for CloudFront passes on what came, and gives back what was answered."""

from __future__ import annotations

import asyncio
import gzip

import httpx
import pytest

from local.edge import application

# An event loop has a pair of sockets for itself; nothing leaves the process.
pytestmark = pytest.mark.enable_socket


def answered(status: int, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> httpx.Response:
    """An answer whose body is still to be read, as from a connection."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def through_the_edge(
    request: httpx.Request, answer: httpx.Response | Exception | None = None
) -> tuple[httpx.Response, list[httpx.Request]]:
    """What a viewer gets for a request, and what MiniStack got."""
    got: list[httpx.Request] = []

    async def ministack(request: httpx.Request) -> httpx.Response:
        await request.aread()
        got.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer or answered(200)

    async def ask() -> httpx.Response:
        app = application("http://127.0.0.1:4566", "d123", httpx.MockTransport(ministack))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            response = await transport.handle_async_request(request)
            # As it came over the wire, not as a client would unpack it.
            assert isinstance(response.stream, httpx.AsyncByteStream)
            body = b"".join([part async for part in response.stream])
            return httpx.Response(
                response.status_code,
                headers=response.headers,
                stream=httpx.ByteStream(body),
                request=request,
            )

    return asyncio.run(ask()), got


def test_a_request_reaches_the_distribution_by_its_host_as_if_by_https() -> None:
    _, (request,) = through_the_edge(
        httpx.Request("POST", "http://edge/api/x%2Fy?a=1&a=%20&b", content=b"body", headers={"X-Own": "1"})
    )
    assert request.method == "POST"
    assert request.url.raw_path == b"/api/x%2Fy?a=1&a=%20&b"
    assert request.headers["host"] == "d123.cloudfront.localhost:4566"
    assert request.headers["x-forwarded-proto"] == "https"
    assert request.headers["x-forwarded-host"] == "edge"
    assert request.headers["x-own"] == "1"
    assert request.content == b"body"


def test_nothing_is_added_that_the_viewer_did_not_send() -> None:
    request = httpx.Request("GET", "http://edge/")
    _, (passed,) = through_the_edge(request)
    assert set(passed.headers) == {"host", "x-forwarded-host", "x-forwarded-proto", "cloudfront-viewer-address"}


def test_a_viewer_cannot_say_from_which_address_it_comes() -> None:
    """By which joins are capped."""
    headers = {"CloudFront-Viewer-Address": "198.51.100.7:1"}
    _, (passed,) = through_the_edge(httpx.Request("POST", "http://edge/", headers=headers))
    assert passed.headers.get_list("cloudfront-viewer-address") == ["127.0.0.1:123"]


def test_a_viewer_cannot_say_by_which_address_it_came() -> None:
    """Writes by cookie are let through when the page's origin is this address."""
    _, (passed,) = through_the_edge(httpx.Request("POST", "http://edge/", headers={"X-Forwarded-Host": "evil.test"}))
    assert passed.headers.get_list("x-forwarded-host") == ["edge"]


def test_what_concerns_one_connection_stays_on_it() -> None:
    headers = {"Connection": "keep-alive", "Keep-Alive": "5", "TE": "trailers", "Accept": "*/*"}
    answer = answered(200, [("Connection", "close"), ("X-Own", "1")], b"x")
    response, (request,) = through_the_edge(httpx.Request("GET", "http://edge/", headers=headers), answer)
    assert not {"connection", "keep-alive", "te"} & set(request.headers)
    assert "connection" not in response.headers
    assert response.headers["x-own"] == "1"


def test_status_repeated_headers_and_body_come_back_as_they_were() -> None:
    answer = answered(418, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"short")
    response, _ = through_the_edge(httpx.Request("GET", "http://edge/"), answer)
    assert response.status_code == 418
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.read() == b"short"
    assert response.headers["content-length"] == "5"


def test_a_compressed_body_stays_compressed() -> None:
    packed = gzip.compress(b"words" * 100)
    answer = answered(200, [("Content-Encoding", "gzip")], packed)
    response, _ = through_the_edge(httpx.Request("GET", "http://edge/"), answer)
    assert response.read() == b"words" * 100
    assert response.headers["content-length"] == str(len(packed))


def test_an_answer_without_a_body_claims_no_length() -> None:
    response, _ = through_the_edge(httpx.Request("DELETE", "http://edge/api/channels/1"), answered(204))
    assert "content-length" not in response.headers


def test_paths_that_ministack_keeps_for_itself_do_not_reach_it() -> None:
    response, requests = through_the_edge(httpx.Request("POST", "http://edge/_ministack/reset"))
    assert response.status_code == 404
    assert requests == []


def test_a_cloud_that_is_gone_is_a_bad_gateway() -> None:
    response, _ = through_the_edge(httpx.Request("GET", "http://edge/"), httpx.ConnectError("refused"))
    assert response.status_code == 502
