"""Refuses what a web page of another site sends to a server on this machine.

Any page in a browser may call loopback, and a name of its own site may resolve to it (DNS rebinding). So each server of
the local cloud accepts only a Host on loopback, and a request of a page only from its own origin. Browsers send Origin
with every request that can change something and with every WebSocket, and Sec-Fetch-Site with all others:
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
Another port of loopback is the same site for a browser, and may still be anybody's page.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("cairn.local")

_OWN_SITES = frozenset({"same-origin", "none"})
"""`none` is a person who typed the address or chose a bookmark."""
_LONGEST_LOGGED = 200


def is_loopback(host: str) -> bool:
    """Whether a Host header or a URL's authority means this machine, as far as that is known without DNS.

    Browsers resolve localhost and every name below it to loopback themselves.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def refusal(headers: Headers, *, any_origin: bool) -> str | None:
    """Why a request is refused; None for one that is not. `any_origin` accepts pages of other sites."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(hosts[0]):
        return "the Host is not this machine"
    if any_origin:
        return None
    own = f"http://{hosts[0]}".lower()
    if any(origin.lower() != own for origin in headers.getlist("origin")):
        return "a page of another origin sent it"
    if any(site.lower() not in _OWN_SITES for site in headers.getlist("sec-fetch-site")):
        return "a page of another site caused it"
    return None


class RefuseForeignPages:
    """ASGI middleware: 403, or a closed handshake, before the application sees the request.

    `any_origin` says which requests pages of other sites may send. Their Host must be loopback, too.
    """

    def __init__(self, app: ASGIApp, any_origin: Callable[[Scope], bool] = lambda _: False) -> None:
        self._app = app
        self._any_origin = any_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = refusal(Headers(scope=scope), any_origin=self._any_origin(scope))
        if reason is None:
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, reason)


async def refuse(scope: Scope, receive: Receive, send: Send, reason: str, answer: Response | None = None) -> None:
    """Answer 403 with the reason, or as given, and log it."""
    headers = Headers(scope=scope)
    sender = headers.get("origin") or headers.get("host") or ""
    what = f"{scope.get('method', 'WebSocket')} {scope['path']}"
    logger.warning("refused: %s (%r, %r)", reason, what[:_LONGEST_LOGGED], sender[:_LONGEST_LOGGED])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted, servers answer 403
        return
    answer = answer or JSONResponse({"error": f"refused: {reason}", "details": []}, status_code=403)
    await answer(scope, receive, send)
