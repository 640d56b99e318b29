"""The broadcast function between its queue and sockets that are not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import boto3

from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.messages import Message, Ordered, RoomEvent, dump
from cairn.realtime.membership import Sockets
from cairn.realtime.tickets import Holder
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.rooms import JOINED_BEFORE, crowd, members, sockets_of
from testing.sqs import Fifo, in_place_of_sqs
from testing.websocket_api import FakePoster

ADA = Holder("ada", "Ada", frozenset({"leaderboard"}))
HIDDEN = timedelta(minutes=2)


class Died(BaseException):
    """The sandbox; no clean-up of the function's can catch it and go on."""


@dataclass
class Hall:
    aws: Cloud
    fifo: Fifo
    poster: FakePoster
    clock: ControlledClock

    @property
    def table(self) -> Any:
        return self.aws.table("CONNECTIONS_TABLE")

    @property
    def sockets(self) -> Sockets:
        return sockets_of(self.aws)

    def join(self, connection_id: str, *rooms: str, holder: Holder | None = None) -> None:
        """A socket that has been in these rooms for a while."""
        socket = self.sockets.open(connection_id, holder, now() - JOINED_BEFORE)
        for room in rooms:
            self.sockets.join(socket, room, now() - JOINED_BEFORE)

    def crowd(self, room: str, size: int) -> list[str]:
        """So many sockets in a room, as joining leaves them."""
        return crowd(self.aws, room, size)

    def members(self, room: str) -> set[str]:
        return members(self.sockets, room)

    def told_in_parts_beyond(self, large: int) -> None:
        """Smaller rooms than in AWS are large."""
        FUNCTIONS["broadcast"].dependencies.broadcaster._sockets = sockets_of(self.aws, large=large)

    def send(self, *messages: Ordered) -> None:
        Queue(boto3.client("sqs"), "broadcast.fifo").send(messages)

    def send_text(self, body: str | Message) -> None:
        """Something in the queue that does not belong there."""
        text = body if isinstance(body, str) else dump(body)
        self.fifo.send({"MessageBody": text, "MessageGroupId": "g", "MessageDeduplicationId": uuid4().hex})

    def bring(self, seconds: float = 20.0) -> list[str]:
        """One batch, to a function that has so much time; the ids of the messages that are to come again."""
        return self.fifo.deliver(lambda _, event: self._invoke(event, seconds))

    def settle(self) -> None:
        """Until nothing is left in the queue."""
        while due := self.fifo.due():
            self.clock.reach(due)
            self.bring()

    def bring_and_die(self, calls: int) -> bool:
        """A batch whose sandbox dies after so many calls of DynamoDB and posts took effect; False when it has fewer."""
        left = [calls]

        def count(**_: Any) -> None:
            left[0] -= 1
            if not left[0]:
                raise Died

        events = FUNCTIONS["broadcast"].dependencies.broadcaster._event_log._table.meta.client.meta.events
        events.register("after-call.dynamodb", count)
        self.poster.after = count
        try:
            self.bring()
        except Died:
            return True
        else:
            return False
        finally:
            events.unregister("after-call.dynamodb", count)
            self.poster.after = lambda: None

    def _invoke(self, event: dict[str, Any], seconds: float) -> Any:
        return FUNCTIONS["broadcast"](event, Context(seconds))


def large_room(hall: Hall, room: str = "tv-display") -> list[str]:
    """The sockets of a room that is just large enough to be told in parts."""
    hall.told_in_parts_beyond(20)
    return hall.crowd(room, 21)


def event(key: str, room: str = "tv-display", data: object = None) -> RoomEvent:
    """What detect_milestone sends of a milestone of that key."""
    return RoomEvent(room, "achievement:celebration", key, json.dumps(data or key), now(), None, f"trace-{key}")


@contextmanager
def hall(aws: Cloud, clock: ControlledClock, poster: FakePoster) -> Iterator[Hall]:
    """With the queue as infra has it, but for a third of the receives."""
    with in_place_of_sqs(Fifo(clock, "broadcast", max_receives=10, hidden=HIDDEN)) as fifo:
        yield Hall(aws, fifo, poster, clock)
