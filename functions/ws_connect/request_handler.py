"""The requests of a client on its socket, and their answers.

A `join` with `after` first adds the socket to the room, and then replays what the room's log holds after that event. A
broadcast stores its event before it reads the room's sockets, and both reads are consistent. So an event that is stored
before the log is read is replayed; and the broadcast of an event that is stored later finds the socket in the room.
Each event after `after` therefore arrives at least once. One that is broadcast meanwhile may arrive twice, or before
older ones; its number says where it belongs.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cairn import audit
from cairn.audit import ANONYMOUS, Actor
from cairn.aws.websocket_api import GoneError, Poster, PostError, ThrottledError
from cairn.clock import Clock
from cairn.errors import TooManyJoinsError, TooManyTabsError
from cairn.observability import logger
from cairn.realtime.event_log import EventLog, LoggedEvent
from cairn.realtime.frames import event_id, frame, number_of
from cairn.realtime.membership import Socket, Sockets, TooManyRoomsError
from cairn.rooms import EVERYONE, channel_of, is_room, may_join
from cairn.viewers.counts import count_json
from cairn.viewers.join_limits import JoinLimits
from cairn.viewers.networks import network_tag
from cairn.viewers.presence import Presence
from cairn.viewers.presence_slots import is_channel_id, is_viewer_id
from functions.ws_connect.frame_limits import REPLAY_COST, FrameLimits, Verdict

MAX_FRAME_LENGTH = 4096
"""No request is longer than a tenth of it; API Gateway accepts 128 KB."""
FRAMES_RETRY_SECONDS = 10
"""After how many seconds a socket that was refused may send some frames again."""
PAUSES = (0.1, 0.4, 1.5)
"""Seconds between attempts to post a replayed frame while API Gateway throttles."""
TABS_RETRY_SECONDS = 60
"""After how many seconds a viewer with too many tabs may retry: tabs that closed without notice have expired then."""


class RequestError(Exception):
    """An error that the client receives as its answer."""

    def __init__(self, code: str, message: str, room: str | None = None, **more: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.room = room
        self.more = more


@dataclass(frozen=True, slots=True)
class Peer:
    """The sender of a frame: its socket, when that was opened, and its address."""

    connection_id: str
    opened_at: datetime
    address: str


class RequestHandler:
    def __init__(
        self,
        *,
        sockets: Sockets,
        event_log: EventLog,
        presence: Presence,
        join_limits: JoinLimits,
        named: Container[str],
        address_key: str,
        poster: Poster,
        clock: Clock,
    ) -> None:
        self._sockets = sockets
        self._event_log = event_log
        self._presence = presence
        self._join_limits = join_limits
        self._named = named
        self._address_key = address_key
        self._frame_limits = FrameLimits()
        self._poster = poster
        self._clock = clock

    def handle(self, peer: Peer, text: str) -> str | None:
        """The answer to a frame; None if the socket is closed instead."""
        try:
            if not self._admitted(peer.connection_id, 1, text):
                return None
            request = _parsed(text)
            if request["action"] == "ping":
                return self._answer("pong", None, {})
            room = _room(request)
            socket = self._sockets.get(peer.connection_id, peer.opened_at, self._clock())
            if socket is None:
                self._close(peer.connection_id, "recorded as closed, or past its lifetime")
                return None
            if request["action"] == "leave":
                self._sockets.leave(socket, room)
                return self._answer("left", room, {})
            if "after" in request and not self._admitted(peer.connection_id, REPLAY_COST, text):
                return None
            return self._join(socket, room, request, peer.address)
        except RequestError as error:
            room_field = {"room": error.room} if error.room else {}
            data = {"code": error.code, "message": error.message, **room_field, **error.more}
            return self._answer("error", error.room, data)

    def _admitted(self, connection_id: str, tokens: int, text: str) -> bool:
        """Whether the socket may go on; RequestError if it has to wait, False once it is closed."""
        verdict = self._frame_limits.take(connection_id, tokens, self._clock())
        if verdict is Verdict.REFUSED:
            raise RequestError("too_many_requests", "too many frames", _named(text), retryAfter=FRAMES_RETRY_SECONDS)
        if verdict is Verdict.CLOSE:
            self._close(connection_id, "it sent too many frames")
        return verdict is Verdict.ADMITTED

    def _join(self, socket: Socket, room: str, request: dict[str, Any], address: str) -> str | None:
        if not may_join(room, socket.user_id, socket.modules):
            actor = Actor("person", socket.user_id) if socket.user_id else ANONYMOUS
            audit.record("join room", actor, "refused", address=address, targets=[f"room:{room}"])
            raise RequestError("forbidden", "you may not join this room", room)
        start = _start(room, request.get("after"))
        viewer_id = _viewer(room, request.get("viewer"))
        channel = channel_of(room)
        try:
            network = network_tag(address, channel, self._address_key) if channel else ""
            if channel and (room not in socket.rooms or start is not None):
                opens = None if channel in self._named or self._presence.is_watched(channel) else channel
                self._join_limits.allow(address, self._clock(), opens=opens)
            self._sockets.join(socket, room, self._clock(), viewer_id, network)
        except TooManyRoomsError as error:
            raise RequestError("too_many_rooms", str(error), room) from None
        except TooManyTabsError as error:
            raise RequestError("too_many_tabs", error.message, room, retryAfter=TABS_RETRY_SECONDS) from None
        except TooManyJoinsError as error:
            seconds = math.ceil((error.until - self._clock()) / timedelta(seconds=1))
            raise RequestError("too_many_joins", error.message, room, retryAfter=max(1, seconds)) from None
        if room == EVERYONE:
            return self._answer("joined", room, {"recovered": False, "last": None})
        if start is None:
            last, recovered = self._event_log.last(room), False
        else:
            replay = self._event_log.after(room, start, self._clock())
            try:
                self._poster.run(self._replay(socket.connection_id, replay.events))
            except GoneError:
                self._sockets.remove(socket.connection_id, self._clock())
                return None
            except PostError as error:
                self._close(socket.connection_id, f"the replay failed: {error}")
                return None
            last, recovered = replay.last, replay.complete
            logger.info("replayed", room=room, events=len(replay.events), recovered=recovered)
        newest = event_id(room, last) if last else None
        count = self._presence.last_count(channel) if channel else None
        count_field = {"count": count_json(count) if count else None} if channel else {}
        return self._answer("joined", room, {"recovered": recovered, "last": newest, **count_field})

    async def _replay(self, connection_id: str, events: tuple[LoggedEvent, ...]) -> None:
        for event in events:
            for pause in (*PAUSES, None):
                try:
                    await self._poster.post(connection_id, event.frame)
                    break
                except ThrottledError:
                    if pause is None:
                        raise
                    await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing

    def _close(self, connection_id: str, reason: str) -> None:
        """Close a socket; its client reconnects, and continues after its last event."""
        logger.warning("socket closed", connection_id=connection_id, reason=reason)
        self._sockets.remove(connection_id, self._clock())
        try:
            self._poster.run(self._poster.disconnect(connection_id))
        except PostError as error:
            logger.warning("socket could not be closed", connection_id=connection_id, reason=str(error))

    def _answer(self, event: str, room: str | None, data: dict[str, Any]) -> str:
        return frame(None, event, room, self._clock(), data)


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > MAX_FRAME_LENGTH:
        raise RequestError("bad_request", f"a frame may have {MAX_FRAME_LENGTH} characters")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise RequestError("bad_request", "a frame must be a JSON object")
    if request.get("action") not in ("join", "leave", "ping"):
        raise RequestError("bad_request", "action must be join, leave or ping")
    return request


def _named(text: str) -> str | None:
    """The room that a refused frame names, so that the client knows what to repeat."""
    with suppress(RequestError):
        return _room(_parsed(text))
    return None


def _room(request: dict[str, Any]) -> str:
    room = request.get("room")
    if not isinstance(room, str) or not is_room(room):
        raise RequestError(
            "bad_request",
            "room must be everyone, tv-display, leaderboard, user:ID or channel:ID, and at most 200 characters long",
        )
    channel = channel_of(room)
    if channel is not None and not is_channel_id(channel):
        raise RequestError(
            "bad_request", "a channel's id must be 1 to 100 ASCII letters, digits or any of . _ ~ : @ -", room
        )
    return room


def _viewer(room: str, viewer_id: object) -> str | None:
    """The viewer id of a join to a channel's room; None if there is none."""
    if viewer_id is None or channel_of(room) is None:
        return None
    if not isinstance(viewer_id, str) or not is_viewer_id(viewer_id):
        raise RequestError("bad_request", "viewer must be 22 to 64 letters, digits, - or _, or omitted", room)
    return viewer_id


def _start(room: str, after: object) -> int | None:
    """The number after which a replay begins; None if none is requested."""
    if after is None:
        return None
    number = number_of(room, after) if isinstance(after, str) else None
    if number is None:
        raise RequestError("bad_request", "after must be the id of an event of the room", room)
    return number
