"""How AWS and Telegram bring work to a function, and bring it again when it failed: what moto keeps and does not run.

Each of these is as small as the documented behaviour that Cairn leans on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import httpx
from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from moto.core.models import DEFAULT_ACCOUNT_ID

from cairn.aws.dynamodb import chunks
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import SECRETS, Cloud, Context, cloud
from testing.dynamodb import stored
from testing.fault_injection import SandboxDied, Wire
from testing.functions import FUNCTIONS
from testing.gateway import Gateway
from testing.sqs import Fifo

TIMEOUTS = {
    "fetch_stats": 60,
    "detect_milestone": 30,
    "record_history": 30,
    "notify": 60,
    "telegram_webhook": 10,
    "api": 30,
    "broadcast": 20,
    "ws_connect": 29,
    "month_rollover": 300,
    "viewer_heartbeat": 10,
    "count_viewers": 20,
}
MOST_STEPS = 3000


class InvocationFailedError(Exception):
    """The function raised, ran out of time, or its sandbox died: the same to whoever called it."""


Invoke = Callable[[str, dict[str, Any]], Any]


class Source(Protocol):
    """Something that brings work to a function."""

    def due(self) -> datetime | None:
        """When there is something to bring; None when there is nothing at all."""

    def step(self, invoke: Invoke) -> None:
        """Bring one piece of it."""


@dataclass
class Message:
    id: str
    body: str
    visible_at: datetime
    receives: int = 0
    receipt: str = ""


class Queue:
    """A standard SQS queue with its dead letters, and the mapping that hands its messages to a function one by one.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """

    def __init__(self, clock: ControlledClock, function: str, *, max_receives: int) -> None:
        self.function = function
        self.messages: list[Message] = []
        self.dead_letters: list[Message] = []
        self.order: Callable[[list[Message]], Message] = lambda visible: visible[0]
        self.copies = 1
        """How often a message is delivered; SQS says at least once."""
        self._clock = clock
        self._max_receives = max_receives
        self._visibility = timedelta(seconds=6 * TIMEOUTS[function])

    def send(self, body: str) -> str:
        ids = [uuid4().hex] * self.copies
        self.messages += [Message(one, body, self._clock.now()) for one in ids]
        return ids[0]

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The actions of SQS that a function takes itself."""
        if operation == "SendMessageBatch":
            sent = [
                {"Id": entry["Id"], "MessageId": self.send(entry["MessageBody"]), "MD5OfMessageBody": ""}
                for entry in request["Entries"]
            ]
            return {"Successful": sent, "Failed": []}
        if operation == "ChangeMessageVisibility":
            for message in self.messages:
                if message.receipt == request["ReceiptHandle"]:
                    message.visible_at = self._clock.now() + timedelta(seconds=request["VisibilityTimeout"])
            return {}
        raise NotImplementedError(operation)

    def due(self) -> datetime | None:
        return min((message.visible_at for message in self.messages), default=None)

    def receive(self) -> dict[str, Any] | None:
        """A visible message as Lambda brings it; it is hidden until it is deleted or its time has run out."""
        visible = [message for message in self.messages if message.visible_at <= self._clock.now()]
        if not visible:
            return None
        message = self.order(visible)
        message.receives += 1
        if message.receives > self._max_receives:
            self.messages.remove(message)
            self.dead_letters.append(message)
            return None
        message.receipt, message.visible_at = uuid4().hex, self._clock.now() + self._visibility
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }

    def deliver(self, record: dict[str, Any], invoke: Invoke) -> None:
        """Hand a received message over; it is deleted only when the function says it is done."""
        try:
            answer = invoke(self.function, {"Records": [record]})
        except InvocationFailedError:
            return
        if not answer["batchItemFailures"]:
            self.messages = [message for message in self.messages if message.receipt != record["receiptHandle"]]

    def step(self, invoke: Invoke) -> None:
        record = self.receive()
        if record:
            self.deliver(record, invoke)


class InOrder(Fifo):
    """A FIFO queue whose mapping brings again what an invocation gave no answer to."""

    def step(self, invoke: Invoke) -> None:
        with suppress(InvocationFailedError):
            self.deliver(invoke)


