"""The messages of a batch: what they ask for, in which groups they stay in order, and which are retried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cairn.errors import NotYetError
from cairn.messages import BoardChanged, RoomEvent, RoomShard, RoomState, SignedOut, UnreadableMessageError
from cairn.realtime.frames import FrameTooLargeError

PERMANENT = (UnreadableMessageError, FrameTooLargeError)
"""What no retry can fix: the message goes to the dead-letter queue, and those behind it in its room do not wait."""


class HeldBackError(Exception):
    """An earlier message of the room must be retried first."""


Broadcast = RoomEvent | RoomShard | BoardChanged | RoomState | SignedOut
STATES = (BoardChanged, RoomState)
"""Messages that say how something stands."""
WAITING = (NotYetError, HeldBackError)
"""Nothing is wrong: the message is not due yet."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message, or why it cannot be read; and the group in which it must stay in order."""

    message: Broadcast | UnreadableMessageError
    group: str

    @property
    def trace_id(self) -> str | None:
        return None if isinstance(self.message, UnreadableMessageError) else self.message.trace_id


def newest_states(states: Sequence[tuple[int, Received]]) -> list[tuple[int, Received]]:
    """Without the states that a newer one of the same room in the batch replaces."""
    newest: dict[str, tuple[datetime, int]] = {}
    for index, received in states:
        if isinstance(received.message, RoomState):
            room, this = received.message.room, (received.message.at, index)
            newest[room] = max(this, newest.get(room, this))
    kept = {index for _, index in newest.values()}
    return [one for one in states if one[0] in kept or not isinstance(one[1].message, RoomState)]


def with_held_back(batch: Sequence[Received], failed: dict[int, Exception]) -> dict[int, Exception]:
    """The failures, and the messages behind them in their groups, in the order of the batch."""
    broken: set[str] = set()
    to_retry: dict[int, Exception] = {}
    for index, received in enumerate(batch):
        error = failed.get(index)
        if received.group in broken:
            to_retry[index] = error or HeldBackError("an earlier message of the room is retried first")
        elif error:
            to_retry[index] = error
            if not isinstance(error, PERMANENT):
                broken.add(received.group)
    return to_retry
