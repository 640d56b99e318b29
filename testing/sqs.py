"""A FIFO queue of SQS with its dead letters, and the mapping that hands batches of its messages to a function.

moto keeps no order once a message's visibility was changed; what tests of order need is here.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3

from testing.clock import ControlledClock

DEDUPLICATED = timedelta(minutes=5)
BATCH = 10


@dataclass
class Message:
    body: str
    group: str
    key: str
    visible_at: datetime
    id: str = field(default_factory=lambda: uuid4().hex)
    receives: int = 0
    receipt: str = ""


class Fifo:
    """`answer` is SQS for the functions; `due` and `deliver` are the mapping."""

    def __init__(self, clock: ControlledClock, function: str, *, max_receives: int, hidden: timedelta) -> None:
        self.function = function
        self.messages: list[Message] = []
        self.dead_letters: list[Message] = []
        self._clock = clock
        self._max_receives = max_receives
        self._hidden = hidden
        self._keys: dict[tuple[str, str], datetime] = {}

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The actions of SQS that a function takes itself."""
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

    def send(self, entry: dict[str, Any]) -> str:
        """A key that the group had in the last five minutes is accepted and dropped, delivered or not."""
        key = entry["MessageGroupId"], entry["MessageDeduplicationId"]
        now = self._clock.now()
        message = Message(entry["MessageBody"], *key, now)
        if now - self._keys.get(key, now - DEDUPLICATED) >= DEDUPLICATED:
            self._keys[key] = now
            self.messages.append(message)
        return message.id

    def due(self) -> datetime | None:
        """When the first message of a group that is not held back can be received."""
        firsts: dict[str, datetime] = {}
        for message in self.messages:
            firsts[message.group] = max(firsts.get(message.group, message.visible_at), self._held_until(message))
        return min(firsts.values(), default=None)

    def receive(self) -> list[Message]:
        """A batch; of each group in order, and nothing of a group of which something is being tried."""
        now = self._clock.now()
        batch: list[Message] = []
        held = {message.group for message in self.messages if message.visible_at > now}
        for message in [message for message in self.messages if message.group not in held]:
            if len(batch) == BATCH:
                break
            message.receives += 1
            if message.receives > self._max_receives:
                self.messages.remove(message)
                self.dead_letters.append(message)
                continue
            message.receipt, message.visible_at = uuid4().hex, now + self._hidden
            batch.append(message)
        return batch

    def deliver(self, invoke: Callable[[str, dict[str, Any]], Any]) -> list[str]:
        """Hand a batch over; the ids of the messages that are to come again. An invocation that fails leaves all."""
        batch = self.receive()
        if not batch:
            return []
        failures = invoke(self.function, {"Records": list(map(_record, batch))})["batchItemFailures"]
        failed = [failure["itemIdentifier"] for failure in failures]
        self.messages = [one for one in self.messages if one not in batch or one.id in failed]
        return failed

    def _held_until(self, message: Message) -> datetime:
        return max(one.visible_at for one in self.messages if one.group == message.group)


def _record(message: Message) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.key,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


@contextmanager
def in_place_of_sqs(queue: Fifo) -> Iterator[Fifo]:
    """What clients of the default session send to the function's queue goes to this one."""

    def answer(model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        request = json.loads(params["body"])
        ours = request["QueueUrl"].endswith(f"{queue.function}.fifo")
        return (_Answered(), queue.answer(model.name, request)) if ours else None

    events: Any = boto3._get_default_session().events  # its types have handlers answer nothing
    events.register("before-call.sqs", answer)
    try:
        yield queue
    finally:
        events.unregister("before-call.sqs", answer)


class _Answered:
    status_code = 200
    content = b""
