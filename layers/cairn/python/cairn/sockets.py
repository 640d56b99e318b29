"""Open sockets and the rooms they are in, in the connections table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `socket#{connection id}` | `socket` | whose it is, and the rooms it is in | 2 h 10 min |
| `room#{room}` | `{stretch}#{connection id}` | that it is in the room, and since when | the same |
| `room#{room}` | `#parts` | that the room is told in parts, and until when | 1 hour |

A room's sockets lie in sixteen stretches, by a digit of the connection id's hash, so that a large room can be told in
parts and every socket is always in the same part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from cairn.dynamo import Item, get, query_all, refused_item
from cairn.frames import EVERYONE
from cairn.instants import from_millis, to_millis
from cairn.tickets import Holder, to_holder, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LIFE = timedelta(hours=2, minutes=10)
"""API Gateway closes a socket after two hours, and does not always say so."""
STRETCHES = 16
LARGE = 500
"""What one function posts to in a tenth of a second; more are told by several functions beside each other."""
IN_PARTS = timedelta(hours=1)
MOST_ROOMS = 20
_PARTS = "#parts"  # sorts before every stretch
BOARD_MODULES = frozenset({"leaderboard", "admin"})
"""Whoever has one of these may see the leaderboard, and is shown it in `everyone`."""


class TooManyRoomsError(Exception):
    """The socket is in MOST_ROOMS rooms already, or is not known any more."""


@dataclass(frozen=True, slots=True)
class Socket:
    """An open socket; `holder` is None when it came without a ticket."""

    connection_id: str
    holder: Holder | None
    rooms: frozenset[str]
    expires_at: datetime

    @property
    def sees_board(self) -> bool:
        return self.holder is not None and bool(self.holder.modules & BOARD_MODULES)


@dataclass(frozen=True, slots=True)
class Member:
    """A socket in a room."""

    connection_id: str
    since: datetime


class Sockets:
    """A room of more than `large` sockets is told in parts."""

    def __init__(self, table: Table, *, large: int = LARGE) -> None:
        self._table = table
        self._large = large

    def open(self, connection_id: str, holder: Holder | None, now: datetime) -> Socket:
        """A new socket, in the room of everybody if it may see the leaderboard."""
        socket = Socket(connection_id, holder, frozenset(), now + LIFE)
        if socket.sees_board:
            socket = Socket(connection_id, holder, frozenset({EVERYONE}), now + LIFE)
        item = _key(connection_id) | {"since": to_millis(now), "expires_at": _seconds(socket.expires_at)}
        if holder:
            item["holder"] = to_item(holder)
        if socket.rooms:
            item["rooms"] = set(socket.rooms)
        self._table.put_item(Item=item)
        for room in socket.rooms:
            self._enter(socket, room, now)
        return socket

    def get(self, connection_id: str, now: datetime) -> Socket | None:
        """The socket, unless it was forgotten or has lived too long."""
        item = get(self._table, _key(connection_id), consistent=True)
        if item is None or int(item["expires_at"]) <= now.timestamp():
            return None
        holder = to_holder(item["holder"]) if "holder" in item else None
        return Socket(connection_id, holder, _rooms(item), from_millis(int(item["expires_at"]) * 1000))

    def join(self, socket: Socket, room: str, now: datetime) -> None:
        """From here on the socket is told what is said in the room; again, it changes nothing.

        TooManyRoomsError when it is in as many as it may be.
        """
        try:
            self._table.update_item(
                Key=_key(socket.connection_id),
                UpdateExpression="ADD rooms :room",
                ConditionExpression="attribute_exists(pk) AND "
                "(attribute_not_exists(rooms) OR size(rooms) < :most OR contains(rooms, :name))",
                ExpressionAttributeValues={":room": {room}, ":name": room, ":most": MOST_ROOMS},
            )
        except ClientError as error:
            refused_item(error)
            raise TooManyRoomsError(f"a socket is in at most {MOST_ROOMS} rooms at once") from None
        self._enter(socket, room, now)

    def leave(self, connection_id: str, room: str) -> None:
        """The socket is told no more of the room."""
        self._table.delete_item(Key=_member_key(room, connection_id))
        try:
            self._table.update_item(
                Key=_key(connection_id),
                UpdateExpression="DELETE rooms :room",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":room": {room}},
            )
        except ClientError as error:
            refused_item(error)

    def forget(self, connection_id: str, *found_in: str) -> None:
        """The socket is closed: its rows go, and those in the rooms where that was found, whatever went before."""
        item = self._table.delete_item(Key=_key(connection_id), ReturnValues="ALL_OLD").get("Attributes", {})
        for room in _rooms(item).union(found_in):
            self._table.delete_item(Key=_member_key(room, connection_id))

    def audience(self, room: str, now: datetime) -> list[Member] | None:
        """The sockets that joined a room before this was asked; None when it is to be told in parts.

        Once large, a room is told in parts until it has said nothing for half an hour at least, so that no event told
        to all overtakes one that is on its way to a part.
        """
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

    def stretch(self, room: str, number: int, now: datetime) -> list[Member]:
        """The sockets of one of a room's stretches."""
        where = Key("pk").eq(f"room#{room}") & Key("sk").begins_with(f"{number:x}#")
        return list(map(_to_member, self._in_room(where, now)))

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


def stretch_of(connection_id: str) -> int:
    """Which of a room's stretches a socket lies in."""
    return hashlib.sha256(connection_id.encode()).digest()[0] % STRETCHES


def _key(connection_id: str) -> Item:
    return {"pk": f"socket#{connection_id}", "sk": "socket"}


def _member_key(room: str, connection_id: str) -> Item:
    return {"pk": f"room#{room}", "sk": f"{stretch_of(connection_id):x}#{connection_id}"}


def _to_member(item: Item) -> Member:
    return Member(item["sk"].partition("#")[2], from_millis(int(item["since"])))


def _rooms(item: Item) -> frozenset[str]:
    return frozenset(str(room) for room in item.get("rooms", ()))


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
