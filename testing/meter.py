"""Counts AWS calls and computes DynamoDB's read and write units, where botocore sends and receives.

Emulators return invented figures for ReturnConsumedCapacity, so the units are computed here from the request, the
response, and the items before and after, read through a client that is not metered:

- an item's size is that of its attributes' names and values:
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
- a read of 4 KB is one unit, half of that when eventually consistent, two in a transaction; a page of a query or scan
  is rounded up once, a batch per item, and a missing item costs the minimum:
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
- a write costs a unit per 1 KB of the larger of the item before and after, two in a transaction; a failed condition
  costs as much as the existing item: same page
- each index entry that is added, changed or removed is a write of its size, and a change of its key is two; a local
  index's units count for its table:
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.ThroughputConsiderations
- a query of an index reads its entries, when it requests only attributes that they contain: same pages
- an SQS request is billed per 64 KB of its payload, and a FIFO queue's at a higher price:
  https://aws.amazon.com/sqs/pricing/

Where the documentation is silent, the higher cost counts: index writes in a transaction are doubled too, and a
cancelled transaction costs as much as one with failed conditions or, for reads, as one that succeeded.
Unknown operations are an error.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from testing import prices
from testing.item_sizes import UnmeteredError, WireItem, item_size, read_blocks, write_blocks
from testing.prices import Charges

SQS_BLOCK = 64 * 1024

_FAILED_CONDITIONS = ("ConditionalCheckFailedException", "TransactionCanceledException")
_CANCELLED_READ = ("TransactGetItems", "TransactionCanceledException")
_PROJECTED_ONLY = (None, "ALL_PROJECTED_ATTRIBUTES", "COUNT")
_NOTE = "testing.meter"


@dataclass
class Usage:
    """The AWS usage of some work."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0
    sqs_requests: int = 0
    """Of standard queues, as billed: one per 64 KB, so a large batch is several."""
    fifo_requests: int = 0
    """The same of FIFO queues, which cost more."""

    def count(self, service: str, operation: str, times: int = 1) -> None:
        """Add calls that AWS services make for the functions, such as Lambda's ReceiveMessage of a standard queue."""
        self.calls[service, operation] += times
        self.sqs_requests += times if service == "sqs" else 0

    @property
    def total(self) -> int:
        return self.calls.total()

    @property
    def charges(self) -> Charges:
        """What it costs: DynamoDB, SQS and Secrets Manager."""
        secrets = sum(times for (service, _), times in self.calls.items() if service == "secretsmanager")
        return {
            prices.WRITE_UNIT: self.write_units,
            prices.READ_UNIT: self.read_units,
            prices.SQS_REQUEST: self.sqs_requests,
            prices.FIFO_REQUEST: self.fifo_requests,
            prices.SECRET_CALL: secrets,
        }

    def __str__(self) -> str:
        names = ", ".join(f"{operation} {times}" for (_, operation), times in sorted(self.calls.items()))
        return f"{self.total} calls ({names or 'none'}), {self.write_units:g} WRU, {self.read_units:g} RRU"


@dataclass(frozen=True)
class _Write:
    kind: str
    table: str
    key: WireItem
    before: WireItem | None


@dataclass(frozen=True)
class _Call:
    """A call, before it is made."""

    size: int
    request: dict[str, Any] = field(default_factory=dict)
    writes: Sequence[_Write] = ()


