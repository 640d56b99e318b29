"""What a client may ask on its socket, and what it is answered.

A `join` with `after` first lets the socket in, and then replays what the room's log holds after that event. An event is
kept before those are read to whom it is posted, and both reads are consistent: what was kept when the log was read is
replayed, and what is kept later finds the socket in the room. So each event after `after` comes at least once. One that
is said meanwhile may come twice, or before older ones: its number says where it belongs.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
from cairn.viewers.presence import Presence
from cairn.viewers.presence_slots import is_channel_id, is_viewer_id

PAUSES = (0.1, 0.4, 1.5)
"""Seconds between tries to post a replayed frame, while API Gateway is throttled."""
TABS_AGAIN = 60
"""Seconds after which a viewer with too many tabs may try: some that were left without a word are over by then."""


class RequestError(Exception):
    """What the client is told instead."""

    def __init__(self, code: str, message: str, room: str | None = None, **more: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.room = room
        self.more = more


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sends: a socket, since when it is open, and the address it comes from."""

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
        poster: Poster,
        clock: Clock,
    ) -> None:
        self._sockets = sockets
        self._event_log = event_log
        self._presence = presence
        self._join_limits = join_limits
        self._poster = poster
        self._clock = clock

    def handle(self, peer: Peer, text: str) -> str | None:
        """The answer to a frame; None when the socket is closed instead."""
        try:
            asked = _parsed(text)
            if asked["action"] == "ping":
                return self._answer("pong", None, {})
            room = _room(asked)
            socket = self._sockets.get(peer.connection_id, peer.opened_at, self._clock())
            if socket is None:
                self._close(peer.connection_id, "it is not known any more")
                return None
            if asked["action"] == "leave":
                self._sockets.leave(socket, room)
                return self._answer("left", room, {})
            return self._join(socket, room, asked, peer.address)
        except RequestError as refusal:
            about = {"room": refusal.room} if refusal.room else {}
            said = {"code": refusal.code, "message": refusal.message, **about, **refusal.more}
            return self._answer("error", refusal.room, said)

    def _join(self, socket: Socket, room: str, asked: dict[str, Any], address: str) -> str | None:
        if not may_join(room, socket.user_id, socket.modules):
            raise RequestError("forbidden", "this room is not open to you", room)
        start = _start(room, asked.get("after"))
        viewer_id = _viewer(room, asked.get("viewer"))
        channel = channel_of(room)
        try:
            if channel and room not in socket.rooms:
                self._join_limits.allow(address, self._clock())
            self._sockets.join(socket, room, self._clock(), viewer_id)
        except TooManyRoomsError as error:
            raise RequestError("too_many_rooms", str(error), room) from None
        except TooManyTabsError as error:
            raise RequestError("too_many_tabs", error.message, room, retryAfter=TABS_AGAIN) from None
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
                self._close(socket.connection_id, f"a replay was not taken: {error}")
                return None
            last, recovered = replay.last, replay.complete
            logger.info("replayed", room=room, events=len(replay.events), recovered=recovered)
        newest = event_id(room, last) if last else None
        count = self._presence.last_count(channel) if channel else None
        about = {"count": count_json(count) if count else None} if channel else {}
        return self._answer("joined", room, {"recovered": recovered, "last": newest, **about})

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
        """Its client connects again, and goes on from where it was."""
        logger.warning("socket closed", connection_id=connection_id, reason=reason)
        self._sockets.remove(connection_id, self._clock())
        try:
            self._poster.run(self._poster.disconnect(connection_id))
        except PostError as error:
            logger.warning("socket not closed", connection_id=connection_id, reason=str(error))

    def _answer(self, event: str, room: str | None, data: dict[str, Any]) -> str:
        return frame(None, event, room, self._clock(), data)


def _parsed(text: str) -> dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise RequestError("bad_request", "a frame is a JSON object")
    if asked.get("action") not in ("join", "leave", "ping"):
        raise RequestError("bad_request", "action is join, leave or ping")
    return asked


def _room(asked: dict[str, Any]) -> str:
    room = asked.get("room")
    if not isinstance(room, str) or not is_room(room):
        raise RequestError(
            "bad_request", "room is everyone, tv-display, leaderboard, user:ID or channel:ID, in 200 characters"
        )
    channel = channel_of(room)
    if channel is not None and not is_channel_id(channel):
        raise RequestError("bad_request", "a channel's id is 1 to 100 letters, digits and ._~:@- of ASCII", room)
    return room


def _viewer(room: str, viewer_id: object) -> str | None:
    """As whom a channel is watched; None for nobody's id."""
    if viewer_id is None or channel_of(room) is None:
        return None
    if not isinstance(viewer_id, str) or not is_viewer_id(viewer_id):
        raise RequestError("bad_request", "viewer is 22 to 64 letters, digits, - and _, or left away", room)
    return viewer_id


def _start(room: str, after: object) -> int | None:
    """The number after which a replay begins; None for none."""
    if after is None:
        return None
    number = number_of(room, after) if isinstance(after, str) else None
    if number is None:
        raise RequestError("bad_request", "after is the id of an event of the room", room)
    return number
