"""An SQS queue to send to, ten messages a call, and again for those it did not take."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import boto3

from cairn.dynamo import RETRIES, chunks
from cairn.messages import Message, Ordered, dump

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef


class NotSentError(Exception):
    """SQS refused a message for good, or again and again."""


def client() -> SQSClient:
    """SQS as the functions use it."""
    return boto3.client("sqs", config=RETRIES)


class Queue:
    def __init__(self, sqs: SQSClient, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sqs = sqs
        self._url = url
        self._sleep = sleep

    def send(self, messages: Iterable[Message]) -> None:
        """Send all, or raise NotSentError; those sent before the failure stay sent, so consumers bear repeats."""
        for piece in chunks(list(messages), 10):
            entries = [_entry(index, message) for index, message in enumerate(piece)]
            for pause in (0.1, 0.4, None):
                failed = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
                if not failed:
                    break
                refused = {entry["Id"] for entry in failed}
                entries = [entry for entry in entries if entry["Id"] in refused]
                if pause is None or any(entry["SenderFault"] for entry in failed):
                    raise NotSentError(f"{len(failed)} messages refused by SQS, the first with {failed[0]['Code']}")
                self._sleep(pause)


def _entry(index: int, message: Message) -> SendMessageBatchRequestEntryTypeDef:
    """A FIFO queue keeps the order within a message's group, and takes the same key once in five minutes."""
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(index), "MessageBody": dump(message)}
    if isinstance(message, Ordered):
        entry["MessageGroupId"] = _digest(message.group)  # a room's name may hold what SQS takes for no group's
        entry["MessageDeduplicationId"] = _digest(f"{message.group}/{message.key}")
    return entry


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
