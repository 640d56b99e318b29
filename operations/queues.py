"""`queues` and `redrive`: what could not be done and lies in dead-letter queues, and how it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from operations.stack import OperationError, Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType


_DEAD_LETTERS = "DeadLetters"
_FAILURES = "Failures"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A queue of what was given up."""

    name: str
    """The stack's output with its address, without `Url`."""
    url: str
    messages: int
    source_url: str | None
    """The queue they came from; None where they are descriptions of failed invocations."""


def dead_letter_queues(stack: Stack) -> list[DeadLetters]:
    """Every queue of the stack that takes what others gave up, by name."""
    names = sorted(
        key.removesuffix("Url") for key in stack.outputs if key.endswith((f"{_DEAD_LETTERS}Url", f"{_FAILURES}Url"))
    )
    return [_dead_letters(stack, name) for name in names]


def redrive(stack: Stack, name: str) -> str:
    """Send a dead-letter queue's messages back to the queue they came from; what was begun, in words."""
    queues = {queue.name: queue for queue in dead_letter_queues(stack)}
    if name not in queues:
        raise OperationError(f"No dead-letter queue {name}; there are {', '.join(queues)}")
    queue = queues[name]
    if queue.source_url is None:
        raise OperationError(
            f"{name} holds descriptions of failed invocations, not messages: docs/operations.md says what to do"
        )
    if queue.messages == 0:
        return f"{name} is empty"
    if stack.clients.are_local:
        return f"{_move(stack, queue.url, queue.source_url)} messages of {name} moved back"
    stack.clients.sqs.start_message_move_task(SourceArn=_attribute(stack, queue.url, "QueueArn"))
    return f"{queue.messages} messages of {name} are on their way back"


def _move(stack: Stack, source_url: str, target_url: str) -> int:
    """What MiniStack has no call for: each is sent before it is deleted, so one may come twice and none is lost."""
    moved = 0
    while True:
        answer = stack.clients.sqs.receive_message(
            QueueUrl=source_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=60,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return moved
        for message in messages:
            group = message.get("Attributes", {}).get("MessageGroupId")
            # A new deduplication id: under its own, a queue in order would drop what it took within five minutes.
            order: Any = {"MessageGroupId": group, "MessageDeduplicationId": uuid4().hex} if group else {}
            stack.clients.sqs.send_message(QueueUrl=target_url, MessageBody=message["Body"], **order)
            stack.clients.sqs.delete_message(QueueUrl=source_url, ReceiptHandle=message["ReceiptHandle"])
            moved += 1


def _dead_letters(stack: Stack, name: str) -> DeadLetters:
    url = stack.output(f"{name}Url")
    return DeadLetters(
        name=name,
        url=url,
        messages=int(_attribute(stack, url, "ApproximateNumberOfMessages")),
        source_url=stack.outputs.get(f"{name.removesuffix(_DEAD_LETTERS)}QueueUrl"),
    )


def _attribute(stack: Stack, url: str, name: QueueAttributeNameType) -> str:
    answer = stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return answer["Attributes"][name]
