"""Queues of SQS with their dead letters, and the event source mappings that hand their messages to a function.

moto loses a FIFO queue's order when a message's visibility changes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3

from cairn.clock import now, to_millis
from testing.clock import ControlledClock
from testing.functions import InvocationFailedError, Invoke
from testing.records import sqs_record

DEDUPLICATED = timedelta(minutes=5)
BATCH = 10
LONGEST_CHAIN = 16
"""How often a chain of messages may start a function, unless it may recurse.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

_chain: ContextVar[Mapping[str, int]] = ContextVar("_chain", default={})  # noqa: B039 - a Mapping is not changed
"""How often the messages that led to this invocation have started each function; the SDK sends it along."""


@dataclass
class Message:
    """`group` and `deduplication_id` are a FIFO queue's."""

    body: str
    visible_at: datetime
    group: str = ""
    deduplication_id: str = ""
    id: str = field(default_factory=lambda: uuid4().hex)
    receives: int = 0
    receipt: str = ""
    chain: Mapping[str, int] = field(default_factory=_chain.get)
    sent_at: datetime = field(default_factory=now)

    def record(self) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": str(self.receives), "SentTimestamp": str(to_millis(self.sent_at))}
        if self.group:
            attributes |= {"MessageGroupId": self.group, "MessageDeduplicationId": self.deduplication_id}
        return sqs_record(self.body, self.id, self.receipt, attributes)


