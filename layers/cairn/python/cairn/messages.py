"""The queues' messages as frozen types, and their JSON. docs/events.md documents the fields."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from cairn.clock import from_millis, to_millis
from cairn.codec import milestone_fields, to_milestone
from cairn.model import Milestone

REVERTED = "milestone:reverted"
SHARED_CHECK_GROUPS = 6_000
SHARED_MILESTONE_GROUPS = 2_000
"""With ten messages in flight in each, all are two thirds of what SQS keeps in flight of a FIFO queue (120,000).

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


class UnreadableMessageError(ValueError):
    """A message that Cairn did not write; it goes to the dead-letter queue, where an operator can inspect it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A milestone to be sent to every subscriber.

    `since` is when it was first postponed, also in the next two messages.
    """

    type: ClassVar[str] = "alert"
    milestone: Milestone
    since: datetime | None = None

    @property
    def trace_id(self) -> str:
        return self.milestone.trace_id


@dataclass(frozen=True, slots=True)
class AlertPart:
    """One part of an alert's audience: the chats after `after` up to `through`, in the order of the table."""

    type: ClassVar[str] = "alert_part"
    milestone: Milestone
    number: int
    after: str | None
    through: str | None
    planned: int
    since: datetime | None = None

    @property
    def trace_id(self) -> str:
        return self.milestone.trace_id


@dataclass(frozen=True, slots=True)
class Reply:
    """The bot's answer to one command; `key` identifies repeats.

    It is sent no earlier than `not_before`, so that quick commands stay within Telegram's rate limit for a chat.
    """

    type: ClassVar[str] = "reply"
    key: str
    chat_id: str
    text: str
    not_before: datetime
    trace_id: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class FetchBatch:
    """Channels of one platform to fetch together; `number` is the first one's position among all of the platform."""

    type: ClassVar[str] = "fetch_batch"
    platform: str
    number: int
    channel_ids: tuple[str, ...]
    source: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """An event to broadcast to a room; `key` identifies repeats, `data` is the frame's `data` as JSON text.

    After `fresh_until` the event is listed, but no longer celebrated.
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
    """An event of a large room, for one shard of its sockets."""

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
    """The leaderboard changed: broadcast it to everyone who may see it."""

    type: ClassVar[str] = "board_changed"
    key: str
    trace_id: str

    @property
    def group(self) -> str:
        return "everyone"


@dataclass(frozen=True, slots=True)
class RoomState:
    """A current state, for everyone in a room: not numbered, not kept, and obsolete once a newer state exists.

    `key` identifies repeats, `data` is the frame's `data` as JSON text.
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
    """Count a channel's viewers at `at` or later: one joined or left; or (`check`) one may have timed out by then.

    Or (`lasted`) a milestone will have lasted by then.
    """

    type: ClassVar[str] = "count_viewers"
    channel: str
    at: datetime
    check: bool
    trace_id: str
    shared: bool = False
    """A scheduled count of a channel that anybody can have made up, in a group that it shares with others."""
    lasted: bool = False

    @property
    def group(self) -> str:
        """Scheduled counts wait for long, so they have their own groups and delay no other count.

        Ten messages of a group wait in flight at most. So those of made-up channels, however many there are, share so
        many groups that the queue has room for the others. Two channels in one group may delay each other's checks.
        """
        if not (self.check or self.lasted):
            return self.channel
        purpose, groups = ("milestone", SHARED_MILESTONE_GROUPS) if self.lasted else ("check", SHARED_CHECK_GROUPS)
        if not self.shared:
            return f"{self.channel} {purpose}"
        return f"{purpose} {int.from_bytes(hashlib.sha256(self.channel.encode()).digest()[:4]) % groups}"

    @property
    def key(self) -> str:
        """Scheduled counts are unique; other requests for the same instant are one message."""
        return f"{to_millis(self.at)}" + (f"/{self.trace_id}" if self.check or self.lasted else "")


