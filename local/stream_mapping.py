"""A stream's event source mapping, as Lambda runs it: in order, with retries, bisection and the on-failure destination.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html. MiniStack retries a failed batch
for ever, and takes a partial failure for a success. `poll` takes the place of its poller; tests run the same batches.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cairn.clock import now

Record = dict[str, Any]
RETRY_AFTER = timedelta(seconds=1)
"""Before a batch's first retry, and twice as long before each further one. Lambda's own waits are not documented."""
LONGEST_WAIT = timedelta(minutes=1)
NO_LIMIT = timedelta(days=1)
"""DynamoDB keeps the records of a stream for 24 hours."""

logger = logging.getLogger("cairn.local")


@dataclass
class Batch:
    """Records to pass to the function at `due`, after so many failed attempts."""

    records: list[Record]
    due: datetime
    attempts: int = 0


@dataclass
class Batches:
    """What was read from a shard and is not processed yet. Only the first batch is being tried.

    A record is given up once it is older than `oldest`, whether it was ever tried or not.
    """

    oldest: timedelta
    bisects: bool
    pending: list[Batch] = field(default_factory=list)

    def add(self, records: Sequence[Record], present: datetime) -> None:
        self.pending.append(Batch(list(records), present))

    def too_old(self, present: datetime) -> list[Record]:
        """Give up the records of the first batch that are too old to be tried, and return them."""
        batch = self.pending[0]
        given_up = [record for record in batch.records if present - _written(record) > self.oldest]
        if given_up:
            batch.records = batch.records[len(given_up) :]
        if not batch.records:
            self.pending.pop(0)
        return given_up

    def invocation_failed(self, present: datetime) -> None:
        """The function raised or timed out: halve the batch, or retry it."""
        batch = self.pending[0]
        middle = len(batch.records) // 2
        if self.bisects and middle:
            self.pending[:1] = [Batch(batch.records[:middle], present), Batch(batch.records[middle:], present)]
        else:
            _retry(batch, present)

    def answered(self, failed: Sequence[str], present: datetime) -> None:
        """The function named the records that failed. Everything from the first of them is retried, undivided."""
        batch = self.pending[0]
        if not failed:
            self.pending.pop(0)
            return
        lowest = min(int(number) for number in failed)
        remaining = [record for record in batch.records if int(record["dynamodb"]["SequenceNumber"]) >= lowest]
        if len(remaining) < len(batch.records):
            self.pending[0] = Batch(remaining, present)
        else:
            _retry(batch, present)


def _retry(batch: Batch, present: datetime) -> None:
    batch.due = present + min(RETRY_AFTER * 2 ** min(batch.attempts, 10), LONGEST_WAIT)
    batch.attempts += 1


def _written(record: Record) -> datetime:
    return datetime.fromtimestamp(float(record["dynamodb"]["ApproximateCreationDateTime"]), UTC)


_mappings: dict[str, Batches] = {}
"""By the mapping's id: what MiniStack's poller has passed over, and the function has not processed."""


def poll() -> bool:
    """One turn of every mapping of a DynamoDB stream; True if there was anything to do."""
    from ministack.services import lambda_svc

    busy = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        tokens = lambda_svc._request_account_id.set(account), lambda_svc._request_region.set(region)
        try:
            busy = turn(lambda_svc, mapping, _mappings) or busy
        finally:
            lambda_svc._request_account_id.reset(tokens[0])
            lambda_svc._request_region.reset(tokens[1])
    return busy


def turn(emulator: Any, mapping: dict[str, Any], mappings: dict[str, Batches]) -> bool:
    """One turn of one mapping: invoke its function with the next batch that is due. True if there was one."""
    if not mapping.get("Enabled", True) or ":dynamodb:" not in mapping.get("EventSourceArn", ""):
        return False
    function, _ = emulator._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None:
        return False
    oldest = int(mapping.get("MaximumRecordAgeInSeconds", -1))
    batches = mappings.setdefault(
        mapping["UUID"],
        Batches(
            oldest=timedelta(seconds=oldest) if oldest >= 0 else NO_LIMIT,
            bisects=str(mapping.get("BisectBatchOnFunctionError")).lower() == "true",
        ),
    )
    if not batches.pending and (records := _read(emulator, mapping)):
        batches.add(records, now())
    if not batches.pending or batches.pending[0].due > now():
        return False
    if given_up := batches.too_old(now()):
        logger.warning("%s gave up %d stream records", mapping["FunctionName"], len(given_up))
        arn, condition = mapping["EventSourceArn"], "RecordAgeExceeded"
        emulator._send_ddb_stream_failure_record(mapping, function, given_up, arn, {}, condition)
        return True
    result = emulator._execute_function(function, {"Records": batches.pending[0].records})
    if result.get("error"):
        batches.invocation_failed(now())
    else:
        batches.answered(_failures(result, mapping), now())
    return True


def _read(emulator: Any, mapping: dict[str, Any]) -> list[Record]:
    """The next records that pass the mapping's filter."""
    from ministack.services import dynamodb

    table = mapping["EventSourceArn"].partition(":table/")[2].partition("/")[0]
    stored = dynamodb._tables.get(table)
    if not stored or stored.get("LatestStreamArn") != mapping["EventSourceArn"]:
        return []
    horizon, end = dynamodb.stream_start_position(table), dynamodb.stream_end_position(table)
    with emulator._dynamodb_stream_positions_lock:
        positions = emulator._dynamodb_stream_positions
        start = horizon if mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON" else end
        position = max(positions.get(mapping["UUID"], start), horizon)
        records = dynamodb.stream_records_since(table, position, mapping.get("BatchSize", 100))
        positions[mapping["UUID"]] = position + len(records)
    kept: list[Record] = emulator._apply_filter_criteria(records, mapping)
    return kept


def _failures(result: dict[str, Any], mapping: dict[str, Any]) -> list[str]:
    """The sequence numbers that the function named, if the mapping asks for them."""
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        return []
    body = result.get("body")
    try:
        answer = json.loads(body) if isinstance(body, str | bytes) else body
        return [failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures") or []]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