def changes() -> list[dict[str, Any]]:
    """What the stats table's stream says of new and changed items."""
    return [record for record in stored("STATS_TABLE").records() if record["eventName"] in ("INSERT", "MODIFY")]


@dataclass
class Batch:
    records: list[dict[str, Any]]
    due: datetime
    attempts: int = 0


@dataclass(frozen=True)
class Discarded:
    """What an on-failure destination is told: where in the stream, never the records themselves."""

    first: str
    last: str
    size: int


class Stream:
    """One function's reading of the stats table's stream.

    A failed invocation is bisected; a partial failure moves the checkpoint to the lowest sequence number reported, and
    what remains is tried again as it is, never halved; after `retries` a batch is discarded whole.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """

    def __init__(self, clock: ControlledClock, function: str, *, retries: int = 20, size: int = 100) -> None:
        self.function = function
        self.discarded: list[Discarded] = []
        self._clock = clock
        self._retries = retries
        self._size = size
        self._read = 0
        self._pending: list[Batch] = []

    def due(self) -> datetime | None:
        self._poll()
        return self._pending[0].due if self._pending else None

    def step(self, invoke: Invoke) -> None:
        batch = self._pending[0]
        try:
            failures = invoke(self.function, {"Records": batch.records})["batchItemFailures"]
        except InvocationFailedError:
            self._bisect(batch)
            return
        if not failures:
            self._pending.pop(0)
            return
        lowest = min(int(failure["itemIdentifier"]) for failure in failures)
        remaining = [record for record in batch.records if int(record["dynamodb"]["SequenceNumber"]) >= lowest]
        if len(remaining) < len(batch.records):
            self._pending[0] = Batch(remaining, self._clock.now())
        else:
            self._again(batch)

    def _poll(self) -> None:
        if not self._pending:
            records = changes()[self._read :]
            self._read += len(records)
            self._pending = [Batch(list(piece), self._clock.now()) for piece in chunks(records, self._size)]

    def _bisect(self, batch: Batch) -> None:
        middle = len(batch.records) // 2
        if middle:
            halves = batch.records[:middle], batch.records[middle:]
            self._pending[:1] = [Batch(half, self._clock.now()) for half in halves]
        else:
            self._again(batch)

    def _again(self, batch: Batch) -> None:
        batch.attempts += 1
        batch.due = self._clock.now() + timedelta(seconds=1)
        if batch.attempts > self._retries:
            self._pending.pop(0)
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch.records]
            self.discarded.append(Discarded(numbers[0], numbers[-1], len(numbers)))


@dataclass
class Once:
    """Something that is due at an instant, and again when it fails."""

    event: dict[str, Any]
    at: datetime
    attempts: int = 0


