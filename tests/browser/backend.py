"""A fake Cairn on 127.0.0.1: the real pages with the real headers, and as much of the API and the rooms as they need.

It runs in its own thread. A test changes its responses, publishes events, cuts connections, and takes it down.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import ClientConnectionResetError, WSMsgType, web

from local.settings import ROOT
from tests.browser.revenue.service import Service as Revenue
from tests.browser.usage.service import Service as Usage
from tests.browser.viewers.audience import Audience, iso
from tests.browser.webhooks.service import Service

WEB = ROOT / "web"
PERIOD = "2026-11"
PASSWORD = "correct horse"
MODULES = {
    "ada": ["leaderboard"],
    "grace": ["admin"],
    "eve": ["analytics"],
    "hook": ["webhooks"],
    "wall": ["display"],
    "tess": [],
    "newt": [],
}
CHALLENGES = {"tess": "totp", "newt": "newPassword"}
"""Who needs more than a password to sign in."""
CODE, NEW_PASSWORD, SECRET = "123456", "Another horse 2 battery!", "JBSWY3DPEHPK3PXP"
COOKIE, REFRESH_COOKIE = "session", "refresh"
CHANNEL_PAGES = ("embed", "live")
"""Pages about a channel: one file for every channel."""
ANONYMOUS = "anonymous"
KEPT = 1000
"""How many events a room keeps."""


def policy(origin: str, framing: str = "frame-ancestors 'none'; ") -> str:
    """The pages' Content-Security-Policy, including Trusted Types, without an exception."""
    return (
        f"default-src 'none'; {framing}base-uri 'none'; form-action 'none'; script-src 'self'; "
        "style-src 'self'; font-src 'self'; manifest-src 'self'; img-src 'self' data: https://pictures.invalid; "
        f"connect-src 'self' {origin.replace('http', 'ws', 1)}; require-trusted-types-for 'script'"
    )


