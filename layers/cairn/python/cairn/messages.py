"""What the queues carry, as frozen types; dicts stop here. The shapes are documented in docs/events.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from cairn.clock import from_millis, to_millis
from cairn.codec import milestone_fields, to_milestone
from cairn.model import Milestone


class UnreadableMessageError(ValueError):
    """A message that is not of Cairn's making: it goes to the dead letters, where somebody can look at it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A milestone to be told to everybody who subscribed."""

    type: ClassVar[str] = "alert"
    milestone: Milestone

    @property
    def trace_id(self) -> str:
        return self.milestone.trace_id


@dataclass(frozen=True, slots=True)
class AlertPart:
    """One stretch of an alert's audience: the chats after `after` up to `through` in the order of the table."""

    type: ClassVar[str] = "alert_part"
    milestone: Milestone
    number: int
    after: str | None
    through: str | None
    planned: int

    @property
    def trace_id(self) -> str:
        return self.milestone.trace_id


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot answers to one person's command; `key` makes a repeat recognisable.

    It is sent `not_before` then, so that whoever writes quickly is answered at Telegram's pace for a chat.
    """

    type: ClassVar[str] = "reply"
    key: str
    chat_id: str
    text: str
    not_before: datetime
    trace_id: str


@dataclass(frozen=True, slots=True)
class FetchBatch:
    """Channels of one platform to be fetched together; `number` is the first one's place among the platform's."""

    type: ClassVar[str] = "fetch_batch"
    platform: str
    number: int
    channel_ids: tuple[str, ...]
    source: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """Something to be said in a room; `key` makes a repeat recognisable, `data` is the frame's, as JSON text.

    After `fresh_until` it is no longer news: it is listed, and not celebrated.
    """

    type: ClassVar[str] = "room_event"
    room: str
    event: str
    key: str
    data: str
    at: datetime
    fresh_until: datetime | None
    trace_id: str

    @property
    def group(self) -> str:
        return self.room


@dataclass(frozen=True, slots=True)
class RoomShard:
    """An event of a large room, for one of its stretches of sockets."""

    type: ClassVar[str] = "room_part"
    room: str
    shard: int
    event_id: str
    trace_id: str

    @property
    def group(self) -> str:
        return f"{self.room}#{self.shard}"

    @property
    def key(self) -> str:
        return f"{self.event_id}#{self.shard}"


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """The leaderboard is to be shown anew to everyone who may see it."""

    type: ClassVar[str] = "board_changed"
    key: str
    trace_id: str

    @property
    def group(self) -> str:
        return "everyone"


@dataclass(frozen=True, slots=True)
class RoomState:
    """How something stands, for whoever is in a room: neither numbered nor kept, and worthless once there is a newer.

    `key` makes a repeat recognisable, `data` is the frame's, as JSON text.
    """

    type: ClassVar[str] = "room_state"
    room: str
    event: str
    key: str
    data: str
    at: datetime
    trace_id: str

    @property
    def group(self) -> str:
        return self.room


@dataclass(frozen=True, slots=True)
class CountViewers:
    """A channel is to be counted, not before `at`: somebody came or went; or, a `check`, somebody may be over then."""

    type: ClassVar[str] = "count_viewers"
    channel: str
    at: datetime
    check: bool
    trace_id: str

    @property
    def group(self) -> str:
        """Checks wait for long, and nobody behind them."""
        return f"{self.channel} check" if self.check else self.channel

    @property
    def key(self) -> str:
        """A check is asked for once; of the others, one will do for all who ask at about the same time."""
        return f"{to_millis(self.at)}" + (f"/{self.trace_id}" if self.check else "")


Ordered = RoomEvent | RoomShard | BoardChanged | RoomState | CountViewers
"""Messages of a queue that keeps the order within a group, and takes a key once."""
Message = Alert | AlertPart | Reply | FetchBatch | Ordered
_TYPES: dict[str, type[Message]] = {
    cls.type: cls
    for cls in (Alert, AlertPart, Reply, FetchBatch, RoomEvent, RoomShard, BoardChanged, RoomState, CountViewers)
}
_INSTANTS = ("not_before", "at", "fresh_until")


def dump(message: Message) -> str:
    """The JSON text of a message."""
    fields = {"type": message.type} | {name: getattr(message, name) for name in message.__slots__}
    for name in _INSTANTS:
        if isinstance(fields.get(name), datetime):
            fields[name] = to_millis(fields[name])
    if isinstance(message, Alert | AlertPart):
        fields["milestone"] = milestone_fields(message.milestone)
    return json.dumps(fields, default=_number, separators=(",", ":"))


def load(text: str) -> Message:
    """The message of a JSON text; UnreadableMessageError says what is wrong with it."""
    try:
        fields: dict[str, Any] = json.loads(text, parse_float=Decimal)
        cls = _TYPES[fields.pop("type")]
        if "milestone" in fields:
            fields["milestone"] = to_milestone(fields["milestone"])
        for name in _INSTANTS:
            if fields.get(name) is not None:
                fields[name] = from_millis(int(fields[name]))
        if "channel_ids" in fields:
            fields["channel_ids"] = tuple(fields["channel_ids"])
        return cls(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnreadableMessageError(f"not a message of Cairn's: {error!r}: {text[:200]}") from error


def _number(value: Any) -> int | str:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    raise TypeError(f"{type(value).__name__} has no place in a message")