def reverted_event(room: str, milestone: Milestone) -> RoomEvent:
    """Tells a room's clients to show a milestone no more."""
    return RoomEvent(
        room=room,
        event=REVERTED,
        key=f"{milestone.id}/reverted",
        data=json.dumps({"milestone": milestone.id}, separators=(",", ":"), ensure_ascii=False),
        at=milestone.reverted.at if milestone.reverted else milestone.achieved_at,
        fresh_until=None,
        trace_id=milestone.trace_id,
    )


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Close the sockets of a person or an API key: all, or those of one session, or of tokens issued up to a second."""

    type: ClassVar[str] = "signed_out"
    owner: str
    session: str | None
    until: int | None
    kept: str | None
    trace_id: str

    @property
    def group(self) -> str:
        """No room waits for it. An owner may contain any character, a room's name no space."""
        return f"signed out {self.owner}"

    @property
    def key(self) -> str:
        return f"{self.session}/{self.until}"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event for the endpoints that want it. `data` and `contact` are JSON texts; `contact` may be empty."""

    type: ClassVar[str] = "webhook_event"
    event_id: str
    event_type: str
    subject: str | None
    at: datetime
    data: str
    contact: str
    trace_id: str

    @property
    def group(self) -> str:
        """Those of a subject are numbered in their order."""
        return f"event {self.subject or self.event_id}"

    @property
    def key(self) -> str:
        return self.event_id


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """Send an event to an endpoint for the first time, or again when a person asks for it (`resend` is the request).

    A group is a lane of the endpoint. SQS has one message of a group in flight, so an endpoint has no more attempts
    at a time than lanes.
    """

    type: ClassVar[str] = "webhook_attempt"
    endpoint: str
    lane: int
    event: str
    resend: str
    trace_id: str

    @property
    def group(self) -> str:
        return f"lane {self.endpoint} {self.lane}"

    @property
    def key(self) -> str:
        return f"{self.event}/{self.resend}"


@dataclass(frozen=True, slots=True)
class WebhookLane:
    """Work off what is due in an endpoint's lane; or, with `at`, do so from then on.

    The latter waits in a group of its own, so that it holds nothing up.
    """

    type: ClassVar[str] = "webhook_lane"
    endpoint: str
    lane: int
    at: datetime | None
    trace_id: str

    @property
    def group(self) -> str:
        later = f" at {to_millis(self.at)}" if self.at else ""
        return f"lane {self.endpoint} {self.lane}{later}"

    @property
    def key(self) -> str:
        return "due" if self.at else f"due/{self.trace_id}"


@dataclass(frozen=True, slots=True)
class WebhookReplay:
    """Send an endpoint the events of a range of time again (`failed_only`: only those that failed).

    `after` is the key of the last event that is done; `request` is the same in each message of a replay.
    """

    type: ClassVar[str] = "webhook_replay"
    endpoint: str
    request: str
    since: datetime
    before: datetime
    event_types: tuple[str, ...]
    failed_only: bool
    after: str
    trace_id: str

    @property
    def group(self) -> str:
        return f"replay {self.endpoint}"

    @property
    def key(self) -> str:
        return f"{self.request}/{self.after}"


@dataclass(frozen=True, slots=True)
class SyncRun:
    """Start a sync that somebody asked for: a message for each of its creators."""

    type: ClassVar[str] = "sync_run"
    run: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class SyncCreator:
    """Bring a creator's transactions. A sync that began after `at` has done it.

    `source` is `schedule`, `webhook`, `operator` or `request`; of a request, `run` is its run's id. With `deep`, the
    last week is compared, too.
    """

    type: ClassVar[str] = "sync_creator"
    creator: str
    source: str
    run: str
    deep: bool
    at: datetime
    trace_id: str


Ordered = (
    RoomEvent
    | RoomShard
    | BoardChanged
    | RoomState
    | CountViewers
    | SignedOut
    | WebhookEvent
    | WebhookAttempt
    | WebhookLane
    | WebhookReplay
)
"""Messages of FIFO queues, which keep the order within a group and accept the same key once in five minutes."""
Message = Alert | AlertPart | Reply | FetchBatch | SyncRun | SyncCreator | Ordered
_TYPES: dict[str, type[Message]] = {
    cls.type: cls
    for cls in (
        *(Alert, AlertPart, Reply, FetchBatch, SyncRun, SyncCreator),
        *(RoomEvent, RoomShard, BoardChanged, RoomState, CountViewers, SignedOut),
        *(WebhookEvent, WebhookAttempt, WebhookLane, WebhookReplay),
    )
}
_INSTANTS = ("not_before", "at", "fresh_until", "since", "before")
_LISTS = ("channel_ids", "event_types")


def dump(message: Message) -> str:
    """The JSON text of a message."""
    fields = {"type": message.type} | {name: getattr(message, name) for name in message.__slots__}
    for name in _INSTANTS:
        if isinstance(fields.get(name), datetime):
            fields[name] = to_millis(fields[name])
    if fields.get("since", 0) is None:
        del fields["since"]  # release 0.1.0 does not know the field, and may still run during an upgrade
    if isinstance(message, Alert | AlertPart):
        fields["milestone"] = milestone_fields(message.milestone)
    return json.dumps(fields, default=_number, separators=(",", ":"))


def load(text: str) -> Message:
    """The message of a JSON text. UnreadableMessageError, with the reason, for any other text."""
    try:
        fields: dict[str, Any] = json.loads(text, parse_float=Decimal)
        cls = _TYPES[fields.pop("type")]
        if "milestone" in fields:
            fields["milestone"] = to_milestone(fields["milestone"])
        for name in _INSTANTS:
            if fields.get(name) is not None:
                fields[name] = from_millis(int(fields[name]))
        for name in _LISTS:
            if name in fields:
                fields[name] = tuple(fields[name])
        return cls(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnreadableMessageError(f"not a Cairn message: {error!r}: {text[:200]}") from error


def _number(value: Any) -> int | str:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a message")
