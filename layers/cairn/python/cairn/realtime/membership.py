"""Open sockets and the rooms they are in, in the connections table; those in the rooms of channels watch the channel.

| pk | sk | holds | TTL |
|---|---|---|---|
| `socket#{connection id}` | `socket` | whose it is, and the places it has in rooms; or that it is closed | 2 h 10 min |
| `room#{room}` | `{stretch}#{connection id}` | that it is in the room, and since when | the same |
| `room#{room}` | `#parts` | that the room is told in parts, and until when | 1 hour |

A room's sockets lie in sixteen stretches, by a digit of the connection id's hash, so that a large room can be told in
parts and every socket is always in the same part. In the room of a channel, whoever has joined is a viewer: its seat in
the presence table is all there is of it, and its place says where that is. A seat is always in the same part, too.

Nothing is written of a stranger's socket before it joins a room. Of a closed one it is kept that it is, because a
`join` that was sent before may be worked on after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.errors import ForbiddenError
from cairn.realtime.tickets import Holder, to_holder, to_item
from cairn.rooms import BOARD_MODULES, EVERYONE, channel_of
from cairn.viewers.presence import Presence
from cairn.viewers.presence_slots import PresenceSlot

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LIFE = timedelta(hours=2, minutes=10)
"""API Gateway closes a socket after two hours, and does not always say so."""
SHARDS = 16
LARGE = 500
"""What one function posts to in a tenth of a second; more are told by several functions beside each other."""
IN_PARTS = timedelta(hours=1)
CLOSED_FOR = timedelta(minutes=10)
"""How long it is kept that a socket is closed."""
MOST_ROOMS = 20
_PARTS = "#parts"  # sorts before every stretch


class TooManyRoomsError(Exception):
    """The socket is in MOST_ROOMS rooms already, or is closed."""


@dataclass(frozen=True, slots=True)
class Socket:
    """An open socket; `holder` is None when it came without a ticket."""

    connection_id: str
    holder: Holder | None
    memberships: frozenset[str]
    expires_at: datetime

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset(map(_room, self.memberships))

    @property
    def user_id(self) -> str | None:
        return self.holder.user_id if self.holder else None

    @property
    def modules(self) -> frozenset[str]:
        return self.holder.modules if self.holder else frozenset()

    def membership(self, room: str) -> str | None:
        """Its place in a room that it is in."""
        return next((place for place in self.memberships if _room(place) == room), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A socket in a room, since it joined, or, of a channel's, since it was opened."""

    connection_id: str
    since: datetime
    membership: str