@dataclass
class Asynchronous:
    """Asynchronous invocations, as EventBridge Scheduler's are: tried again after one minute, and after two more.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    clock: ControlledClock
    function: str
    given_up: list[Once] = field(default_factory=list)
    waiting: list[Once] = field(default_factory=list)

    def put(self, event: dict[str, Any]) -> None:
        self.waiting.append(Once(event, self.clock.now()))

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
    """Telegram's updates, in order, each again until it is answered with 2xx.

    https://core.telegram.org/bots/api#setwebhook
    """

    clock: ControlledClock
    waiting: list[Once] = field(default_factory=list)

    def put(self, update: dict[str, Any]) -> None:
        event = {
            "version": "2.0",
            "headers": {"x-telegram-bot-api-secret-token": SECRETS["TELEGRAM_SECRET"]["TELEGRAM_WEBHOOK_SECRET"]},
            "requestContext": {"http": {"method": "POST", "path": "/api/telegram/webhook"}},
            "body": json.dumps(update),
            "isBase64Encoded": False,
        }
        self.waiting.append(Once(event, self.clock.now()))

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


class Account:
    """An account whose mappings run, on a clock of its own, with every call of every function on one wire."""

    def __init__(self, clock: ControlledClock, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.clock = clock
        self.cloud: Cloud
        self.wire = Wire(clock, answer, self._sqs)
        self.fetch = Queue(clock, "fetch_stats", max_receives=5)
        self.notify = Queue(clock, "notify", max_receives=30)
        self.broadcast = InOrder(clock, "broadcast", max_receives=30, hidden=timedelta(minutes=2))
        self.count = InOrder(clock, "count_viewers", max_receives=30, hidden=timedelta(minutes=2))
        self.gateway = Gateway(clock, self.wire)
        self.detection = Stream(clock, "detect_milestone")
        self.history = Stream(clock, "record_history")
        self.schedule = Asynchronous(clock, "fetch_stats")
        self.rollover = Asynchronous(clock, "month_rollover")
        self.updates = Updates(clock)
        streams, schedules = [self.detection, self.history], [self.schedule, self.rollover]
        queues: list[Source] = [self.fetch, self.notify, self.broadcast, self.count]
        self.sources: list[Source] = [self.updates, *schedules, *streams, *queues]

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """A function's answer; InvocationFailedError when it gave none."""
        running = FUNCTIONS[function]
        with self.wire.invocation(function, TIMEOUTS[function]) as invocation:
            context = _Context(deadline=invocation.deadline, clock=self.clock)
            try:
                return running(event, context)
            except SandboxDied:
                FUNCTIONS.restart(function)
                _forget_secrets()
                raise InvocationFailedError(f"{function}: the sandbox died") from None
            except Exception as error:
                raise InvocationFailedError(f"{function}: {error!r}") from error

    def settle(self) -> None:
        """Let everything that waits be brought, and brought again, until nothing waits any more."""
        for _ in range(MOST_STEPS):
            if not self.step():
                return
        raise AssertionError(f"nothing settles in {MOST_STEPS} steps")

    def step(self) -> bool:
        """Bring what is due first, when it is due; False when nothing waits."""
        waiting = [(due, source) for source in self.sources if (due := source.due())]
        if waiting:
            due, source = min(waiting, key=lambda one: one[0])
            self.clock.reach(due)
            source.step(self.invoke)
        return bool(waiting)

    def run(self, until: datetime) -> None:
        """Bring everything that is due by then, and let time pass up to it."""
        while (due := min(filter(None, (source.due() for source in self.sources)), default=None)) and due <= until:
            self.step()
        self.clock.reach(until)

    def left_behind(self) -> dict[str, Any]:
        """What reached a place where a person has to look."""
        return {
            name: found
            for name, found in {
                "fetch dead letters": self.fetch.dead_letters,
                "notify dead letters": self.notify.dead_letters,
                "detection failures": self.detection.discarded,
                "history failures": self.history.discarded,
                "broadcast dead letters": self.broadcast.dead_letters,
                "count dead letters": self.count.dead_letters,
                "fetch failures": self.schedule.given_up,
                "month rollover failures": self.rollover.given_up,
            }.items()
            if found
        }

    def _sqs(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        queues: dict[str, Queue | Fifo] = {
            "notify": self.notify,
            "fetch": self.fetch,
            "broadcast.fifo": self.broadcast,
            "count.fifo": self.count,
        }
        queue = queues.get(request.get("QueueUrl", "").rsplit("/", 1)[-1])
        if operation == "CreateQueue":
            return {"QueueUrl": f"https://sqs.us-east-1.amazonaws.com/{DEFAULT_ACCOUNT_ID}/{request['QueueName']}"}
        if queue is None:
            raise NotImplementedError(operation)
        return queue.answer(operation, request)


@dataclass(frozen=True, kw_only=True)
class _Context(Context):
    deadline: datetime
    clock: ControlledClock

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - self.clock.now()).total_seconds() * 1000))


@contextmanager
def account(answer: Callable[[httpx.Request], httpx.Response], **settings: str) -> Iterator[Account]:
    """A fresh account, with the platforms behind `answer`, and settings that differ from `testing.cloud`'s."""
    with controlled_clock() as clock:
        made = Account(clock, answer)
        with (
            made.wire.in_place_of_the_network(),
            made.gateway.in_place_of_api_gateway(),
            cloud(httpx.MockTransport(made.wire.http)) as made.cloud,
        ):
            os.environ |= settings
            for function in TIMEOUTS:
                FUNCTIONS[function].warm_up()
            for variable in SECRETS:
                get_secret(os.environ[variable])
            _forget_secrets()
            yield made


def _forget_secrets() -> None:
    """The sandbox after a dead one knows no secret; the clients that ask for them are the same."""
    for provider in DEFAULT_PROVIDERS.values():
        provider.clear_cache()
