"""CloudFront's place on this machine: one origin on 127.0.0.1 that goes through the deployed distribution.

MiniStack finds a distribution by the `Host` header, a name that only browsers resolve; this proxy sets it, so that one
plain address works everywhere, and says in `X-Forwarded-Host` which one it was. It says that the viewer came by HTTPS,
since the distribution sends anybody else away, and from which address, as the real CloudFront does. A body is passed on
whole, never in parts. A few paths cannot be passed on at all: MiniStack answers them itself, whatever the host.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

_KEPT_BY_MINISTACK = (
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
_SET_HERE = frozenset({"host", "content-length", "x-forwarded-host", "x-forwarded-proto", "cloudfront-viewer-address"})
_SET_BY_THE_SERVER = frozenset({"content-length", "date", "server"})
_CONNECTIONS = 16
"""Requests at once; each keeps a Lambda busy, which here is a process of this machine's. The others wait their turn."""
_KEPT_SECONDS = 75
"""How long a connection may lie idle: longer than a client's pool keeps one, lest it be closed as it is used again."""
_TIMEOUT_SECONDS = 70
"""A little more than CloudFront waits for an origin."""


def application(ministack_url: str, distribution: str, transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """The proxy for one distribution; `transport` is the way to MiniStack."""
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
        answer = await pass_on(Request(scope, receive))
        await answer(scope, receive, send)

    async def pass_on(request: Request) -> Response:
        if request.url.path.startswith(_KEPT_BY_MINISTACK):
            error = "MiniStack keeps this path for itself; in AWS it would reach the distribution's origin"
            return JSONResponse({"error": error}, status_code=404)
        http: httpx.AsyncClient = request.app.state.http
        target = url.copy_with(raw_path=_raw_target(request))
        headers = [
            *((name, value) for name, value in request.headers.raw if _passes(name, _SET_HERE)),
            (b"host", host.encode()),
            (b"x-forwarded-host", request.headers.get("host", "").encode("latin-1")),
            (b"x-forwarded-proto", b"https"),
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
            *([(b"cloudfront-viewer-address", "{}:{}".format(*request.client).encode())] if request.client else []),
        ]
        # Not the client's own build_request, which adds the headers that httpx likes to send.
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
            *((name.lower(), value) for name, value in answer.headers.raw if _passes(name, _SET_BY_THE_SERVER)),
            *([] if bodiless else [(b"content-length", str(len(body)).encode())]),
        ]
        return response

    # The router's last resort, and no route: a route's pattern does not take every character that a path may have.
    app = Starlette(lifespan=lifespan)
    app.router.default = forward
    return app


def _raw_target(request: Request) -> bytes:
    """Path and query exactly as they were sent: percent-encoding carries meaning."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path


def _passes(name: bytes, withheld: frozenset[str]) -> bool:
    lower = name.decode("latin-1").lower()
    return lower not in _HOP_BY_HOP and lower not in withheld


def main() -> None:
    """Serve on 127.0.0.1 until ended."""
    parser = argparse.ArgumentParser(prog="python -m local.edge", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ministack", required=True, metavar="URL")
    parser.add_argument("--distribution", required=True, metavar="LABEL", help="the part before .cloudfront.net")
    options = parser.parse_args()
    app = application(options.ministack, options.distribution)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_keep_alive=_KEPT_SECONDS,
        proxy_headers=False,  # who asks is who connected, whatever they say
    )


if __name__ == "__main__":
    main()
