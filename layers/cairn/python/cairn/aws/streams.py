"""Processing the records of a DynamoDB stream: in order, up to the first that fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from cairn.aws import sqs
from cairn.clock import now, to_millis
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

T = TypeVar("T")
Record = dict[str, Any]
"""A change as Lambda passes it to a function: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""


IMPOSSIBLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What code raises for an item of another shape or out of range. AWS's failures and our own are none of these."""
TRIED_FOR = timedelta(hours=2)
"""How old a record may become that fails: an outage of an hour, and an hour to work off what has come meanwhile.

infra/tables.py lets Lambda try it for longer. What Lambda gives up takes all records of the same age with it.
"""


class Failures:
    """The queue of failures of a stream's reader, to which Lambda sends the positions of what it gives up, too."""

    def __init__(self, url: str, sqs: Callable[[], SQSClient] = sqs.client) -> None:
        self._url = url
        self._sqs = sqs

    def add(self, record: Record, error: Exception) -> None:
        """Set aside a record that no retry would mend: where it is in the stream, its item's key, and the reason."""
        change = record["dynamodb"]
        keys = change.get("Keys") or {"subject": change.get("NewImage", {}).get("subject", {})}
        found = {
            "table": record.get("eventSourceARN", "").partition(":table/")[2].partition("/")[0],
            "key": " ".join(str(text)[:200] for value in keys.values() for text in value.values()),
            "reason": repr(error)[:300],
            "sequence_number": change["SequenceNumber"],
        }
        if isinstance(error, IMPOSSIBLE):
            kind, said = "unreadable_record", "stream record unreadable and set aside"
        else:
            kind, said = "failed_record", "stream record failed for too long and set aside"
        logger.exception(said, event_id=record["eventID"], **found)
        self._sqs().send_message(QueueUrl=self._url, MessageBody=json.dumps({"type": kind, **found}))


def process_in_order(
    event: dict[str, Any],
    handle: Callable[[Record], T | None],
    failures: Failures | None = None,
    finish: Callable[[Sequence[T]], None] | None = None,
) -> dict[str, Any]:
    """Report the first record that failed to Lambda, which retries it and all records after it.

    A record whose content is impossible would fail at every retry: it goes to `failures` at once, and holds no other
    record up. Any other goes there when it fails at the age of TRIED_FOR. If it cannot be sent there, it has failed.

    `finish` gets the results of all records that were handled, also of those before a failure: they are not brought
    again. If it fails, it is called for each by itself, to find out which one fails.

    Continuing after a failure would let a later reading claim what the failed one had yet to announce. When the first
    of several records fails, its error is raised: Lambda bisects a batch whose invocation failed until the record is
    alone, but retries a reported remainder undivided, and finally gives up all of it.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    records, handled = event["Records"], list[tuple[Record, T]]()
    failed: tuple[Record, Exception] | None = None
    for record in records:
        try:
            result = _handle(record, handle, failures)
        except Exception as error:  # every error has the same result: retries, then the dead-letter queue
            failed = _failure(record, error)
            break
        if result is not None:
            handled.append((record, result))
    if finish and handled:
        failed = _finish(handled, finish, failures) or failed
    if failed is None:
        return {"batchItemFailures": []}
    record, reason = failed
    if record is records[0] and len(records) > 1:
        raise reason
    return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}


def _finish(
    handled: Sequence[tuple[Record, T]], finish: Callable[[Sequence[T]], None], failures: Failures | None
) -> tuple[Record, Exception] | None:
    """The first record whose result could not be finished, and why."""
    try:
        if len(handled) > 1:
            finish([result for _, result in handled])
            return None
    except Exception as error:
        logger.warning("a batch could not be finished; trying each of its records", reason=repr(error)[:300])
    for record, result in handled:
        try:
            _handle(record, lambda _, result=result: finish([result]), failures)  # type: ignore[misc]  # mypy infers no default
        except Exception as error:
            return _failure(record, error)
    return None


def _failure(record: Record, error: Exception) -> tuple[Record, Exception]:
    trace_id = record["dynamodb"].get("NewImage", {}).get("trace_id", {}).get("S")
    logger.exception("stream record failed", event_id=record["eventID"], trace_id=trace_id)
    return record, error


def _handle(record: Record, handle: Callable[[Record], T | None], failures: Failures | None) -> T | None:
    try:
        return handle(record)
    except Exception as error:
        if failures is None or not (isinstance(error, IMPOSSIBLE) or _is_old(record)):
            raise
        failures.add(record, error)
        return None


def _is_old(record: Record) -> bool:
    written = record["dynamodb"].get("ApproximateCreationDateTime")
    return written is not None and to_millis(now()) - 1000 * float(written) > TRIED_FOR / timedelta(milliseconds=1)
