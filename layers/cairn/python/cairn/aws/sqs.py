"""SQS queues: sending to one in batches of ten, and consuming one so that only failed messages are retried."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import boto3
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import RETRIES, chunks
from cairn.clock import Clock, Sleep, now, sleep
from cairn.errors import NotYetError
from cairn.messages import Message, Ordered, UnreadableMessageError, dump, load
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

M = TypeVar("M", bound=Message)
Record = Mapping[str, Any]
"""A message as Lambda passes it to a function: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
LONGEST_VISIBILITY_SECONDS = 43_200
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
LONGEST_DELAY = timedelta(minutes=15)
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html"""
_SECOND = timedelta(seconds=1)


class NotSentError(Exception):
    """SQS rejected a message permanently, or again at every retry."""


@cache
def client() -> SQSClient:
    """The client, which a warm function reuses."""
    return boto3.client("sqs", config=RETRIES)


def queue(url: str) -> Queue:
    """The queue at this URL."""
    return Queue(client(), url)


class Queue:
    def __init__(self, sqs: SQSClient, url: str, sleep: Sleep = sleep) -> None:
        self._sqs = sqs
        self._url = url
        self._sleep = sleep

    def send(self, messages: Iterable[Message]) -> None:
        """Send all, or raise NotSentError; earlier messages stay sent, so consumers must tolerate repeats."""
        self._send(messages, {})

    def send_later(self, messages: Iterable[Message], delay: timedelta) -> None:
        """Send to a standard queue, visible after whole seconds, at most LONGEST_DELAY."""
        self._send(messages, {"DelaySeconds": math.ceil(delay / _SECOND)})

    def _send(self, messages: Iterable[Message], options: Mapping[str, int]) -> None:
        for chunk in chunks(list(messages), 10):
            entries: Any = [{**_entry(index, message), **options} for index, message in enumerate(chunk)]
            for pause in (0.1, 0.4, None):
                failed = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
                if not failed:
                    break
                rejected = {entry["Id"] for entry in failed}
                entries = [entry for entry in entries if entry["Id"] in rejected]
                if pause is None or any(entry["SenderFault"] for entry in failed):
                    raise NotSentError(f"SQS rejected {len(failed)} messages, the first with {failed[0]['Code']}")
                self._sleep(pause)


@dataclass(frozen=True, slots=True)
class Backoff:
    """When a failed message becomes visible again: `first` seconds, doubled at each receive, at most `longest`.

    A message that is not due yet (NotYetError) becomes visible when it is due: rounded up to whole seconds, or down
    when the consumer waits for the remaining fraction itself.
    """

    first: int
    longest: int
    longest_wait: int = LONGEST_VISIBILITY_SECONDS
    round_down: bool = False

    def seconds(self, error: Exception, receives: int, now: datetime) -> int:
        if isinstance(error, NotYetError):
            to_whole = math.floor if self.round_down else math.ceil
            return max(1, min(self.longest_wait, to_whole((error.until - now) / _SECOND)))
        return min(self.longest, self.first << min(receives - 1, 10))


class Consumer(Generic[M]):
    """Consumes a queue's messages and retries those that failed, each by itself.

    `message_types` are those that the queue carries. Without a `backoff` a failed message stays hidden for the queue's
    own visibility timeout. Waiting does not help with a message that nobody can read, nor with errors of the types in
    `permanent`: the message becomes visible immediately, so that it reaches the dead-letter queue quickly. (If it were
    sent there, SQS could not redrive it.) Errors of the types in `waits` are not failures; they are not even logged
    where waiting is normal for the queue (`log_waits=False`).
    """

    def __init__(
        self,
        url: str,
        message_types: type[M] | tuple[type[M], ...],
        *,
        backoff: Backoff | None,
        permanent: tuple[type[Exception], ...] = (),
        waits: tuple[type[Exception], ...] = (NotYetError,),
        log_waits: bool = True,
        sqs: Callable[[], SQSClient] = client,
        clock: Clock = now,
        sleep: Sleep = sleep,
    ) -> None:
        self._url = url
        self._name = url.rpartition("/")[2]
        self._message_types = message_types
        self._backoff = backoff
        self._permanent = permanent
        self._waits = waits
        self._log_waits = log_waits
        self._sqs = sqs
        self._clock = clock
        self._sleep = sleep

    def read(self, record: Record) -> M:
        """The message of a record; UnreadableMessageError for a type that the queue does not carry."""
        message = load(record["body"])
        if not isinstance(message, self._message_types):
            raise UnreadableMessageError(f"this queue does not carry {message.type}")
        return message

    def each(
        self, records: Sequence[Record], handle: Callable[[M, Record], None], *, max_wait: timedelta = timedelta(0)
    ) -> dict[str, Any]:
        """Handle messages one by one; the answer to Lambda names those that failed.

        Waits for messages that are due within `max_wait`, counted once for the whole batch, because SQS counts
        visibility in whole seconds.
        """
        waiting = {record["messageId"]: record for record in records}
        failed: dict[str, Exception] = {}
        last = self._clock() + max_wait
        while waiting:
            for message_id, record in list(waiting.items()):
                failed.pop(message_id, None)
                try:
                    message = self.read(record)
                    with logger.append_context_keys(trace_id=message.trace_id):
                        handle(message, record)
                except NotYetError as error:
                    failed[message_id] = error
                    continue
                except Exception as error:  # noqa: BLE001 - one message's failure stops only that message
                    failed[message_id] = error
                del waiting[message_id]
            until = min((error.until for error in failed.values() if isinstance(error, NotYetError)), default=last)
            if until >= last or self._clock() >= last:
                break
            self._sleep(max(0.0, (until - self._clock()) / _SECOND))
        return self.answer(records, failed)

    def answer(self, records: Sequence[Record], failed: Mapping[str, Exception]) -> dict[str, Any]:
        """The answer to Lambda for a batch in which these message ids failed; each is retried after its back-off."""
        for record in records:
            if error := failed.get(record["messageId"]):
                self._retry_later(record, error)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _retry_later(self, record: Record, error: Exception) -> None:
        fields: dict[str, Any] = {"message_id": record["messageId"], "trace_id": _trace_id(record), "queue": self._name}
        if isinstance(error, (UnreadableMessageError, *self._permanent)):
            fields["seconds"] = 0
        elif self._backoff:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            fields["seconds"] = self._backoff.seconds(error, receives, self._clock())
        # Logged first: SQS may reject the call that follows, and the cause would be lost.
        if isinstance(error, UnreadableMessageError):
            logger.error("message unreadable: it becomes a dead letter", reason=str(error), **fields)
        elif not isinstance(error, self._waits):
            logger.warning("message failed and will be retried", exc_info=error, **fields)
        elif self._log_waits:
            logger.info("message postponed", reason=str(error), **fields)
        if "seconds" in fields:
            try:
                self._sqs().change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=fields["seconds"]
                )
            except ClientError as rejected:  # the others of its batch have been handled: they must not come again
                logger.warning("message stays hidden for the queue's own time", reason=str(rejected), **fields)


def _trace_id(record: Record) -> str | None:
    try:
        return load(record["body"]).trace_id
    except UnreadableMessageError:
        return None


def _entry(index: int, message: Message) -> SendMessageBatchRequestEntryTypeDef:
    """A FIFO queue keeps the order within a message's group, and accepts the same key once in five minutes."""
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(index), "MessageBody": dump(message)}
    if isinstance(message, Ordered):
        entry["MessageGroupId"] = _digest(message.group)  # a room's name may hold characters that SQS rejects
        entry["MessageDeduplicationId"] = _digest(f"{message.group}/{message.key}")
    return entry


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
