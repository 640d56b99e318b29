"""Open sockets and the rooms they are in, in the connections table; a socket in a channel's room is a viewer.

| pk | sk | holds | TTL |
|---|---|---|---|
| `socket#{connection id}` | `socket` | its holder and its memberships in rooms; or that it is closed | 2 h 10 min |
| `room#{room}` | `{shard}#{connection id}` | that it is in the room, and since when | the same |
| `holder#{owner}` | `{connection id}` | of which session and token the socket is | the same |
| `room#{room}` | `#parts` | that the room is served shard by shard, and until when | 1 hour |

A room's sockets are in sixteen shards, by a digit of the connection id's hash. So a large room can be served shard by
shard, and a socket is always in the same shard. In a channel's room, each socket is a viewer: it is stored only as a
slot in the presence table, and its membership says which. A slot is always in the same shard, too.

A socket with a ticket is also in the list of its owner, a person or an API key, so that it can be closed with their
session (`cairn.realtime.sign_out`). Nothing is written about a socket without a ticket before it joins a room. A closed
socket is recorded as closed, because a `join` that it sent before may be handled after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, readable, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.errors import ForbiddenError
from cairn.identity.revocations import Credential
from cairn.realtime.tickets import Holder, to_credential, to_holder, to_item
from cairn.rooms import BOARD_MODULES, EVERYONE, channel_of
from cairn.viewers.presence import Presence
from cairn.viewers.presence_slots import PresenceSlot

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SOCKET_LIFETIME = timedelta(hours=2, minutes=10)
"""API Gateway closes a socket after two hours, and does not always report it."""
SHARDS = 16
LARGE_ROOM = 500
"""As many sockets as one function posts to in a tenth of a second; for more, several functions work in parallel."""
SHARDED_FOR = timedelta(hours=1)
CLOSED_FOR = timedelta(minutes=10)
"""How long a socket stays recorded as closed."""
MAX_ROOMS = 20
_SHARDED = "#parts"  # sorts before every shard


class TooManyRoomsError(Exception):
    """The socket is in MAX_ROOMS rooms already, or is closed."""


@dataclass(frozen=True, slots=True)
class Socket:
    """An open socket; `holder` is None if it was opened without a ticket."""

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
        """Its membership in a room; None if it is not in it."""
        return next((membership for membership in self.memberships if _room(membership) == room), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A socket in a room, since it joined; in a channel's room, since it was opened."""

    connection_id: str
    since: datetime
    membership: str


