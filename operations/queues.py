"""`queues` and `redrive`: lists the dead-letter queues, and retries their messages."""

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
    """A dead-letter queue."""

    name: str
    """The name of the stack's output with its URL, without the suffix `Url`."""
    url: str
    messages: int
    source_url: str | None
    """The queue that the messages came from; None when they describe failed invocations."""


def dead_letter_queues(stack: Stack) -> list[DeadLetters]:
    """Every dead-letter queue of the stack, by name."""
    names = sorted(
        key.removesuffix("Url") for key in stack.outputs if key.endswith((f"{_DEAD_LETTERS}Url", f"{_FAILURES}Url"))
    )
    return [_dead_letters(stack, name) for name in names]


def redrive(stack: Stack, name: str) -> str:
    """Send a dead-letter queue's messages back to the queue they came from; a line for the operator."""
    queues = {queue.name: queue for queue in dead_letter_queues(stack)}
    if name not in queues:
        raise OperationError(f"Unknown dead-letter queue {name}; the queues are {', '.join(queues)}")
    queue = queues[name]
    if queue.source_url is None:
        raise OperationError(
            f"{name} holds descriptions of failed invocations, not messages to send again: see docs/operations.md"
        )
    if queue.messages == 0:
        return f"{name} is empty"
    if stack.clients.are_local:
        return f"{_move(stack, queue.url, queue.source_url)} messages of {name} moved back"
    stack.clients.sqs.start_message_move_task(SourceArn=_attribute(stack, queue.url, "QueueArn"))
    return f"{queue.messages} messages of {name} are being moved back"


def _move(stack: Stack, source_url: str, target_url: str) -> int:
    """MiniStack lacks StartMessageMoveTask. Sends before it deletes: a message may be delivered twice, none is lost."""
    moved = 0
    while True:
        response = stack.clients.sqs.receive_message(
            QueueUrl=source_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=60,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        messages = response.get("Messages", [])
        if not messages:
            return moved
        for message in messages:
            group = message.get("Attributes", {}).get("MessageGroupId")
            # A new deduplication id, because a FIFO queue drops one that it accepted within the last five minutes.
            fifo: Any = {"MessageGroupId": group, "MessageDeduplicationId": uuid4().hex} if group else {}
            stack.clients.sqs.send_message(QueueUrl=target_url, MessageBody=message["Body"], **fifo)
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
    response = stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return response["Attributes"][name]
