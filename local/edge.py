"""A stand-in for CloudFront: a proxy on 127.0.0.1 in front of the deployed distribution.

MiniStack finds a distribution by the `Host` header, a name that only browsers resolve. The proxy sets it, so that one
address works for every client. It claims HTTPS, since the distribution redirects HTTP. It tells MiniStack the viewer's
Host and address, which CloudFront knows by itself: the deployed CloudFront function and policies decide what of them
reaches a function, as in AWS. Bodies are forwarded whole, never streamed. A few paths cannot be forwarded: MiniStack
answers them itself, whatever the host.

Pages of other sites may call what they may call in AWS to any effect: the viewers' routes. They may also link to pages
and load modules. MiniStack serves the distribution to nobody else, so nobody can claim another address.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from local.foreign_pages import RefuseForeignPages
from local.settings import EDGE_HEADER, EDGE_SECRET, VIEWER_HOST_HEADER

_RESERVED_BY_MINISTACK = (
    "/_ministack/",
    "/_localstack/",
    "/_aws/",
    "/health",
    "/iceberg",
    "/logout",
    "/oauth2/",
    "/v2/",
    "/v20180820/",
)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
_SET_HERE = frozenset(
    {"host", "content-length", "x-forwarded-proto", "cloudfront-viewer-address", EDGE_HEADER, VIEWER_HOST_HEADER}
)
_SET_BY_SERVER = frozenset({"content-length", "date", "server"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DOCUMENTATION = frozenset({"/api/docs", "/api/openapi.json"})
_CONNECTIONS = 16
"""Concurrent requests; the rest wait. Each occupies a Lambda, which here is a process on this machine."""
_KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections, so that none is closed just as it is reused."""
_TIMEOUT_SECONDS = 70
"""Longer than MiniStack waits for an origin, as the template says."""


def application(
    ministack_url: str, distribution: str, secret: str, transport: httpx.AsyncBaseTransport | None = None
) -> Starlette:
    """The proxy for one distribution; `transport` replaces the network to MiniStack, which knows the secret."""
    url = httpx.URL(ministack_url)
    host = f"{distribution}.cloudfront.localhost:{url.port}"

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, pool=None)
        async with httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(limits=limits, retries=1), timeout=timeout
        ) as http:
            app.state.http = http
            yield

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await proxy(Request(scope, receive))
        await answer(scope, receive, send)

    async def proxy(request: Request) -> Response:
        if request.url.path.startswith(_RESERVED_BY_MINISTACK):
            error = "MiniStack reserves this path; in AWS it would reach the distribution's origin"
            return JSONResponse({"error": error}, status_code=404)
        http: httpx.AsyncClient = request.app.state.http
        target = url.copy_with(raw_path=_raw_target(request))
        headers = [
            *((name, value) for name, value in request.headers.raw if _is_forwarded(name, _SET_HERE)),
            (b"host", host.encode()),
            (VIEWER_HOST_HEADER.encode(), request.headers.get("host", "").encode("latin-1")),
            (b"x-forwarded-proto", b"https"),
            (EDGE_HEADER.encode(), secret.encode()),
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
            *([(b"cloudfront-viewer-address", "{}:{}".format(*request.client).encode())] if request.client else []),
        ]
        # Not http.build_request, which adds httpx's default headers.
        upstream = httpx.Request(request.method, target, headers=headers, content=await request.body())
        try:
            answer = await http.send(upstream, stream=True)
            body = b"".join([part async for part in answer.aiter_raw()])
            await answer.aclose()
        except httpx.TransportError as error:
            return JSONResponse({"error": f"The local cloud does not answer: {error!r}"}, status_code=502)
        response = Response(body, status_code=answer.status_code)
        bodiless = request.method == "HEAD" or answer.status_code in {204, 304}
        response.raw_headers = [
            *((name.lower(), value) for name, value in answer.headers.raw if _is_forwarded(name, _SET_BY_SERVER)),
            *([] if bodiless else [(b"content-length", str(len(body)).encode())]),
        ]
        return response

    # The router's default, not a route: a route's pattern does not match every character that a path may contain.
    app = Starlette(lifespan=lifespan, middleware=[Middleware(RefuseForeignPages, any_origin=_open_to_any_page)])
    app.router.default = forward
    return app


def _open_to_any_page(scope: Scope) -> bool:
    path: str = scope["path"]
    if scope["type"] != "http" or not path.startswith("/api/"):
        return scope["type"] == "http" and scope["method"] in _SAFE
    return path.startswith("/api/viewer/") or (path in _DOCUMENTATION and scope["method"] in _SAFE)


def _raw_target(request: Request) -> bytes:
    """Path and query exactly as sent: percent-encoding carries meaning."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path


def _is_forwarded(name: bytes, withheld: frozenset[str]) -> bool:
    lower = name.decode("latin-1").lower()
    return lower not in _HOP_BY_HOP and lower not in withheld


def main() -> None:
    """Serve on 127.0.0.1 until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.edge", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ministack", required=True, metavar="URL")
    parser.add_argument("--distribution", required=True, metavar="LABEL", help="the part before .cloudfront.net")
    options = parser.parse_args()
    app = application(options.ministack, options.distribution, os.environ[EDGE_SECRET])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        ws="none",
        proxy_headers=False,  # trust the connection's address, not the client's headers
    )


if __name__ == "__main__":
    main()
