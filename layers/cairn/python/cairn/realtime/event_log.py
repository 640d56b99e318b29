"""What was said in each room: numbered without a gap, each once, kept for a day.

| pk | sk | holds | TTL |
|---|---|---|---|
| `log#{room}` | `event#{number}` | an event's frame | 24 h |
| `log#{room}` | `head` | the last number given | – |
| `log#{room}` | `said#{key}` | which number the event of a message was given | 20 days |
| `log#{room}` | `state` | the frame that stands for all before it, of a room that is shown a state | – |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, rejected_item, transact
from cairn.clock import from_millis, to_millis
from cairn.messages import RoomEvent, RoomState
from cairn.realtime.frames import event_id, frame, number_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEPT = timedelta(hours=24)
REMEMBERED = timedelta(days=20)
"""How long a message may come again: four days in its queue, fourteen among the dead letters, and some to spare."""
LONGEST_REPLAY = 250
"""Events: what can be posted to one socket, one after the other, while API Gateway waits for the answer to `join`."""
_TRIES = 5


class CrowdedError(Exception):
    """Others say so much in the room at this instant that no number could be had: to be tried again."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of a room as it is told; or a state, which is how something stands, and numbered by its millisecond."""

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
    """What a room said after an event. `complete` unless some of it is kept no more, or it is more than is replayed."""

    events: tuple[LoggedEvent, ...]
    complete: bool
    last: int
    """The number of the newest; 0 when nothing was ever said."""


class EventLog:
    """`table` is the connections table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(self, event: RoomEvent, now: datetime) -> LoggedEvent | None:
        """Number and keep an event; a repeat finds it. None when it was said so long ago that it is kept no more.

        FrameTooLargeError when no socket could be sent it.
        """
        for _ in range(_TRIES):
            number = self.last(event.room) + 1
            id_ = event_id(event.room, number)
            text = frame(id_, event.event, event.room, event.at, json.loads(event.data), expires_at=event.fresh_until)
            said = LoggedEvent(event.room, number, text, event.at, event.trace_id)
            if transact(self._table, self._keeping(said, event.key, now)):
                return said
            before = get(self._table, _key(event.room, f"said#{event.key}"), consistent=True)
            if before:
                return self.event(event.room, int(before["number"]), now)
        raise CrowdedError(f"{event.room} gave no number in {_TRIES} tries")

    def _keeping(self, said: LoggedEvent, key: str, now: datetime) -> Sequence[Any]:
        new, table = "attribute_not_exists(pk)", self._table.name
        head = {
            "TableName": table,
            "Key": _key(said.room, "head"),
            "UpdateExpression": "SET last_number = :this",
            "ConditionExpression": "last_number = :before" if said.number > 1 else "attribute_not_exists(last_number)",
            "ExpressionAttributeValues": {":this": said.number}
            | ({":before": said.number - 1} if said.number > 1 else {}),
        }
        event = {
            **_key(said.room, _sort(said.number)),
            "frame": said.frame,
            "at": to_millis(said.at),
            "trace_id": said.trace_id,
            "expires_at": int((now + KEPT).timestamp()),
        }
        mark = {
            **_key(said.room, f"said#{key}"),
            "number": said.number,
            "expires_at": int((now + REMEMBERED).timestamp()),
        }
        return [
            {"Update": head},
            *({"Put": {"TableName": table, "Item": item, "ConditionExpression": new}} for item in (event, mark)),
        ]

    def last(self, room: str) -> int:
        """The number of the room's newest event; 0 when nothing was ever said."""
        return int((get(self._table, _key(room, "head"), consistent=True) or {}).get("last_number", 0))

    def event(self, room: str, number: int, now: datetime) -> LoggedEvent | None:
        """An event, while it is kept."""
        item = get(self._table, _key(room, _sort(number)), consistent=True)
        return _to_said(item) if item and _kept(item, now) else None

    def after(self, room: str, number: int, now: datetime) -> Replay:
        """What was said after an event, in order: the newest LONGEST_REPLAY of it.

        An event whose transaction ended before this was asked is in it. One that ends in between may be missing where
        its number is known already, so a gap at the end is looked at again.
        """
        replay = self._after(room, number, now)
        return replay if replay.complete else self._after(room, number, now)

    def _after(self, room: str, number: int, now: datetime) -> Replay:
        where = Key("pk").eq(f"log#{room}") & Key("sk").between(_sort(number + 1), "head")
        most = LONGEST_REPLAY + 1
        found = query_all(self._table, where, ScanIndexForward=False, ConsistentRead=True, Limit=most)
        items = list(islice(found, most))
        head = next((int(item["last_number"]) for item in items if "last_number" in item), 0)
        kept = [_to_said(item) for item in reversed(items) if "frame" in item and _kept(item, now)]
        events = tuple(kept[-LONGEST_REPLAY:])
        last = max(head, events[-1].number if events else 0)
        numbers = [event.number for event in events]
        return Replay(events, number <= last and numbers == list(range(number + 1, last + 1)), last)

    # -- rooms that are shown a state

    def store_state(self, state: LoggedEvent) -> bool:
        """Keep the frame that stands for all before it. False when a newer one does."""
        item = {"number": state.number, "frame": state.frame, "at": to_millis(state.at), "trace_id": state.trace_id}
        try:
            self._table.put_item(
                Item=_key(state.room, "state") | item,
                ConditionExpression=Attr("pk").not_exists() | Attr("number").lte(state.number),
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def state(self, room: str) -> LoggedEvent | None:
        item = get(self._table, _key(room, "state"), consistent=True)
        return _to_said(item) if item else None

    def find(self, room: str, id_: str, now: datetime) -> LoggedEvent | None:
        """The event or the state of an id; None when it is kept no more, or a newer state has taken its place."""
        number = number_of(room, id_)
        if number is None:
            return None
        event, state = self.event(room, number, now), None
        if event is None:
            state = self.state(room)
        return event or (state if state and state.number == number else None)


def current_state(message: RoomState) -> LoggedEvent:
    """What is told of a state: under no id, since nobody can ask for what came after it."""
    text = frame(None, message.event, message.room, message.at, json.loads(message.data))
    return LoggedEvent(message.room, to_millis(message.at), text, message.at, message.trace_id, state=True)


def _key(room: str, sort: str) -> Item:
    return {"pk": f"log#{room}", "sk": sort}


def _sort(number: int) -> str:
    return f"event#{number:015d}"


def _kept(item: Item, now: datetime) -> bool:
    """TTL deletes hours late, or days."""
    return int(item["expires_at"]) > now.timestamp()


def _to_said(item: Item) -> LoggedEvent:
    room = item["pk"].partition("#")[2]
    state = item["sk"] == "state"
    number = int(item["number"]) if state else int(item["sk"].partition("#")[2])
    return LoggedEvent(room, number, item["frame"], from_millis(int(item["at"])), item["trace_id"], state)
