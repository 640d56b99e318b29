"""A metered account in this process with channels and subscribers in it, and what its functions write to their logs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any

from cairn.aws.dynamodb import chunks
from cairn.channels.registry import Channel, Channels
from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.observability import logger
from testing.api import event
from testing.cloud import Cloud, Context, Handler, cloud
from testing.functions import FUNCTIONS
from testing.meter import Meter, Usage, metered
from testing.platforms import FakePlatforms, counts
from testing.subscribers import subscribe_many

PLATFORM_LINES = 300
"""Bytes of the START, END and REPORT lines that Lambda adds to an invocation's log."""


@dataclass(frozen=True)
class Work:
    """What some invocations used of AWS; a multiple of it, or a part, is what as many more of them use."""

    calls: float = 0.0
    write_units: float = 0.0
    read_units: float = 0.0
    sqs_requests: float = 0.0
    invocations: float = 0.0
    logged: float = 0.0
    """Bytes."""

    @classmethod
    def of(cls, used: Usage, logged: int) -> Work:
        """One invocation's."""
        return cls(used.total, used.write_units, used.read_units, used.sqs_requests, 1, logged)

    def __add__(self, other: Work) -> Work:
        return Work(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Work) -> Work:
        return self + other * -1

    def __mul__(self, times: float) -> Work:
        return Work(*(mine * times for mine in astuple(self)))


NOTHING = Work()
QUEUED = Work(calls=2, sqs_requests=2)
"""Lambda's own receiving and deleting of a message."""


@dataclass
class Invocation:
    """What a function used and wrote to its log."""

    work: Work = NOTHING
    log: str = ""


@dataclass
class Account:
    """The functions and their platforms; every call of a handler is measured."""

    aws: Cloud
    meter: Meter
    platforms: FakePlatforms
    channels: list[Channel] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    answer: Any = None
    """What the last invocation answered."""

    def track(self, channels: int) -> None:
        """Track this many YouTube channels, each far from its next threshold."""
        table = Channels(self.aws.table("CHANNELS_TABLE"))
        for number in range(len(self.channels), channels):
            native_id = f"UC{number:022d}"
            channel = Channel("youtube", native_id, f"@channel-{number:06d}", f"Channel {number:06d}", now())
            table.add(channel)
            self.channels.append(channel)
            self.count(channel, 10_100 + number % 10 * 100)

    def count(self, channel: Channel, subscribers: int, views: int = 1_234_567) -> None:
        """Set what YouTube says of a channel."""
        self.platforms.youtube[channel.native_id] = counts(subscribers, views, 321)

    def run(self, handler: Handler, event: dict[str, Any]) -> Work:
        """One invocation."""
        with self.invocation() as made:
            answer = handler(event, Context())
        if isinstance(answer, dict) and answer.get("batchItemFailures"):
            raise RuntimeError(f"the handler failed; its log:\n{made.log}")
        if isinstance(answer, dict) and answer.get("statusCode", 200) >= 300:
            raise RuntimeError(f"the API refused: {answer}")
        self.answer = answer
        return made.work

    @contextmanager
    def invocation(self) -> Iterator[Invocation]:
        """Whatever is called in the block is one invocation, and known when it is over."""
        made = Invocation()
        with self.meter.measuring() as used, _logs() as log:
            yield made
        made.log = log.getvalue()
        made.work = Work.of(used, len(made.log.encode()) + PLATFORM_LINES)

    def sweep(self) -> Work:
        """A tick of the schedule, and the batches that it leaves to the queue."""

        work = self.run(FUNCTIONS["fetch_stats"], {"source": "schedule"})
        return self.drain("FETCH_QUEUE_URL", FUNCTIONS["fetch_stats"], work)

    def detect(self, changed: list[dict[str, Any]] | None = None) -> Work:
        """Detection of everything that the stats table's stream holds, or of these of its records."""

        self.changed = self.aws.changes() if changed is None else changed
        return self.run(FUNCTIONS["detect_milestone"], {"Records": self.changed})

    def remember(self) -> Work:
        """History of what was detected last."""

        return self.run(FUNCTIONS["record_history"], {"Records": self.changed})

    def notify(self) -> Work:
        """Every message of the notify queue, and those that come of them."""

        return self.drain("NOTIFY_QUEUE_URL", FUNCTIONS["notify"])

    def expand(self) -> Work:
        """The one message that waits for notify, and nothing of what comes of it."""

        (record,) = self.aws.messages("NOTIFY_QUEUE_URL")
        return self.bring("NOTIFY_QUEUE_URL", FUNCTIONS["notify"], record)

    def drain(self, queue: str, handler: Handler, work: Work = NOTHING) -> Work:
        """Bring a queue's messages one by one until there are none."""
        while records := self.aws.messages(queue):
            for record in records:
                work += self.bring(queue, handler, record)
        return work

    def bring(self, queue: str, handler: Handler, record: dict[str, Any]) -> Work:
        """Bring one message."""
        work = self.run(handler, {"Records": [record]}) + QUEUED
        self.aws.delete(queue, record)
        return work

    def tell(self) -> Work:
        """Every message of the broadcast queue, as many in a batch as Lambda brings, and those that come of them."""

        work = NOTHING
        while records := self.aws.messages("BROADCAST_QUEUE_URL"):
            for batch in chunks(records, 10):
                work += self.run(FUNCTIONS["broadcast"], {"Records": list(batch)}) + QUEUED
            for record in records:
                self.aws.delete("BROADCAST_QUEUE_URL", record)
        return work

    def get(self, path: str, query: Mapping[str, str]) -> Work:
        """A GET of the API, the second of its kind."""
        self.call("GET", path, query=query)
        return self.call("GET", path, query=query)

    def call(self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None) -> Work:
        """A request to the API with a key that this Lambda has let in before."""
        FUNCTIONS["api"].dependencies.authenticator.authenticate(event("GET", "/api/channels", headers=self._bearer))
        text = None if body is None else json.dumps(body)
        return self.run(FUNCTIONS["api"], event(method, path, query=query or "", headers=self._bearer, body=text))

    @property
    def body(self) -> Any:
        """What the API answered last."""
        return json.loads(self.answer["body"])

    @cached_property
    def _bearer(self) -> dict[str, str]:
        return {
            "authorization": f"Bearer {ApiKeys(self.aws.table('AUDIENCE_TABLE')).create('bench', ['admin'], now())}"
        }

    def settle(self) -> None:
        """Let what is there be detected, remembered and told, unmeasured."""
        with _logs():
            self.aws.flow()


@contextmanager
def account(*, channels: int = 0, chats: int = 0) -> Iterator[Account]:
    """With this many channels, whose first readings are taken, and subscribers."""
    platforms = FakePlatforms()
    with cloud(platforms.transport()) as aws, metered() as meter:
        made = Account(aws, meter, platforms)
        made.track(channels)
        subscribe_many(aws, chats)
        if channels:
            made.sweep()
            made.settle()
        yield made


@contextmanager
def _logs() -> Iterator[io.StringIO]:
    """What is logged and, as EMF, printed in the block."""
    handler: Any = logger.registered_handler
    log = io.StringIO()
    before = handler.setStream(log)
    try:
        with redirect_stdout(log):
            yield log
    finally:
        handler.setStream(before)