class Backend:
    def __init__(self) -> None:
        self.origin = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self._run(self._start())
        self.reset()

    def reset(self) -> None:
        """The initial state: nobody signed in, an empty board, no events, everything up."""
        self.cut()
        self.reps: list[dict[str, Any]] = []
        self.pushed = 100
        self.badges: dict[int, list[dict[str, str]]] = {}
        self.archive: dict[str, list[dict[str, Any]]] = {}
        self.ladders: dict[str, list[int]] | None = None
        self.down = False
        self.ahead = timedelta()
        """How far this server's clock is ahead, for pages whose clock a test holds."""
        self.generation = 0
        """Sessions of an older generation have expired."""
        self.refreshable = True
        self.limited = False
        """Whether too many sign-ins have failed."""
        self.second_factor = False
        self.version = ""
        self.requests: list[tuple[str, str]] = []
        self.page_size = 100
        self.rooms_refused: set[str] = set()
        self.time_zone = "UTC"
        self._tickets: dict[str, str] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._sockets: dict[web.WebSocketResponse, set[str]] = {}
        self.webhooks = Service(self.now)
        self.usage = Usage(self.now)
        self.revenue = Revenue(self.now)
        self.audience = Audience(self.origin, lambda room, frame: self._post(room, frame), self.now)

    def close(self) -> None:
        self.cut()
        if self._runner:
            self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- what a test does

    def publish(self, room: str, event: str, data: Any, *, expires: datetime | None = None) -> None:
        """Append an event to a room, and send it to the room's sockets."""
        events = self._events.setdefault(room, [])
        frame = {
            "id": f"{room}/{len(events) + 1}",
            "event": event,
            "room": room,
            "at": iso(self.now()),
            "data": data,
        }
        events.append(frame | ({"expiresAt": iso(expires)} if expires else {}))
        self._run(self._post(room, events[-1]))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def celebrate(self, celebration: dict[str, Any]) -> None:
        """A milestone on the TV, fresh until ten minutes after it was achieved."""
        achieved = datetime.fromisoformat(celebration["timestamp"])
        self.publish("tv-display", "achievement:celebration", celebration, expires=achieved + timedelta(minutes=10))

    def refresh(self) -> None:
        """Send the current board to everyone."""
        now = self.now()
        frame = {"id": f"everyone/{int(now.timestamp() * 1000)}", "event": "leaderboard:refresh", "room": "everyone"}
        board = {"data": self._ranked()[: self.pushed], "total": len(self.reps), "period": PERIOD}
        self._run(self._post("everyone", frame | {"at": iso(now)} | board))

    def crowd(self, channel: str, viewers: int) -> None:
        """Set how many others watch a channel, and announce the new count to its viewers."""
        self.audience.crowd[channel] = viewers
        self._run(self.audience.announce(channel))

    def cut(self) -> None:
        """Cut every socket, without a closing handshake."""
        self._run(self._cut())

    @property
    def sockets(self) -> int:
        return len(self._sockets)

    def in_room(self, room: str) -> int:
        return sum(room in rooms for rooms in self._sockets.values())

    # -- the server

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._middleware])
        app.router.add_get("/sockets", self._socket)
        app.router.add_get("/api/config", self._config)
        app.router.add_route("*", "/api/session", self._session)
        app.router.add_post("/api/session/refresh", self._renew)
        app.router.add_post("/api/session/challenge", self._answered)
        app.router.add_post("/api/session/password", self._password)
        app.router.add_route("*", "/api/session/second-factor", self._second_factor)
        app.router.add_post("/api/session/second-factor/removal", self._second_factor_off)
        app.router.add_post("/api/ws-ticket", self._ticket)
        app.router.add_get("/api/leaderboard", self._board)
        app.router.add_get("/api/leaderboard/sales-reps/{id}/badges", self._badges_of)
        app.router.add_route("*", "/api/viewer/{what}", self._viewers)
        app.router.add_get("/api/viewer/{what}/{channel}", self._viewers)
        app.router.add_route("*", "/api/webhooks/{path:.*}", self._webhooks)
        app.router.add_route("*", "/api/users{path:.*}", self._usage)
        app.router.add_route("*", "/api/usage/{path:.*}", self._usage)
        for path in ("agencies", "creators", "analytics"):
            app.router.add_route("*", f"/api/{path}{{path:.*}}", self._revenue)
        app.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        response = await self._authorize(request, handler)
        if not response.prepared:
            response.headers["Date"] = format_datetime(self.now(), usegmt=True)
        return response

    async def _authorize(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self.down or (request.path == "/sockets" and self.audience.sockets_rejected):
            return web.json_response({"error": "down"}, status=503)
        leaderboard = request.path.startswith(("/api/leaderboard", "/api/ws-ticket"))
        if leaderboard and not self._who(request):
            return web.json_response({"error": "Sign in first"}, status=401)
        if request.path.startswith("/api/leaderboard") and "analytics" in MODULES[self._who(request)]:
            return web.json_response({"error": "Access denied"}, status=403)
        return await handler(request)

    def _who(self, request: web.Request) -> str:
        name, _, generation = request.cookies.get(COOKIE, "").partition(".")
        return name if generation == str(self.generation) else ""

    async def _page(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/") or "index.html"
        about, slash, _ = path.partition("/")
        if about in CHANNEL_PAGES and slash:
            path = about
        file = WEB / path
        if not file.is_file():
            file = WEB / f"{path}.html"
        if not file.is_file():
            return web.Response(status=404, text="Not found")
        body = file.read_bytes()
        return web.Response(
            body=body,
            headers={
                "content-type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
                "content-security-policy": policy(self.origin, *([""] if about == "embed" else [])),
                **({"access-control-allow-origin": "*"} if file.suffix == ".js" else {}),
                "x-content-type-options": "nosniff",
                "referrer-policy": "strict-origin-when-cross-origin",
                "cache-control": "no-cache",
                "etag": f'"{hashlib.sha256(body + self.version.encode()).hexdigest()[:16]}"',
            },
        )

    async def _config(self, request: web.Request) -> web.Response:
        answer: dict[str, Any] = {
            "webSocketUrl": f"{self.origin.replace('http', 'ws', 1)}/sockets",
            "timeZone": self.time_zone,
        }
        return web.json_response(answer | ({"ladders": self.ladders} if self.ladders else {}))

    async def _session(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            answer = web.Response(status=204)
            answer.del_cookie(COOKIE)
            answer.del_cookie(REFRESH_COOKIE, path="/api/session")
            return answer
        if request.method == "POST":
            body = await request.json()
            if self.limited:
                return web.json_response({"error": "too many"}, status=429, headers={"Retry-After": "121"})
            if body["password"] == PASSWORD and body["name"] in CHALLENGES:
                challenge = {"challenge": CHALLENGES[body["name"]], "name": body["name"], "session": "s" * 40}
                return web.json_response(challenge, status=202)
            if body["name"] not in MODULES or body["password"] != PASSWORD:
                return web.json_response({"error": "Name or password is wrong"}, status=401)
            return self._signed_in(body["name"])
        who = self._who(request)
        if not who:
            return web.json_response({"error": "Nobody is signed in"}, status=401)
        return web.json_response(self._person(who))

    async def _renew(self, request: web.Request) -> web.Response:
        who = request.cookies.get(REFRESH_COOKIE, "")
        if not who or not self.refreshable:
            return web.json_response({"error": "Sign in again"}, status=401)
        return self._signed_in(who)

    async def _answered(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert set(body) == {"challenge", "name", "session", "answer"}
        expected = {"totp": CODE, "newPassword": NEW_PASSWORD}[body["challenge"]]
        if body["answer"] != expected:
            return web.json_response({"error": "wrong code: use the newest one"}, status=401)
        return self._signed_in(body["name"])

    async def _password(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["current"] != PASSWORD:
            return web.json_response({"error": "the current password is wrong"}, status=401)
        if body["new"] != NEW_PASSWORD:
            return web.json_response({"error": "new: must have symbols"}, status=400)
        return self._signed_in(self._who(request))

    async def _second_factor(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"enabled": self.second_factor})
        body = await request.json()
        if request.method == "POST":
            if body["password"] != PASSWORD:
                return web.json_response({"error": "wrong name or password"}, status=401)
            return web.json_response({"secret": SECRET, "uri": f"otpauth://totp/Cairn%3Aada?secret={SECRET}"})
        if body["code"] != CODE:
            return web.json_response({"error": "wrong code: use the newest one"}, status=401)
        self.second_factor = True
        return web.Response(status=204)

    async def _second_factor_off(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body == {"password": PASSWORD, "code": CODE}
        self.second_factor = False
        return web.Response(status=204)

    def _signed_in(self, who: str) -> web.Response:
        answer = web.json_response(self._person(who))
        answer.set_cookie(COOKIE, f"{who}.{self.generation}", httponly=True, samesite="Strict")
        answer.set_cookie(REFRESH_COOKIE, who, httponly=True, samesite="Strict", path="/api/session")
        return answer

    def _person(self, who: str) -> dict[str, Any]:
        ends = self.now() + timedelta(hours=1)
        return {"userId": who, "name": who.title(), "modules": MODULES[who], "expiresAt": iso(ends)}

    async def _ticket(self, request: web.Request) -> web.Response:
        ticket = f"ticket-{len(self._tickets)}"
        self._tickets[ticket] = self._who(request)
        return web.json_response({"ticket": ticket, "expiresIn": 60})

    async def _board(self, request: web.Request) -> web.Response:
        period = request.query.get("period", PERIOD)
        items = self._ranked() if period == PERIOD else self.archive.get(period)
        if items is None:
            return web.json_response({"error": "No such board"}, status=404)
        items = [rep | {"badges": self.badges.get(rep["id"], [])} for rep in items]
        return web.json_response({"period": period, "total": len(items), **self._part(request, items)})

    async def _badges_of(self, request: web.Request) -> web.Response:
        return web.json_response({"items": self.badges.get(int(request.match_info["id"]), []), "nextCursor": None})

    def _part(self, request: web.Request, items: list[dict[str, Any]]) -> dict[str, Any]:
        start = int(request.query.get("cursor", "0"))
        end = start + min(int(request.query.get("limit", "100")), self.page_size)
        return {"items": items[start:end], "nextCursor": str(end) if end < len(items) else None}

    def _ranked(self) -> list[dict[str, Any]]:
        revenues = sorted((rep["monthlyRevenue"] for rep in self.reps), reverse=True)
        ranked = [rep | {"rank": revenues.index(rep["monthlyRevenue"]) + 1} for rep in self.reps]
        return sorted(ranked, key=lambda rep: (rep["rank"], rep["id"]))

    async def _webhooks(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request, {"webhooks", "admin"})
        return await self.webhooks.respond(request) if refusal is None else refusal

    async def _usage(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request, {"analytics", "admin"} if request.method == "GET" else {"admin"})
        return await self.usage.respond(request) if refusal is None else refusal

    async def _revenue(self, request: web.Request) -> web.Response:
        reads = request.method == "GET" or request.path == "/api/analytics/sync"
        refusal = self._refusal(request, {"analytics", "admin"} if reads else {"admin"})
        return await self.revenue.respond(request) if refusal is None else refusal

    def _refusal(self, request: web.Request, allowed: set[str]) -> web.Response | None:
        """What somebody without one of these modules is answered."""
        who = self._who(request)
        if not who:
            return web.json_response({"error": "Sign in first"}, status=401)
        return None if allowed & set(MODULES[who]) else web.json_response({"error": "Access denied"}, status=403)

    async def _viewers(self, request: web.Request) -> web.StreamResponse:
        return await self.audience.respond(request)

    # -- rooms

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket")
        who = self._tickets.pop(ticket, "") if ticket is not None else ANONYMOUS
        if not who:
            return web.json_response({"error": "A ticket is needed"}, status=401)
        socket = web.WebSocketResponse()
        try:
            await socket.prepare(request)
        except ClientConnectionResetError:  # the page was left during the handshake
            return web.Response(status=499)
        self._sockets[socket] = {"everyone"} if who not in ("eve", ANONYMOUS) else set()
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self._respond(socket, json.loads(message.data))
        finally:
            self._sockets.pop(socket, None)
            await self.audience.closed(socket)
        return socket

    async def _respond(self, socket: web.WebSocketResponse, message: dict[str, str]) -> None:
        room, action = message.get("room", ""), message["action"]
        frame = {"id": None, "room": room, "at": iso(self.now())}
        if action == "ping":
            await socket.send_json(frame | {"event": "pong", "data": None})
        elif action == "join" and (room.startswith("user:") or room in self.rooms_refused):
            error = {"code": "forbidden", "message": "Not your room", "room": room}
            await socket.send_json(frame | {"event": "error", "data": error})
        elif action == "join":
            self._sockets[socket].add(room)
            events = self._events.get(room, [])
            after = message.get("after", "")
            first = int(after.rpartition("/")[2]) if after else len(events)
            for kept in events[max(first, len(events) - KEPT) :]:
                await socket.send_json(kept)
            recovered = bool(after) and first >= len(events) - KEPT
            data: dict[str, Any] = {"recovered": recovered, "last": events[-1]["id"] if events else None}
            if room.startswith("channel:"):
                data["count"] = self.audience.last_count(room)
            await socket.send_json(frame | {"event": "joined", "data": data})
            await self.audience.joined(socket, room, message.get("viewer"))

    async def _post(self, room: str, frame: dict[str, Any]) -> None:
        for socket, rooms in list(self._sockets.items()):
            if room in rooms:
                with suppress(ClientConnectionResetError):
                    await socket.send_json(frame)

    async def _cut(self) -> None:
        for socket in list(getattr(self, "_sockets", {})):
            if socket._req and socket._req.transport:
                socket._req.transport.abort()
        await asyncio.sleep(0)
