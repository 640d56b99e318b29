"""A metered account in this process, with channels and subscribers, and with the logs of its functions."""

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
from testing import prices
from testing.api import event
from testing.cloud import Cloud, Context, Handler, cloud
from testing.functions import FUNCTIONS
from testing.meter import Meter, Usage, metered
from testing.platforms import FakePlatforms, counts
from testing.prices import Charges
from testing.subscribers import subscribe_many


@dataclass(frozen=True)
class Work:
    """The AWS usage of some invocations; multiply it for more or fewer of them."""

    calls: float = 0.0
    write_units: float = 0.0
    read_units: float = 0.0
    sqs_requests: float = 0.0
    fifo_requests: float = 0.0
    invocations: float = 0.0
    logged: float = 0.0
    """Bytes that the function itself writes."""

    @classmethod
    def of(cls, used: Usage, logged: int) -> Work:
        """The usage of one invocation."""
        return cls(used.total, used.write_units, used.read_units, used.sqs_requests, used.fifo_requests, 1, logged)

    def __add__(self, other: Work) -> Work:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Work(*(value + other_value for value, other_value in pairs))

    @property
    def charges(self) -> Charges:
        """What it costs: DynamoDB and SQS."""
        return {
            prices.WRITE_UNIT: self.write_units,
            prices.READ_UNIT: self.read_units,
            prices.SQS_REQUEST: self.sqs_requests,
            prices.FIFO_REQUEST: self.fifo_requests,
        }

    def __sub__(self, other: Work) -> Work:
        return self + other * -1

    def __mul__(self, times: float) -> Work:
        return Work(*(value * times for value in astuple(self)))


NOTHING = Work()
QUEUED = Work(calls=2, sqs_requests=2)
"""Lambda's calls to receive and delete a message, or a batch of them."""
QUEUED_IN_ORDER = Work(calls=2, fifo_requests=2)
"""The same of a FIFO queue."""


@dataclass
class Invocation:
    """A function's usage and its log."""

    work: Work = NOTHING
    log: str = ""


@dataclass
class Account:
    """The functions and their platforms; every handler call is metered."""

    aws: Cloud
    meter: Meter
    platforms: FakePlatforms
    channels: list[Channel] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    result: Any = None
    """The result of the last invocation."""

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
        """Set the counts that YouTube returns for a channel."""
        self.platforms.youtube[channel.native_id] = counts(subscribers, views, 321)

    def run(self, handler: Handler, event: dict[str, Any]) -> Work:
        """Run one invocation; its usage."""
        with self.invocation() as invocation:
            result = handler(event, Context())
        if isinstance(result, dict) and result.get("batchItemFailures"):
            raise RuntimeError(f"the handler failed; its log:\n{invocation.log}")
        if isinstance(result, dict) and result.get("statusCode", 200) >= 300:
            raise RuntimeError(f"the API returned an error: {result}")
        self.result = result
        return invocation.work

    @contextmanager
    def invocation(self) -> Iterator[Invocation]:
        """Measure the calls in the block as one invocation, which is filled in when the block ends."""
        invocation = Invocation()
        with self.meter.measuring() as used, captured_logs() as log:
            yield invocation
        invocation.log = log.getvalue()
        invocation.work = Work.of(used, len(invocation.log.encode()))

    def sweep(self) -> Work:
        """Run a tick of the schedule, and the batches that it queues."""
        work = self.run(FUNCTIONS["fetch_stats"], {"source": "schedule"})
        return self.drain("FETCH_QUEUE_URL", FUNCTIONS["fetch_stats"], work)

    def detect(self, changed: list[dict[str, Any]] | None = None) -> Work:
        """Run detection on all records of the stats table's stream, or on these ones."""
        self.changed = self.aws.changes() if changed is None else changed
        return self.run(FUNCTIONS["detect_milestone"], {"Records": self.changed})

    def record_history(self) -> Work:
        """Record the history of the changes detected last."""
        return self.run(FUNCTIONS["record_history"], {"Records": self.changed})

    def notify(self) -> Work:
        """Deliver every message of the notify queue, and those that follow."""
        return self.drain("NOTIFY_QUEUE_URL", FUNCTIONS["notify"])

    def expand(self) -> Work:
        """Deliver the one message in the notify queue, and none that follow."""
        (record,) = self.aws.messages("NOTIFY_QUEUE_URL")
        return self.deliver("NOTIFY_QUEUE_URL", FUNCTIONS["notify"], record)

    def drain(self, queue: str, handler: Handler, work: Work = NOTHING) -> Work:
        """Deliver a queue's messages one by one until it is empty."""
        while records := self.aws.messages(queue):
            for record in records:
                work += self.deliver(queue, handler, record)
        return work

    def deliver(self, queue: str, handler: Handler, record: dict[str, Any]) -> Work:
        """Deliver one message."""
        work = self.run(handler, {"Records": [record]}) + QUEUED
        self.aws.delete(queue, record)
        return work

    def broadcast(self) -> Work:
        """Deliver every message of the broadcast queue in batches of Lambda's size, and those that follow."""
        work = NOTHING
        while records := self.aws.messages("BROADCAST_QUEUE_URL"):
            for batch in chunks(records, 10):
                work += self.run(FUNCTIONS["broadcast"], {"Records": list(batch)}) + QUEUED_IN_ORDER
            for record in records:
                self.aws.delete("BROADCAST_QUEUE_URL", record)
        return work

    def get(self, path: str, query: Mapping[str, str]) -> Work:
        """Send the same GET to the API twice; the usage of the second."""
        self.call("GET", path, query=query)
        return self.call("GET", path, query=query)

    def call(self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None) -> Work:
        """Send a request to the API with a key that this Lambda has cached."""
        FUNCTIONS["api"].dependencies.authenticator.authenticate(event("GET", "/api/channels", headers=self._bearer))
        text = None if body is None else json.dumps(body)
        return self.run(FUNCTIONS["api"], event(method, path, query=query or "", headers=self._bearer, body=text))

    @property
    def body(self) -> Any:
        """The body of the API's last response."""
        return json.loads(self.result["body"])

    @cached_property
    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {ApiKeys(self.aws.table('KEYS_TABLE')).create('bench', ['admin'], now())}"}

    def settle(self) -> None:
        """Process everything pending, unmeasured: detection, history and notifications."""
        with captured_logs():
            self.aws.flow()


@contextmanager
def metered_account(*, channels: int = 0, chats: int = 0) -> Iterator[Account]:
    """An account with this many subscribers and channels, whose first readings are stored."""
    platforms = FakePlatforms()
    with cloud(platforms.transport()) as aws, metered() as meter:
        account = Account(aws, meter, platforms)
        account.track(channels)
        subscribe_many(aws, chats)
        if channels:
            account.sweep()
            account.settle()
        yield account


@contextmanager
def captured_logs() -> Iterator[io.StringIO]:
    """Capture what the block logs, and the EMF that it prints."""
    handler: Any = logger.registered_handler
    log = io.StringIO()
    previous = handler.setStream(log)
    try:
        with redirect_stdout(log):
            yield log
    finally:
        handler.setStream(previous)
