"""The broadcast function between a simulated queue and simulated sockets."""

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
    """The sandbox's death. Not an Exception, so that no handler in the function can catch it and continue."""


@dataclass
class BroadcastBench:
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
        """A socket that joined these rooms earlier."""
        socket = self.sockets.open(connection_id, holder, now() - JOINED_BEFORE)
        for room in rooms:
            self.sockets.join(socket, room, now() - JOINED_BEFORE)

    def crowd(self, room: str, size: int) -> list[str]:
        """So many sockets in a room."""
        return crowd(self.aws, room, size)

    def members(self, room: str) -> set[str]:
        return members(self.sockets, room)

    def told_in_parts_beyond(self, large: int) -> None:
        """Lower the size from which a room is told in parts."""
        FUNCTIONS["broadcast"].dependencies.broadcaster._sockets = sockets_of(self.aws, large=large)

    def send(self, *messages: Ordered) -> None:
        Queue(boto3.client("sqs"), "broadcast.fifo").send(messages)

    def send_text(self, body: str | Message) -> None:
        """Any message in the queue."""
        text = body if isinstance(body, str) else dump(body)
        self.fifo.send({"MessageBody": text, "MessageGroupId": "g", "MessageDeduplicationId": uuid4().hex})

    def bring(self, seconds: float = 20.0) -> list[str]:
        """Deliver one batch, with so much time; the ids of the messages that will be retried."""
        return self.fifo.deliver(lambda _, event: self._invoke(event, seconds))

    def settle(self) -> None:
        """Deliver until the queue is empty."""
        while due := self.fifo.due():
            self.clock.advance_to(due)
            self.bring()

    def bring_and_die(self, calls: int) -> bool:
        """Deliver a batch, and die after so many DynamoDB calls and posts; False when there are fewer."""
        remaining = [calls]

        def count(**_: Any) -> None:
            remaining[0] -= 1
            if not remaining[0]:
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


def large_room(broadcast_bench: BroadcastBench, room: str = "tv-display") -> list[str]:
    """The sockets of a room that is just large enough to be told in parts."""
    broadcast_bench.told_in_parts_beyond(20)
    return broadcast_bench.crowd(room, 21)


def event(key: str, room: str = "tv-display", data: object = None) -> RoomEvent:
    """A milestone's event, as detect_milestone sends it."""
    return RoomEvent(room, "achievement:celebration", key, json.dumps(data or key), now(), None, f"trace-{key}")


@contextmanager
def broadcast_bench(aws: Cloud, clock: ControlledClock, poster: FakePoster) -> Iterator[BroadcastBench]:
    """The queue is configured as in infra, but with a third of the receives."""
    with in_place_of_sqs(Fifo(clock, "broadcast", max_receives=10, hidden=HIDDEN)) as fifo:
        yield BroadcastBench(aws, fifo, poster, clock)
