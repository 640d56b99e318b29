"""The events of each room: numbered without a gap, each stored once, kept for a day.

| pk | sk | holds | TTL |
|---|---|---|---|
| `log#{room}` | `event#{number}` | an event's frame | 24 h |
| `log#{room}` | `head` | the last number assigned | – or, of a channel's room, 30 days |
| `log#{room}` | `said#{key}` | the number assigned to the event of the message with this key; 0: never | 20 days |
| `log#{room}` | `state` | the newest frame of a room's state, which replaces all before it | – or 24 h, too |

Anybody can make up a channel's room, so nothing of it is kept without an end. When its head has expired, its numbers
start again at 1: all its events have expired long before, and a client that still knows one is told that it has not
received everything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, rejected_item, transact
from cairn.clock import from_millis, to_millis
from cairn.messages import RoomEvent, RoomState
from cairn.realtime.frames import event_id, frame, number_of
from cairn.rooms import TV_DISPLAY, channel_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RETENTION = timedelta(hours=24)
KEY_RETENTION = timedelta(days=20)
"""For how long a message may be repeated: four days in its queue, fourteen as a dead letter, and two to spare."""
HEAD_RETENTION = timedelta(days=30)
"""Longer than anything that names a number of the room."""
MAX_REPLAY = 250
"""Events that can be posted to one socket, one after the other, while API Gateway waits for the answer to `join`."""
SUPPRESSED = 0
"""The number of an event that must never be said."""
MAX_PUBLIC_REPLAY_BYTES = 32 * 1024
"""What a stranger's join of a few hundred bytes can make Cairn send: the newest events of a channel that fit."""
_REPLAY_PAGE = 50
_MAX_ATTEMPTS = 5
_MAX_REMEMBERED = 1000


class CrowdedError(Exception):
    """Too many functions append to the room at the same time to assign a number: retry."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of a room as it is broadcast; or a state: how something stands, numbered by its millisecond."""

    room: str
    number: int
    frame: str
    at: datetime
    trace_id: str
    state: bool = False

    @property
    def id(self) -> str:
        return event_id(self.room, self.number)


@dataclass(frozen=True, slots=True)
class Replay:
    """A room's events after a given one. `complete` unless some have expired, or there are too many or too long."""

    events: tuple[LoggedEvent, ...]
    complete: bool
    last: int
    """The number of the newest event; 0 if there never was one."""