class Sockets:
    """`table` is the connections table. A room of more than `large` sockets is served shard by shard."""

    def __init__(self, table: Table, presence: Presence, *, large: int = LARGE_ROOM) -> None:
        self._table = table
        self._presence = presence
        self._large = large

    def open(self, connection_id: str, holder: Holder | None, now: datetime) -> Socket:
        """A new socket, which is in `everyone` if its holder may see the leaderboard."""
        socket = Socket(connection_id, holder, frozenset(), now + SOCKET_LIFETIME)
        if socket.modules & BOARD_MODULES:
            socket = Socket(connection_id, holder, frozenset({EVERYONE}), now + SOCKET_LIFETIME)
        if holder is None:
            return socket
        item = _key(connection_id) | {"expires_at": _seconds(socket.expires_at), "holder": to_item(holder)}
        if socket.memberships:
            item["rooms"] = set(socket.memberships)
        self._table.put_item(Item=item)
        for room in socket.rooms:
            self._enter(socket, room, now)
        if holder.credential:
            listed = _owned_key(holder.credential.owner, connection_id) | asdict(holder.credential)
            self._table.put_item(Item=listed | {"expires_at": _seconds(socket.expires_at)})
        return socket

    def get(self, connection_id: str, opened_at: datetime, now: datetime) -> Socket | None:
        """The socket, unless it is closed or past its lifetime. One that is not stored was opened without a ticket."""
        item = get(self._table, _key(connection_id), consistent=True) or {}
        expires_at = from_millis(int(item["expires_at"]) * 1000) if item else opened_at + SOCKET_LIFETIME
        if "closed" in item or expires_at <= now:
            return None
        holder = to_holder(item["holder"]) if "holder" in item else None
        return Socket(connection_id, holder, _memberships(item), expires_at)

    def join(self, socket: Socket, room: str, now: datetime, viewer_id: str | None = None, network: str = "") -> None:
        """From now on the socket receives the room's events; a repeat changes nothing.

        In a channel's room it is a tab of the viewer or, without an id, a viewer of its own; `network` is the tag of
        its address. A membership of 0.1.0 that has no slot is replaced.
        TooManyRoomsError if it is in MAX_ROOMS rooms already, TooManyTabsError if the viewer has MAX_TABS tabs.
        """
        channel = channel_of(room)
        membership = socket.membership(room)
        without_slot = membership == room if channel else False
        if membership is None or without_slot:
            membership = self._channel_membership(socket, channel, viewer_id) if channel else room
        try:
            answer = self._table.update_item(
                Key=_key(socket.connection_id),
                UpdateExpression="ADD rooms :room SET expires_at = if_not_exists(expires_at, :expires)",
                ConditionExpression="attribute_not_exists(closed) AND "
                "(attribute_not_exists(rooms) OR size(rooms) < :most OR contains(rooms, :name))",
                ExpressionAttributeValues={
                    ":room": {membership},
                    ":name": membership,
                    ":most": MAX_ROOMS,
                    ":expires": _seconds(socket.expires_at),
                },
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            rejected_item(error)
            raise TooManyRoomsError(f"a socket may be in at most {MAX_ROOMS} rooms at the same time") from None
        if not channel:
            self._enter(socket, room, now)
            return
        others = _memberships(answer["Attributes"]) - {membership, room}
        if any(_room(other) == room for other in others):
            self._remove_membership(socket.connection_id, membership)
            raise TooManyRoomsError("a socket can watch a channel only as one viewer")
        self._presence.occupy(_to_slot(socket.connection_id, membership), socket.expires_at, network)
        if without_slot:
            self._leave_room(socket.connection_id, room)
            self._remove_membership(socket.connection_id, room)
        if "closed" in (get(self._table, _key(socket.connection_id), consistent=True) or {}):
            self._leave_room(socket.connection_id, membership)  # closed meanwhile: nothing else would do it

    def leave(self, socket: Socket, room: str) -> None:
        """The socket no longer receives the room's events."""
        membership = socket.membership(room)
        if membership is None:
            return
        self._leave_room(socket.connection_id, membership)
        self._remove_membership(socket.connection_id, membership)

    def _remove_membership(self, connection_id: str, membership: str) -> None:
        try:
            self._table.update_item(
                Key=_key(connection_id),
                UpdateExpression="DELETE rooms :room",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":room": {membership}},
            )
        except ClientError as error:
            rejected_item(error)

    def remove(self, connection_id: str, now: datetime, *found_in: str) -> None:
        """Record a socket as closed, and remove it from its rooms and from the memberships in which it was found."""
        before = self.silence(connection_id, now, *found_in)
        if before and before.credential:
            self.unlist(before.credential.owner, connection_id)

    def silence(self, connection_id: str, now: datetime, *found_in: str) -> Holder | None:
        """The same, but it stays in its owner's list: it may still be open. Returns its holder."""
        item = _key(connection_id) | {"closed": True, "expires_at": _seconds(now + CLOSED_FOR)}
        before = self._table.put_item(Item=item, ReturnValues="ALL_OLD").get("Attributes", {})
        for membership in _memberships(before).union(found_in):
            self._leave_room(connection_id, membership)
        holder: Any = before.get("holder")
        return to_holder(holder) if holder else None

    def owned(self, owner: str, now: datetime) -> list[tuple[str, Credential]]:
        """The sockets of a person or an API key, and what each was opened with."""
        where, unexpired = Key("pk").eq(f"holder#{owner}"), Attr("expires_at").gt(int(now.timestamp()))
        items = query_all(self._table, where, FilterExpression=unexpired, ConsistentRead=True)
        return [(str(item["sk"]), to_credential(item)) for item in items]

    def unlist(self, owner: str, connection_id: str) -> None:
        """Remove a closed socket from its owner's list."""
        self._table.delete_item(Key=_owned_key(owner, connection_id))

    def audience(self, room: str, now: datetime) -> list[Member] | None:
        """The sockets that joined a room before this call; None if it must be served shard by shard.

        Once large, a room stays so until it has had no event for at least half an hour. Otherwise an event posted to
        all of it could overtake one that is still queued for a shard. A channel whose viewers are spread stays spread.
        """
        channel = channel_of(room)
        if channel:
            return None if self._presence.level(channel) else self._viewers(channel, (0, 1))
        found: list[Member] = []
        for item in self._in_room(Key("pk").eq(f"room#{room}"), now, Limit=self._large + 2):
            sharded = item["sk"] == _SHARDED
            if not sharded:
                found += readable(_to_member, [item])
            if not sharded and len(found) <= self._large:
                continue
            if not sharded or int(item["expires_at"]) < (now + SHARDED_FOR / 2).timestamp():
                self._mark_sharded(room, now)
            return None
        return found

    def shard(self, room: str, number: int, now: datetime) -> list[Member]:
        """The sockets in one of a room's shards."""
        channel = channel_of(room)
        if channel:
            return self._viewers(channel, (number, SHARDS))
        where = Key("pk").eq(f"room#{room}") & Key("sk").begins_with(f"{number:x}#")
        return list(readable(_to_member, self._in_room(where, now)))

    def _viewers(self, channel: str, shard: tuple[int, int]) -> list[Member]:
        return [
            Member(slot.tab[1:], until - SOCKET_LIFETIME, _to_membership(slot))
            for slot, until in self._presence.sockets(channel, shard)
        ]

    def _in_room(self, where: ConditionBase, now: datetime, **options: Any) -> Iterator[Item]:
        unexpired = Attr("expires_at").gt(int(now.timestamp()))
        return query_all(self._table, where, FilterExpression=unexpired, ConsistentRead=True, **options)

    def _mark_sharded(self, room: str, now: datetime) -> None:
        self._table.put_item(Item={"pk": f"room#{room}", "sk": _SHARDED, "expires_at": _seconds(now + SHARDED_FOR)})

    def _enter(self, socket: Socket, room: str, now: datetime) -> None:
        """A repeat keeps `since`, which distinguishes a socket that is still being opened from one that is gone."""
        self._table.update_item(
            Key=member_key(room, socket.connection_id),
            UpdateExpression="SET since = if_not_exists(since, :now), expires_at = :expires",
            ExpressionAttributeValues={":now": to_millis(now), ":expires": _seconds(socket.expires_at)},
        )

    def _channel_membership(self, socket: Socket, channel: str, viewer_id: str | None) -> str:
        own = hashlib.sha256(socket.connection_id.encode()).hexdigest()[:32]
        return _to_membership(self._presence.slot_for(channel, viewer_id or own, f"s{socket.connection_id}"))

    def _leave_room(self, connection_id: str, membership: str) -> None:
        if channel_of(_room(membership)) and membership != _room(membership):  # else stored before there were slots
            with suppress(ForbiddenError):  # the viewer is present with other tabs
                self._presence.leave(_to_slot(connection_id, membership))
        else:
            self._table.delete_item(Key=member_key(membership, connection_id))