class Meter:
    """Measures clients of a session that are created after it. One call at a time, since it reads the items before and
    after each."""

    def __init__(self, session: boto3.Session, unmetered: boto3.Session) -> None:
        self._running: list[Usage] = []
        self._client = cache(lambda: unmetered.client("dynamodb"))
        self._descriptions: dict[str, Mapping[str, Any]] = {}
        session.events.register("before-call.*.*", self._before)
        session.events.register("after-call.*.*", self._after)

    @contextmanager
    def measuring(self) -> Iterator[Usage]:
        """The usage of the block."""
        usage = Usage()
        self._running.append(usage)
        try:
            yield usage
        finally:
            self._running.remove(usage)

    def _before(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if not self._running:
            return
        body = params.get("body") or b"{}"
        request = json.loads(body)
        writes = self._writes(model.name, request) if model.service_model.service_name == "dynamodb" else ()
        context[_NOTE] = _Call(len(body), request, writes)

    def _after(self, model: Any, http_response: Any, context: dict[str, Any], **_: Any) -> None:
        call: _Call | None = context.get(_NOTE)
        if not self._running or call is None:
            return
        service, operation = model.service_model.service_name, model.name
        writes, reads, requests = 0.0, 0.0, 0
        if service == "dynamodb":
            answer = json.loads(http_response.content or b"{}")
            if call.writes:
                writes = self._write_units(operation, call.writes, answer, http_response.status_code)
            elif http_response.status_code < 300 or (operation, _error(answer)) == _CANCELLED_READ:
                reads = self._read_units(operation, call.request, answer)
        elif service == "sqs":
            requests = max(1, math.ceil(max(call.size, len(http_response.content)) / SQS_BLOCK))
        for usage in self._running:
            usage.calls[service, operation] += 1
            usage.write_units += writes
            usage.read_units += reads
            if str(call.request.get("QueueUrl", "")).endswith(".fifo"):
                usage.fifo_requests += requests
            else:
                usage.sqs_requests += requests

    # -- writes

    def _writes(self, operation: str, request: dict[str, Any]) -> list[_Write]:
        """The writes in a request, with the items before them; none when it only reads."""
        match operation:
            case "PutItem" | "UpdateItem" | "DeleteItem":
                return [self._write(operation.removesuffix("Item"), request)]
            case "TransactWriteItems":
                return [self._write(kind, action) for one in request["TransactItems"] for kind, action in one.items()]
            case "BatchWriteItem":
                return [
                    self._write(kind.removesuffix("Request"), action | {"TableName": table})
                    for table, entries in request["RequestItems"].items()
                    for entry in entries
                    for kind, action in entry.items()
                ]
        return []

    def _write(self, kind: str, action: dict[str, Any]) -> _Write:
        # A condition check is billed as a write: measured by
        # https://martinhicks.dev/articles/what-a-conditional-dynamodb-transaction-costs
        if kind not in ("Put", "Update", "Delete", "ConditionCheck"):
            raise UnmeteredError(f"{kind} in a transaction")
        table = action["TableName"]
        key = action.get("Key") or {name: action["Item"][name] for name in self._key_names(table)}
        return _Write(kind, table, key, self._item(table, key))

    def _write_units(self, operation: str, writes: Sequence[_Write], answer: Mapping[str, Any], status: int) -> float:
        if answer.get("UnprocessedItems"):
            raise UnmeteredError("a BatchWriteItem with unprocessed items")
        factor = 2 if operation == "TransactWriteItems" else 1
        if status < 300:
            return float(factor * sum(map(self._cost, writes)))
        if _error(answer) not in _FAILED_CONDITIONS:
            return 0.0
        return float(factor * sum(write_blocks(item_size(write.before)) for write in writes))

    def _cost(self, write: _Write) -> int:
        after = None if write.kind == "Delete" else self._item(write.table, write.key)
        units = write_blocks(max(item_size(write.before), item_size(after)))
        keys, description = self._key_names(write.table), self._description(write.table)
        return units + sum(
            index_units(_entry(index, keys, write.before), _entry(index, keys, after), _index_keys(index))
            for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
            for index in description.get(kind, ())
        )

    # -- reads

    def _read_units(self, operation: str, request: dict[str, Any], answer: Mapping[str, Any]) -> float:
        unit = 1.0 if request.get("ConsistentRead") else 0.5
        match operation:
            case "GetItem":
                return unit * read_blocks(item_size(self._item(request["TableName"], request["Key"])))
            case "BatchGetItem":
                return sum(
                    self._batch_units(table, entry, answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ()))
                    for table, entry in request["RequestItems"].items()
                )
            case "TransactGetItems":
                gets = [one["Get"] for one in request["TransactItems"]]
                return 2.0 * sum(read_blocks(item_size(self._item(get["TableName"], get["Key"]))) for get in gets)
            case "Query" | "Scan":
                self._reject_fetches(request)
                return unit * read_blocks(sum(map(item_size, self._items_read(operation, request, answer))))
            case "CreateTable" | "DescribeTable":
                return 0.0
        raise UnmeteredError(operation)

    def _batch_units(self, table: str, entry: Mapping[str, Any], unprocessed: Sequence[Any]) -> float:
        unit = 1.0 if entry.get("ConsistentRead") else 0.5
        keys = [key for key in entry["Keys"] if key not in unprocessed]
        return unit * sum(read_blocks(item_size(self._item(table, key))) for key in keys)

    def _items_read(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> Sequence[WireItem]:
        """All items that were read for a page: the same request without filter and projection."""
        reducing = {"FilterExpression", "ProjectionExpression", "Select"} & request.keys()
        if reducing:
            bare = {name: value for name, value in request.items() if name not in reducing}
            needed = set(re.findall(r"[#:]\w+", bare.get("KeyConditionExpression", "")))
            for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
                used = {key: value for key, value in bare.pop(name, {}).items() if key in needed}
                bare |= {name: used} if used else {}
            answer = self._client().query(**bare) if operation == "Query" else self._client().scan(**bare)
        items: Sequence[WireItem] = answer["Items"]
        return items

    def _reject_fetches(self, request: Mapping[str, Any]) -> None:
        """A local index fetches attributes that it lacks from the table, item by item, which is not counted here."""
        selected = request.get("Select", "SPECIFIC_ATTRIBUTES" if "ProjectionExpression" in request else None)
        for index in self._description(request["TableName"]).get("LocalSecondaryIndexes", ()):
            partial = index["Projection"]["ProjectionType"] != "ALL"
            if index["IndexName"] == request.get("IndexName") and partial and selected not in _PROJECTED_ONLY:
                raise UnmeteredError(f"a query of {index['IndexName']} for attributes that it lacks")

    # -- items and tables

    def _item(self, table: str, key: WireItem) -> WireItem | None:
        found: Mapping[str, Any] = self._client().get_item(TableName=table, Key=key, ConsistentRead=True)
        return found.get("Item")

    def _key_names(self, table: str) -> list[str]:
        return [key["AttributeName"] for key in self._description(table)["KeySchema"]]

    def _description(self, table: str) -> Mapping[str, Any]:
        if table not in self._descriptions:
            self._descriptions[table] = self._client().describe_table(TableName=table)["Table"]
        return self._descriptions[table]


@contextmanager
def metered() -> Iterator[Meter]:
    """A meter on a new default session: enter it in moto's account, before creating the clients to meter."""
    boto3.setup_default_session()
    try:
        yield Meter(boto3._get_default_session(), boto3.Session())
    finally:
        boto3.setup_default_session()


def index_units(before: WireItem | None, after: WireItem | None, keys: Sequence[str]) -> int:
    """Units for a change of an index entry."""
    if before == after:
        return 0
    if before is None or after is None:
        return write_blocks(item_size(before or after))
    if any(before[key] != after[key] for key in keys):
        return write_blocks(item_size(before)) + write_blocks(item_size(after))
    return write_blocks(max(item_size(before), item_size(after)))


def _error(answer: Mapping[str, Any]) -> str:
    return str(answer.get("__type", "")).rpartition("#")[2]


def _index_keys(index: Mapping[str, Any]) -> list[str]:
    return [key["AttributeName"] for key in index["KeySchema"]]


def _entry(index: Mapping[str, Any], table_keys: Sequence[str], item: WireItem | None) -> WireItem | None:
    """An item's entry in an index; None when the item lacks one of the index's keys."""
    keys = _index_keys(index)
    if item is None or any(key not in item for key in keys):
        return None
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return item
    kept = {*keys, *table_keys, *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in kept}