class EventLog:
    """`table` is the connections table.

    A warm function remembers the last number of each room to which it appended, and tries the next one at once. Only if
    the room has another number by now, or the event is a repeat, does it read the head.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._last: dict[str, int] = {}

    def append(self, event: RoomEvent, now: datetime) -> LoggedEvent | None:
        """Number and store an event; a repeat returns the stored one, or None if that has expired or is suppressed.

        FrameTooLargeError if no socket could receive it.
        """
        for _ in range(_MAX_ATTEMPTS):
            remembered = self._last.pop(event.room, None)
            number = (self.last(event.room) if remembered is None else remembered) + 1
            id_ = event_id(event.room, number)
            text = frame(id_, event.event, event.room, event.at, json.loads(event.data), expires_at=event.fresh_until)
            logged = LoggedEvent(event.room, number, text, event.at, event.trace_id)
            if transact(self._table, self._writes(logged, event.key, now)):
                self._remember(event.room, number)
                return logged
            before = get(self._table, _key(event.room, f"said#{event.key}"), consistent=True)
            if before:
                return self.event(event.room, int(before["number"]), now)
            if self._is_suppressed(event.key):
                return None
        raise CrowdedError(f"no number in {event.room} could be assigned in {_MAX_ATTEMPTS} attempts")

    def _remember(self, room: str, number: int) -> None:
        if len(self._last) >= _MAX_REMEMBERED:
            self._last.clear()
        self._last[room] = number

    def _writes(self, logged: LoggedEvent, key: str, now: datetime) -> Sequence[Any]:
        new, table = "attribute_not_exists(pk)", self._table.name
        expiry = _expiry(logged.room, now + HEAD_RETENTION)
        head = {
            "TableName": table,
            "Key": _key(logged.room, "head"),
            "UpdateExpression": "SET last_number = :this" + (", expires_at = :expires" if expiry else ""),
            "ConditionExpression": "last_number = :before"
            if logged.number > 1
            else "attribute_not_exists(last_number)",
            "ExpressionAttributeValues": {":this": logged.number}
            | ({":before": logged.number - 1} if logged.number > 1 else {})
            | ({":expires": expiry["expires_at"]} if expiry else {}),
        }
        event = {
            **_key(logged.room, _sort_key(logged.number)),
            "frame": logged.frame,
            "at": to_millis(logged.at),
            "trace_id": logged.trace_id,
            "expires_at": int((now + RETENTION).timestamp()),
        }
        by_key = {
            **_key(logged.room, f"said#{key}"),
            "number": logged.number,
            "expires_at": int((now + KEY_RETENTION).timestamp()),
        }
        not_suppressed = {
            "TableName": table,
            "Key": _key(TV_DISPLAY, f"said#{key}"),
            "ConditionExpression": "attribute_not_exists(pk) OR #number > :zero",
            "ExpressionAttributeNames": {"#number": "number"},
            "ExpressionAttributeValues": {":zero": SUPPRESSED},
        }
        return [
            {"Update": head},
            *({"Put": {"TableName": table, "Item": item, "ConditionExpression": new}} for item in (event, by_key)),
            *([{"ConditionCheck": not_suppressed}] if logged.room.startswith("user:") else []),
        ]

    def last(self, room: str) -> int:
        """The number of the room's newest event; 0 if there never was one."""
        return int((get(self._table, _key(room, "head"), consistent=True) or {}).get("last_number", 0))

    def event(self, room: str, number: int, now: datetime) -> LoggedEvent | None:
        """An event; None if it does not exist or has expired."""
        item = get(self._table, _key(room, _sort_key(number)), consistent=True)
        return _to_event(item) if item and _unexpired(item, now) else None

    def after(self, room: str, number: int, now: datetime) -> Replay:
        """The events after a given one, in order: the newest of them, up to MAX_REPLAY.

        In a room that anybody may join, up to MAX_PUBLIC_REPLAY_BYTES.

        Includes every event whose transaction ended before this call. One whose transaction ends during the query may
        be missing although its number is known already, so an incomplete result is read once more.
        """
        replay = self._after(room, number, now)
        return replay if replay.complete else self._after(room, number, now)

    def _after(self, room: str, number: int, now: datetime) -> Replay:
        where = Key("pk").eq(f"log#{room}") & Key("sk").between(_sort_key(number + 1), "head")
        found = query_all(self._table, where, ScanIndexForward=False, ConsistentRead=True, Limit=_REPLAY_PAGE)
        most_bytes = MAX_PUBLIC_REPLAY_BYTES if channel_of(room) else math.inf
        head, size, newest_first = 0, 0, list[LoggedEvent]()
        for item in found:
            if "last_number" in item:
                head = int(item["last_number"])
                continue
            size += len(item["frame"])
            if size > most_bytes or len(newest_first) == MAX_REPLAY or not _unexpired(item, now):
                break
            newest_first.append(_to_event(item))
        events = tuple(reversed(newest_first))
        last = max(head, events[-1].number if events else 0)
        numbers = [event.number for event in events]
        return Replay(events, number <= last and numbers == list(range(number + 1, last + 1)), last)

    def suppress(self, key: str, now: datetime) -> None:
        """Never say the celebration with this key, on the TV or to its rep, however late its queue delivers it.

        What was said stays.
        """
        expires_at = int((now + KEY_RETENTION).timestamp())
        item = {**_key(TV_DISPLAY, f"said#{key}"), "number": SUPPRESSED, "expires_at": expires_at}
        try:
            self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            rejected_item(error)

    def _is_suppressed(self, key: str) -> bool:
        said = get(self._table, _key(TV_DISPLAY, f"said#{key}"), consistent=True)
        return said is not None and int(said["number"]) == SUPPRESSED

    # -- the state of a room

    def store_state(self, state: LoggedEvent) -> bool:
        """Store the room's newest state in place of the one before. False if a newer one is stored."""
        item = {"number": state.number, "frame": state.frame, "at": to_millis(state.at), "trace_id": state.trace_id}
        item |= _expiry(state.room, state.at + RETENTION)
        try:
            self._table.put_item(
                Item=_key(state.room, "state") | item,
                ConditionExpression="attribute_not_exists(pk) OR #number <= :this",
                ExpressionAttributeNames={"#number": "number"},
                ExpressionAttributeValues={":this": state.number},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def state(self, room: str) -> LoggedEvent | None:
        item = get(self._table, _key(room, "state"), consistent=True)
        return _to_event(item) if item else None

    def find(self, room: str, id_: str, now: datetime) -> LoggedEvent | None:
        """The event or the state with this id; None if it has expired, or a newer state has replaced it."""
        number = number_of(room, id_)
        if number is None:
            return None
        event, state = self.event(room, number, now), None
        if event is None:
            state = self.state(room)
        return event or (state if state and state.number == number else None)


def current_state(message: RoomState) -> LoggedEvent:
    """A state as it is broadcast: without an id, since no client can request what came after it."""
    text = frame(None, message.event, message.room, message.at, json.loads(message.data))
    return LoggedEvent(message.room, to_millis(message.at), text, message.at, message.trace_id, state=True)


def _key(room: str, sort_key: str) -> Item:
    return {"pk": f"log#{room}", "sk": sort_key}


def _expiry(room: str, at: datetime) -> dict[str, int]:
    """The expiry of what is kept for good in any room that nobody can make up."""
    return {"expires_at": int(at.timestamp())} if channel_of(room) else {}


def _sort_key(number: int) -> str:
    return f"event#{number:015d}"


def _unexpired(item: Item, now: datetime) -> bool:
    """Whether an item has not expired: TTL deletes it hours or days late."""
    return int(item["expires_at"]) > now.timestamp()


def _to_event(item: Item) -> LoggedEvent:
    room = item["pk"].partition("#")[2]
    state = item["sk"] == "state"
    number = int(item["number"]) if state else int(item["sk"].partition("#")[2])
    return LoggedEvent(room, number, item["frame"], from_millis(int(item["at"])), item["trace_id"], state)