def shard_of(connection_id: str) -> int:
    """Which of a room's shards a socket is in."""
    return hashlib.sha256(connection_id.encode()).digest()[0] % SHARDS


def _to_membership(slot: PresenceSlot) -> str:
    """A membership in a channel's room; no part of it can contain a space."""
    return f"channel:{slot.channel} {slot.viewer_id} {slot.level}"


def _to_slot(connection_id: str, membership: str) -> PresenceSlot:
    room, viewer_id, level = membership.split(" ")
    return PresenceSlot(room.partition(":")[2], viewer_id, f"s{connection_id}", int(level))


def _room(membership: str) -> str:
    return membership.partition(" ")[0]


def _key(connection_id: str) -> Item:
    return {"pk": f"socket#{connection_id}", "sk": "socket"}


def _owned_key(owner: str, connection_id: str) -> Item:
    return {"pk": f"holder#{owner}", "sk": connection_id}


def member_key(room: str, connection_id: str) -> Item:
    """The key of a socket's membership in a room other than a channel's."""
    return {"pk": f"room#{room}", "sk": f"{shard_of(connection_id):x}#{connection_id}"}


def _to_member(item: Item) -> Member:
    since = from_millis(int(item["since"]))
    return Member(item["sk"].partition("#")[2], since, item["pk"].partition("#")[2])


def _memberships(item: Item) -> frozenset[str]:
    return frozenset(str(membership) for membership in item.get("rooms", ()))


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