class Sockets:
    """`table` is the connections table. A room of more than `large` sockets is told in parts."""

    def __init__(self, table: Table, presence: Presence, *, large: int = LARGE) -> None:
        self._table = table
        self._presence = presence
        self._large = large

    def open(self, connection_id: str, holder: Holder | None, now: datetime) -> Socket:
        """A new socket, in the room of everybody if it may see the leaderboard."""
        socket = Socket(connection_id, holder, frozenset(), now + LIFE)
        if socket.modules & BOARD_MODULES:
            socket = Socket(connection_id, holder, frozenset({EVERYONE}), now + LIFE)
        if holder is None:
            return socket
        item = _key(connection_id) | {"expires_at": _seconds(socket.expires_at), "holder": to_item(holder)}
        if socket.memberships:
            item["rooms"] = set(socket.memberships)
        self._table.put_item(Item=item)
        for room in socket.rooms:
            self._enter(socket, room, now)
        return socket

    def get(self, connection_id: str, opened_at: datetime, now: datetime) -> Socket | None:
        """The socket, unless it is closed or has lived too long; one of which nothing is written is a stranger's."""
        item = get(self._table, _key(connection_id), consistent=True) or {}
        expires_at = from_millis(int(item["expires_at"]) * 1000) if item else opened_at + LIFE
        if "closed" in item or expires_at <= now:
            return None
        holder = to_holder(item["holder"]) if "holder" in item else None
        return Socket(connection_id, holder, _places(item), expires_at)

    def join(self, socket: Socket, room: str, now: datetime, viewer_id: str | None = None) -> None:
        """From here on the socket is told what is said in the room; again, it changes nothing.

        In a channel's room it is a tab of the viewer, or, without an id, a viewer of its own.
        TooManyRoomsError when it is in as many rooms as it may be, TooManyTabsError when the viewer has as many tabs.
        """
        channel = channel_of(room)
        place = socket.membership(room) or (self._place(socket, channel, viewer_id) if channel else room)
        try:
            answer = self._table.update_item(
                Key=_key(socket.connection_id),
                UpdateExpression="ADD rooms :room SET expires_at = if_not_exists(expires_at, :expires)",
                ConditionExpression="attribute_not_exists(closed) AND "
                "(attribute_not_exists(rooms) OR size(rooms) < :most OR contains(rooms, :name))",
                ExpressionAttributeValues={
                    ":room": {place},
                    ":name": place,
                    ":most": MOST_ROOMS,
                    ":expires": _seconds(socket.expires_at),
                },
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            rejected_item(error)
            raise TooManyRoomsError(f"a socket is in at most {MOST_ROOMS} rooms at once") from None
        if not channel:
            self._enter(socket, room, now)
            return
        if any(_room(other) == room and other != place for other in _places(answer["Attributes"])):
            self._take_back(socket.connection_id, place)
            raise TooManyRoomsError("a socket watches a channel as one viewer")
        self._presence.occupy(_seat(socket.connection_id, place), socket.expires_at)
        if "closed" in (get(self._table, _key(socket.connection_id), consistent=True) or {}):
            self._leave_place(socket.connection_id, place)  # it was closed in between, and nobody else would

    def leave(self, socket: Socket, room: str) -> None:
        """The socket is told no more of the room."""
        place = socket.membership(room)
        if place is None:
            return
        self._leave_place(socket.connection_id, place)
        self._take_back(socket.connection_id, place)

    def _take_back(self, connection_id: str, place: str) -> None:
        try:
            self._table.update_item(
                Key=_key(connection_id),
                UpdateExpression="DELETE rooms :room",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":room": {place}},
            )
        except ClientError as error:
            rejected_item(error)

    def remove(self, connection_id: str, now: datetime, *found_in: str) -> None:
        """The socket is closed: it leaves its places, and those where it was found, whatever went before."""
        item = _key(connection_id) | {"closed": True, "expires_at": _seconds(now + CLOSED_FOR)}
        before = self._table.put_item(Item=item, ReturnValues="ALL_OLD").get("Attributes", {})
        for place in _places(before).union(found_in):
            self._leave_place(connection_id, place)

    def audience(self, room: str, now: datetime) -> list[Member] | None:
        """The sockets that joined a room before this was asked; None when it is to be told in parts.

        Once large, a room is told in parts until it has said nothing for half an hour at least, so that no event told
        to all overtakes one that is on its way to a part. A channel whose viewers are spread stays spread.
        """
        channel = channel_of(room)
        if channel:
            return None if self._presence.level(channel) else self._watching(channel, (0, 1))
        found: list[Member] = []
        for item in self._in_room(Key("pk").eq(f"room#{room}"), now, Limit=self._large + 2):
            marked = item["sk"] == _PARTS
            if not marked:
                found.append(_to_member(item))
            if not marked and len(found) <= self._large:
                continue
            if not marked or int(item["expires_at"]) < (now + IN_PARTS / 2).timestamp():
                self._tell_in_parts(room, now)
            return None
        return found

    def shard(self, room: str, number: int, now: datetime) -> list[Member]:
        """The sockets of one of a room's stretches."""
        channel = channel_of(room)
        if channel:
            return self._watching(channel, (number, SHARDS))
        where = Key("pk").eq(f"room#{room}") & Key("sk").begins_with(f"{number:x}#")
        return list(map(_to_member, self._in_room(where, now)))

    def _watching(self, channel: str, part: tuple[int, int]) -> list[Member]:
        return [
            Member(seat.tab[1:], until - LIFE, _written(seat)) for seat, until in self._presence.sockets(channel, part)
        ]

    def _in_room(self, where: ConditionBase, now: datetime, **options: Any) -> Iterator[Item]:
        alive = Attr("expires_at").gt(int(now.timestamp()))
        return query_all(self._table, where, FilterExpression=alive, ConsistentRead=True, **options)

    def _tell_in_parts(self, room: str, now: datetime) -> None:
        self._table.put_item(Item={"pk": f"room#{room}", "sk": _PARTS, "expires_at": _seconds(now + IN_PARTS)})

    def _enter(self, socket: Socket, room: str, now: datetime) -> None:
        """A repeat keeps since when it is there: that tells a socket that is being opened from one that is gone."""
        self._table.update_item(
            Key=_member_key(room, socket.connection_id),
            UpdateExpression="SET since = if_not_exists(since, :now), expires_at = :expires",
            ExpressionAttributeValues={":now": to_millis(now), ":expires": _seconds(socket.expires_at)},
        )

    def _place(self, socket: Socket, channel: str, viewer_id: str | None) -> str:
        own = hashlib.sha256(socket.connection_id.encode()).hexdigest()[:32]
        return _written(self._presence.slot_for(channel, viewer_id or own, f"s{socket.connection_id}"))

    def _leave_place(self, connection_id: str, place: str) -> None:
        if channel_of(_room(place)) and place != _room(place):  # before there were seats, a place was the room alone
            with suppress(ForbiddenError):  # the viewer is there with other tabs
                self._presence.leave(_seat(connection_id, place))
        else:
            self._table.delete_item(Key=_member_key(place, connection_id))


def shard_of(connection_id: str) -> int:
    """Which of a room's stretches a socket lies in."""
    return hashlib.sha256(connection_id.encode()).digest()[0] % SHARDS


def _written(seat: PresenceSlot) -> str:
    """A place in a channel's room; no part of it can hold a space."""
    return f"channel:{seat.channel} {seat.viewer_id} {seat.level}"


def _seat(connection_id: str, place: str) -> PresenceSlot:
    room, viewer_id, level = place.split(" ")
    return PresenceSlot(room.partition(":")[2], viewer_id, f"s{connection_id}", int(level))


def _room(place: str) -> str:
    return place.partition(" ")[0]


def _key(connection_id: str) -> Item:
    return {"pk": f"socket#{connection_id}", "sk": "socket"}


def _member_key(room: str, connection_id: str) -> Item:
    return {"pk": f"room#{room}", "sk": f"{shard_of(connection_id):x}#{connection_id}"}


def _to_member(item: Item) -> Member:
    since = from_millis(int(item["since"]))
    return Member(item["sk"].partition("#")[2], since, item["pk"].partition("#")[2])


def _places(item: Item) -> frozenset[str]:
    return frozenset(str(place) for place in item.get("rooms", ()))


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
