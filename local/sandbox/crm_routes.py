"""`POST /crm/{name}`: a CRM takes a webhook, or does what it was told to do instead."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from email.utils import formatdate

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.sandbox.clock import Clock
from local.sandbox.crm import ACCEPTED, CRM_NAME, CrmFailure, TooManyCrmsError
from local.sandbox.failures import DroppedConnection
from local.sandbox.world import World

LARGEST_BODY = 256 * 1024
HANG_SECONDS = 60.0
TRICKLE_SECONDS = 1.0
TRICKLED = b'{"ok": true, "words": "one byte at a time, for as long as anybody listens"}'
ENDLESS_PART = b" " * 16 * 1024
ENDLESS_PAUSE_SECONDS = 0.02
ENDLESS_SECONDS = 600
_WITHHELD = frozenset({"accept", "accept-encoding", "connection", "content-length", "host"})
_OUTCOMES = {
    "hang": "no answer",
    "trickle": "200, one byte at a time",
    "reset": "connection reset",
    "endless": "200, a body without end",
}


class ResetConnection(Response):
    """TCP's RST in place of an answer, which a client sees as an error of the connection and not as a response."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `receive` is a method of its cycle of request and response, which knows the connection.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if not isinstance(transport, asyncio.Transport):
            await DroppedConnection()(scope, receive, send)
            return
        connection = transport.get_extra_info("socket")
        # Lingering for zero seconds discards what is unsent and sends RST: https://man7.org/linux/man-pages/man7/socket.7.html
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        while (await receive())["type"] != "http.disconnect":  # until then uvicorn would answer 500 for no response
            pass


def outcome_of(failure: CrmFailure | None) -> str:
    """How a response is listed."""
    if failure is None:
        return ACCEPTED
    return str(failure.status) if failure.mode == "status" else _OUTCOMES[failure.mode]


async def respond(failure: CrmFailure | None, clock: Clock) -> Response:
    """A CRM's response while `failure` is active."""
    if failure is None:
        return JSONResponse({"ok": True}, status_code=int(ACCEPTED))
    if failure.mode == "status":
        return JSONResponse({"ok": False}, failure.status, status_headers(failure, clock.now()))
    if failure.mode == "reset":
        return ResetConnection()
    if failure.mode == "trickle":
        return StreamingResponse(trickle(failure, clock), media_type="application/json")
    if failure.mode == "endless":
        return StreamingResponse(endless(clock), media_type="application/json")
    await clock.sleep(HANG_SECONDS if failure.delay is None else failure.delay)
    return ResetConnection()


def status_headers(failure: CrmFailure, now: float) -> dict[str, str]:
    """Where a redirect leads, and when to try again: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""
    headers = {"Location": "/crm/moved"} if 300 <= failure.status < 400 else {}
    if failure.retry_after is not None:
        date = formatdate(now + failure.retry_after, usegmt=True)
        headers["Retry-After"] = date if failure.retry_after_as == "date" else str(failure.retry_after)
    return headers


async def trickle(failure: CrmFailure, clock: Clock) -> AsyncIterator[bytes]:
    """The body, a byte at a time."""
    for byte in TRICKLED:
        yield bytes([byte])
        await clock.sleep(TRICKLE_SECONDS if failure.delay is None else failure.delay)


async def endless(clock: Clock) -> AsyncIterator[bytes]:
    """Blanks until the client leaves, or has listened for ten minutes."""
    ends = clock.now() + ENDLESS_SECONDS
    while clock.now() < ends:
        yield ENDLESS_PART
        await clock.sleep(ENDLESS_PAUSE_SECONDS)


async def body_of(request: Request) -> bytes:
    """The whole body; 413 for one that a CRM would not take."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"a CRM takes {LARGEST_BODY} bytes")
    return body


def routes(world: World) -> list[Route]:
    async def receive(request: Request) -> Response:
        try:
            crm = world.crms.named(crm_name(request))
            body = await body_of(request)
        except TooManyCrmsError as error:
            raise HTTPException(429, str(error)) from None
        except ClientDisconnect:
            return Response(status_code=400)
        failure = world.crms.take_failure(crm)
        headers = {name: value for name, value in request.headers.items() if name not in _WITHHELD}
        world.crms.receive(crm, headers, body, outcome_of(failure))
        return await respond(failure, world.clock)

    return [Route("/crm/{name}", receive, methods=["POST"])]


def crm_name(request: Request) -> str:
    """The name in the path; 404 for one that no CRM can have."""
    name = str(request.path_params["name"])
    if not CRM_NAME.fullmatch(name):
        raise HTTPException(404, "a CRM's name has up to 40 lower-case letters, digits and hyphens")
    return name
