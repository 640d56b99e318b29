"""The local stand-in for CloudFront forwards requests and responses unchanged."""

from __future__ import annotations

import asyncio
import gzip

import httpx
import pytest

from local.edge import application
from local.settings import EDGE_HEADER, VIEWER_HOST_HEADER

# An event loop needs a socket pair; nothing leaves the process.
pytestmark = pytest.mark.enable_socket


def answered(status: int, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> httpx.Response:
    """A response whose body is not read yet, as from a connection."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def through_the_edge(
    request: httpx.Request, answer: httpx.Response | Exception | None = None
) -> tuple[httpx.Response, list[httpx.Request]]:
    """The viewer's response, and the requests that MiniStack received."""
    received: list[httpx.Request] = []

    async def ministack(request: httpx.Request) -> httpx.Response:
        await request.aread()
        received.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer or answered(200)

    async def ask() -> httpx.Response:
        app = application("http://127.0.0.1:4566", "d123", "s3cret", httpx.MockTransport(ministack))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            response = await transport.handle_async_request(request)
            # As sent over the wire, not as a client would decode it.
            assert isinstance(response.stream, httpx.AsyncByteStream)
            body = b"".join([part async for part in response.stream])
            return httpx.Response(
                response.status_code,
                headers=response.headers,
                stream=httpx.ByteStream(body),
                request=request,
            )

    return asyncio.run(ask()), received


def test_a_request_reaches_the_distribution_by_its_host_as_if_by_https() -> None:
    _, (request,) = through_the_edge(
        httpx.Request("POST", "http://127.0.0.1:4567/api/x%2Fy?a=1&a=%20&b", content=b"body", headers={"X-Own": "1"})
    )
    assert request.method == "POST"
    assert request.url.raw_path == b"/api/x%2Fy?a=1&a=%20&b"
    assert request.headers["host"] == "d123.cloudfront.localhost:4566"
    assert request.headers["x-forwarded-proto"] == "https"
    assert request.headers[VIEWER_HOST_HEADER] == "127.0.0.1:4567"
    assert request.headers["x-own"] == "1"
    assert request.content == b"body"


def test_nothing_is_added_that_the_viewer_did_not_send() -> None:
    request = httpx.Request("GET", "http://127.0.0.1:4567/")
    _, (passed,) = through_the_edge(request)
    added = {VIEWER_HOST_HEADER, "x-forwarded-proto", "cloudfront-viewer-address", EDGE_HEADER}
    assert set(passed.headers) == {"host", *added}


def test_a_viewer_cannot_forge_its_address() -> None:
    """Joins are limited by address."""
    headers = {"CloudFront-Viewer-Address": "198.51.100.7:1"}
    _, (passed,) = through_the_edge(httpx.Request("POST", "http://127.0.0.1:4567/", headers=headers))
    assert passed.headers.get_list("cloudfront-viewer-address") == ["127.0.0.1:123"]


def test_a_viewer_cannot_forge_the_host_that_it_requested() -> None:
    """Writes with a cookie are allowed when the page's origin is this host."""
    _, (passed,) = through_the_edge(
        httpx.Request("POST", "http://127.0.0.1:4567/", headers={VIEWER_HOST_HEADER: "evil.test"})
    )
    assert passed.headers.get_list(VIEWER_HOST_HEADER) == ["127.0.0.1:4567"]


def test_what_cloudfront_passes_unchanged_is_passed_unchanged() -> None:
    _, (passed,) = through_the_edge(
        httpx.Request(
            "POST", "http://127.0.0.1:4567/", headers={"X-Forwarded-Host": "a.test", "X-Cairn-Host": "b.test"}
        )
    )
    assert (passed.headers["x-forwarded-host"], passed.headers["x-cairn-host"]) == ("a.test", "b.test")


def test_the_edge_proves_itself_to_ministack_and_no_viewer_can() -> None:
    _, (passed,) = through_the_edge(httpx.Request("GET", "http://127.0.0.1:4567/", headers={EDGE_HEADER: "guessed"}))
    assert passed.headers.get_list(EDGE_HEADER) == ["s3cret"]


@pytest.mark.parametrize("page", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/session"), ("GET", "/api/health"), ("POST", "/"), ("POST", "/api/docs")]
)
def test_a_page_of_another_origin_does_not_call_the_api(method: str, path: str, page: dict[str, str]) -> None:
    response, requests = through_the_edge(httpx.Request(method, f"http://127.0.0.1:4567{path}", headers=page))
    assert (response.status_code, requests) == (403, [])
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/viewer/join"),
        ("OPTIONS", "/api/viewer/join"),
        *[("GET", path) for path in ("/viewers.js", "/embed/demo", "/leaderboard", "/api/docs", "/api/openapi.json")],
    ],
)
def test_but_it_may_count_viewers_load_modules_and_link_here(method: str, path: str) -> None:
    page = {"Origin": "https://a.site", "Sec-Fetch-Site": "cross-site"}
    response, requests = through_the_edge(httpx.Request(method, f"http://127.0.0.1:4567{path}", headers=page))
    assert (response.status_code, len(requests)) == (200, 1)


def test_a_name_that_was_bound_to_this_machine_does_not_reach_it() -> None:
    response, requests = through_the_edge(httpx.Request("POST", "http://rebound.example:4567/api/viewer/join"))
    assert (response.status_code, requests) == (403, [])


def test_hop_by_hop_headers_are_not_forwarded() -> None:
    headers = {"Connection": "keep-alive", "Keep-Alive": "5", "TE": "trailers", "Accept": "*/*"}
    answer = answered(200, [("Connection", "close"), ("X-Own", "1")], b"x")
    response, (request,) = through_the_edge(httpx.Request("GET", "http://127.0.0.1:4567/", headers=headers), answer)
    assert not {"connection", "keep-alive", "te"} & set(request.headers)
    assert "connection" not in response.headers
    assert response.headers["x-own"] == "1"


def test_status_repeated_headers_and_body_are_returned_unchanged() -> None:
    answer = answered(418, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"short")
    response, _ = through_the_edge(httpx.Request("GET", "http://127.0.0.1:4567/"), answer)
    assert response.status_code == 418
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.read() == b"short"
    assert response.headers["content-length"] == "5"


def test_a_compressed_body_stays_compressed() -> None:
    packed = gzip.compress(b"words" * 100)
    answer = answered(200, [("Content-Encoding", "gzip")], packed)
    response, _ = through_the_edge(httpx.Request("GET", "http://127.0.0.1:4567/"), answer)
    assert response.read() == b"words" * 100
    assert response.headers["content-length"] == str(len(packed))


def test_a_response_without_a_body_has_no_content_length() -> None:
    response, _ = through_the_edge(httpx.Request("DELETE", "http://127.0.0.1:4567/api/channels/1"), answered(204))
    assert "content-length" not in response.headers


def test_paths_reserved_by_ministack_do_not_reach_it() -> None:
    response, requests = through_the_edge(httpx.Request("POST", "http://127.0.0.1:4567/_ministack/reset"))
    assert response.status_code == 404
    assert requests == []


def test_an_unreachable_cloud_is_a_bad_gateway() -> None:
    response, _ = through_the_edge(httpx.Request("GET", "http://127.0.0.1:4567/"), httpx.ConnectError("refused"))
    assert response.status_code == 502
