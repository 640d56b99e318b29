"""Event sources that invoke functions and retry: moto stores their configuration and does not run them.

Each simulates only the documented behaviour that Cairn relies on. The queues are in testing/sqs.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from zlib import crc32

from cairn.aws.dynamodb import chunks
from local.stream_mapping import Batches
from testing.api import webhook_event
from testing.clock import ControlledClock
from testing.dynamodb import stored
from testing.functions import InvocationFailedError, Invoke


class Source(Protocol):
    """Something that invokes a function."""

    def due(self) -> datetime | None:
        """When the next event is due; None when there is none."""

    def step(self, invoke: Invoke) -> None:
        """Deliver the next event."""


def changes(table: str = "STATS_TABLE", prefix: str = "") -> list[dict[str, Any]]:
    """A table's stream records of new and changed items, those whose partition key begins so."""
    return [
        record
        for record in stored(table).records()
        if record["eventName"] in ("INSERT", "MODIFY") and _keys(record)[0].startswith(prefix)
    ]


def _keys(record: dict[str, Any]) -> list[str]:
    """The partition key, then the sort key if there is one."""
    keys = record["dynamodb"]["Keys"]
    return [keys[name]["S"] for name in ("subject", "pk", "sk") if name in keys]


@dataclass(frozen=True)
class Discarded:
    """The content of an on-failure destination: a position in the stream, never the records."""

    first: str
    last: str
    size: int


RETRIED_FOR = timedelta(hours=3)
"""As infra/tables.py has it."""


class Stream:
    """An event source mapping from a table's stream to a function; `prefix` is its filter of partition keys.

    With `parallel`, so many batches are under way at a time; all records of one item are in the same of these lanes.

    A failed invocation bisects the batch; a partial failure moves the checkpoint to the lowest reported sequence
    number, and the rest is retried without bisection; a record older than `RETRIED_FOR` is discarded.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """

    def __init__(
        self,
        clock: ControlledClock,
        function: str,
        *,
        size: int = 100,
        parallel: int = 1,
        table: str = "STATS_TABLE",
        prefix: str = "",
    ) -> None:
        self.function = function
        self.discarded: list[Discarded] = []
        self._clock = clock
        self._size = size
        self._source = (table, prefix)
        self._read = 0
        self._lanes = [Batches(oldest=RETRIED_FOR, bisects=True) for _ in range(parallel)]

    def due(self) -> datetime | None:
        self._poll()
        return min((lane.pending[0].due for lane in self._lanes if lane.pending), default=None)

    def step(self, invoke: Invoke) -> None:
        lane = min((lane for lane in self._lanes if lane.pending), key=lambda lane: lane.pending[0].due)
        if given_up := lane.too_old(self._clock.now()):
            numbers = [record["dynamodb"]["SequenceNumber"] for record in given_up]
            self.discarded.append(Discarded(numbers[0], numbers[-1], len(numbers)))
            return
        try:
            answer = invoke(self.function, {"Records": lane.pending[0].records})
        except InvocationFailedError:
            lane.invocation_failed(self._clock.now())
        else:
            failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
            lane.answered(failed, self._clock.now())

    def redeliver(self) -> None:
        """Everything once more, from the first record on."""
        self._read = 0

    def _poll(self) -> None:
        """A shard is read on when a lane is free; what the other lanes are to get waits in them."""
        if all(lane.pending for lane in self._lanes):
            return
        records = changes(*self._source)[self._read :]
        self._read += len(records)
        for number, lane in enumerate(self._lanes):
            own = [record for record in records if self._lane_of(record) == number]
            for piece in chunks(own, self._size):
                lane.add(piece, self._clock.now())

    def _lane_of(self, record: dict[str, Any]) -> int:
        return crc32(" ".join(_keys(record)).encode()) % len(self._lanes)


@dataclass
class Pending:
    """An event that is due at an instant, and again when it fails."""

    event: dict[str, Any]
    at: datetime
    attempts: int = 0


@dataclass
class Asynchronous:
    """Asynchronous invocations, such as EventBridge Scheduler's: retried after one minute, and after two more.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    clock: ControlledClock
    function: str
    given_up: list[Pending] = field(default_factory=list)
    waiting: list[Pending] = field(default_factory=list)

    def put(self, event: dict[str, Any]) -> None:
        self.waiting.append(Pending(event, self.clock.now()))

    def due(self) -> datetime | None:
        return min((one.at for one in self.waiting), default=None)

    def step(self, invoke: Invoke) -> None:
        one = min(self.waiting, key=lambda one: one.at)
        self.waiting.remove(one)
        try:
            invoke(self.function, one.event)
        except InvocationFailedError:
            one.attempts += 1
            if one.attempts > 2:
                self.given_up.append(one)
            else:
                one.at = self.clock.now() + timedelta(minutes=one.attempts)
                self.waiting.append(one)


@dataclass
class Updates:
    """Telegram's updates, in order, each retried until it is answered with 2xx.

    https://core.telegram.org/bots/api#setwebhook
    """

    clock: ControlledClock
    waiting: list[Pending] = field(default_factory=list)

    def put(self, update: dict[str, Any]) -> None:
        self.waiting.append(Pending(webhook_event(update), self.clock.now()))

    def due(self) -> datetime | None:
        return self.waiting[0].at if self.waiting else None

    def step(self, invoke: Invoke) -> None:
        try:
            accepted = 200 <= invoke("telegram_webhook", self.waiting[0].event)["statusCode"] < 300
        except InvocationFailedError:
            accepted = False
        if accepted:
            self.waiting.pop(0)
        else:
            self.waiting[0].at = self.clock.now() + timedelta(seconds=10)