class _Queue(ABC):
    """`answer` is SQS for the functions. `recursive` is the function's setting RecursiveLoop."""

    def __init__(
        self,
        clock: ControlledClock,
        function: str,
        *,
        max_receives: int,
        hidden: timedelta,
        recursive: bool = False,
    ) -> None:
        self.function = function
        self.recursive = recursive
        self.messages: list[Message] = []
        self.dead_letters: list[Message] = []
        self._clock = clock
        self._max_receives = max_receives
        self._hidden = hidden

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The SQS actions that functions call themselves."""
        if operation == "SendMessageBatch":
            sent = [
                {"Id": entry["Id"], "MessageId": self.send(entry), "MD5OfMessageBody": ""}
                for entry in request["Entries"]
            ]
            return {"Successful": sent, "Failed": []}
        if operation == "ChangeMessageVisibility":
            for message in self.messages:
                if message.receipt == request["ReceiptHandle"]:
                    message.visible_at = self._clock.now() + timedelta(seconds=request["VisibilityTimeout"])
            return {}
        raise NotImplementedError(operation)

    @abstractmethod
    def send(self, entry: dict[str, Any]) -> str:
        """Store a message of SendMessageBatch; its id."""

    def _received(self, message: Message) -> bool:
        """Hide a message until it is deleted or its time-out ends; False when it goes to the dead letters instead."""
        message.receives += 1
        if message.receives > self._max_receives:
            self.messages.remove(message)
            self.dead_letters.append(message)
            return False
        message.receipt, message.visible_at = uuid4().hex, self._clock.now() + self._hidden
        return True

    def _invoke(self, invoke: Invoke, batch: list[Message], records: list[dict[str, Any]]) -> Any:
        """Start the function; Lambda refuses when the chain is too long, and the messages stay."""
        functions = {self.function, *(name for message in batch for name in message.chain)}
        chain = {name: max((message.chain.get(name, 0) for message in batch), default=0) for name in functions}
        chain[self.function] += 1
        if chain[self.function] > LONGEST_CHAIN and not self.recursive:
            raise InvocationFailedError(f"RecursiveInvocationException: {chain}")
        token = _chain.set(chain)
        try:
            return invoke(self.function, {"Records": records})
        finally:
            _chain.reset(token)


class StandardQueue(_Queue):
    """A standard queue, whose mapping hands over one message at a time."""

    def __init__(self, clock: ControlledClock, function: str, **options: Any) -> None:
        super().__init__(clock, function, **options)
        self.order: Callable[[list[Message]], Message] = lambda visible: visible[0]
        self.copies = 1
        """How often a message is delivered; SQS says at least once."""

    def send(self, entry: dict[str, Any]) -> str:
        visible_at = self._clock.now() + timedelta(seconds=entry.get("DelaySeconds", 0))
        messages = [Message(entry["MessageBody"], visible_at) for _ in range(self.copies)]
        self.messages += messages
        return messages[0].id

    def due(self) -> datetime | None:
        return min((message.visible_at for message in self.messages), default=None)

    def receive(self) -> dict[str, Any] | None:
        """The record of a visible message."""
        visible = [message for message in self.messages if message.visible_at <= self._clock.now()]
        if not visible:
            return None
        message = self.order(visible)
        return message.record() if self._received(message) else None

    def deliver(self, record: dict[str, Any], invoke: Invoke) -> None:
        """Hand a received message over; it is deleted only when the function reports success."""
        batch = [message for message in self.messages if message.receipt == record["receiptHandle"]]
        try:
            answer = self._invoke(invoke, batch, [record])
        except InvocationFailedError:
            return
        if not answer["batchItemFailures"]:
            self.messages = [message for message in self.messages if message.receipt != record["receiptHandle"]]

    def step(self, invoke: Invoke) -> None:
        record = self.receive()
        if record:
            self.deliver(record, invoke)


class Fifo(_Queue):
    """A FIFO queue, whose mapping hands over batches.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
    """

    def __init__(self, clock: ControlledClock, function: str, *, batch: int = BATCH, **options: Any) -> None:
        super().__init__(clock, function, **options)
        self._batch = batch
        self._sent_at: dict[tuple[str, str], datetime] = {}

    def send(self, entry: dict[str, Any]) -> str:
        """A deduplication id that the group had in the last five minutes is accepted and dropped, delivered or not."""
        key = entry["MessageGroupId"], entry["MessageDeduplicationId"]
        now = self._clock.now()
        message = Message(entry["MessageBody"], now, *key)
        if now - self._sent_at.get(key, now - DEDUPLICATED) >= DEDUPLICATED:
            self._sent_at[key] = now
            self.messages.append(message)
        return message.id

    def due(self) -> datetime | None:
        """When the first message of a group that is not held back can be received."""
        held_until: dict[str, datetime] = {}
        for message in self.messages:
            held_until[message.group] = max(held_until.get(message.group, message.visible_at), message.visible_at)
        return min(held_until.values(), default=None)

    def receive(self, group: str | None = None) -> list[Message]:
        """A batch, of all groups or of one, each in order; no message of a group that has one in flight."""
        now = self._clock.now()
        batch: list[Message] = []
        held = {message.group for message in self.messages if message.visible_at > now}
        ours = [message for message in self.messages if group in (None, message.group)]
        for message in [message for message in ours if message.group not in held]:
            if len(batch) == self._batch:
                break
            if self._received(message):
                batch.append(message)
        return batch

    def deliver(self, invoke: Invoke, group: str | None = None) -> list[str]:
        """Hand a batch over; the ids of the messages that will be retried. When the invocation fails, all stay."""
        batch = self.receive(group)
        return self.hand_over(batch, invoke) if batch else []

    def hand_over(self, batch: list[Message], invoke: Invoke) -> list[str]:
        """Hand over what was received; as `deliver`."""
        records = [message.record() for message in batch]
        failures = self._invoke(invoke, batch, records)["batchItemFailures"]
        failed = [failure["itemIdentifier"] for failure in failures]
        self.messages = [one for one in self.messages if one not in batch or one.id in failed]
        return failed

    def step(self, invoke: Invoke, group: str | None = None) -> None:
        with suppress(InvocationFailedError):
            self.deliver(invoke, group)


@contextmanager
def in_place_of_sqs(queue: Fifo) -> Iterator[Fifo]:
    """Route what clients of the default session send to the function's queue to this one."""

    def answer(model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        request = json.loads(params["body"])
        ours = request["QueueUrl"].endswith(f"{queue.function}.fifo")
        return (_Answered(), queue.answer(model.name, request)) if ours else None

    events: Any = boto3._get_default_session().events  # its type stubs let handlers return nothing
    events.register("before-call.sqs", answer)
    try:
        yield queue
    finally:
        events.unregister("before-call.sqs", answer)


class _Answered:
    status_code = 200
    content = b""
