"""DynamoDB as its contract permits it to be, and as MiniStack never is: late, partial, in conflict and throttled.

Off unless a test run has a seed (`pytest --adversarial=SEED`). Then, at the choice of a generator with this seed:

- A read that is not consistent, and every read of a global index, shows an earlier state of what was written within
  `LAG`: of each partition key another one, and a later read perhaps an earlier one than the read before.
- TTL deletes an expired item at once, or leaves it for days.
- BatchGetItem and BatchWriteItem leave keys unprocessed; a Query or Scan without a limit ends a page early.
- A transaction is cancelled by a conflict. So is a plain write of an item that transactions write, too.
- A request is throttled, once before the client's retry.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from ministack.services import dynamodb

LAG = 1.0
"""Seconds within which a write may be missing from a read: all copies are usually alike within one."""
TTL_ATTRIBUTE = "expires_at"
"""Of every table; tests/infrastructure compares it with the template."""

Answer = tuple[int, Mapping[str, str], bytes]
Serve = Callable[[dict[str, Any]], Answer]

_RECENT = "_recent_writes"
_IN_TRANSACTIONS = "_in_transactions"
_READS = ("GetItem", "Query", "Scan")
_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
_SMALLEST_PAGE = 2
"""Items that fit into a page of 1 MB, however large they are."""


class _Write(NamedTuple):
    """A write of a partition, and the item before it."""

    at: float
    sort_value: object
    old: Any
    by_test: bool


class Adversary:
    """Chooses what happens to each request. Not thread-safe: its caller handles one request at a time."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311 - it must be repeatable
        self._swept_at = 0
        self._spared: set[object] = set()
        self._last_refused: object = None

    def respond(self, operation: str, request: dict[str, Any], invocation: str, serve: Serve) -> Answer:
        """The answer to a request; `serve` has MiniStack answer one. A client's retries have the same `invocation`."""
        _set_pause_is_due(False)
        refusal = self._refusal(operation, request, invocation)
        if refusal is not None:
            return refusal
        self._delete_expired()
        if operation == "TransactWriteItems":
            _note_transaction(request)
        if not _in_functions:
            return serve(request)
        if operation in ("BatchGetItem", "BatchWriteItem"):
            return self._batch(operation, request, serve)
        if operation in ("Query", "Scan") and "Limit" not in request and self._happens(0.3):
            request = {**request, "Limit": self._random.choice((_SMALLEST_PAGE, 3, 5, 20))}
        with self._lagging(operation, request):
            return serve(request)

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    # -- refusals

    def _refusal(self, operation: str, request: dict[str, Any], invocation: str) -> Answer | None:
        """Never two in a row, so that a client that tries again succeeds."""
        if not _in_functions or operation not in (*_READS, *_WRITES, "TransactWriteItems", "TransactGetItems"):
            return None
        code = self._refusal_code(operation, request)
        refused = (operation, _target(request))
        if code is None or self._last_refused in (refused, invocation):
            self._last_refused = None
            return None
        _set_pause_is_due(True)
        self._last_refused = invocation if code == "ThrottlingException" else refused
        body: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "by the adversary"}
        if code == "TransactionCanceledException":
            reasons: list[dict[str, str]] = [{"Code": "None"} for _ in request["TransactItems"]]
            reasons[self._random.randrange(len(reasons))] = {"Code": "TransactionConflict", "Message": "conflict"}
            body |= {"CancellationReasons": reasons}
        return 400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode()

    def _refusal_code(self, operation: str, request: dict[str, Any]) -> str | None:
        if self._happens(0.01):
            return "ThrottlingException"
        if operation.startswith("Transact"):
            return "TransactionCanceledException" if self._happens(0.1) else None
        if operation in _WRITES and _is_in_transactions(request) and self._happens(0.1):
            return "TransactionConflictException"
        return None

    # -- partial batches

    def _batch(self, operation: str, request: dict[str, Any], serve: Serve) -> Answer:
        """One request at least is processed; what is left is returned as it was asked for."""
        asked: dict[str, Any] = request["RequestItems"]
        served: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for name, wanted in asked.items():
            entries = wanted["Keys"] if operation == "BatchGetItem" else wanted
            count = self._random.randint(1, len(entries)) if self._happens(0.3) else len(entries)
            chosen, rest = entries[:count], entries[count:]
            served[name] = {**wanted, "Keys": chosen} if operation == "BatchGetItem" else chosen
            if rest:
                left[name] = {**wanted, "Keys": rest} if operation == "BatchGetItem" else rest
        with self._lagging(operation, {"RequestItems": served}):
            status, headers, body = serve({**request, "RequestItems": served})
        if status != 200 or not left:
            return status, headers, body
        _set_pause_is_due(True)
        key = "UnprocessedKeys" if operation == "BatchGetItem" else "UnprocessedItems"
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(json.loads(body) | {key: left}).encode()

    # -- lagging reads

    @contextmanager
    def _lagging(self, operation: str, request: dict[str, Any]) -> Iterator[None]:
        """In the block, tables look as an eventually consistent read may find them."""
        replaced: dict[str, Any] = {}
        for name, keys in _inconsistently_read(operation, request):
            table: Any = dynamodb._tables.get(name)
            if table and (older := self._older(table, keys)):
                replaced[name] = table
                dynamodb._tables[name] = older
        try:
            yield
        finally:
            for name, table in replaced.items():
                dynamodb._tables[name] = table

    def _older(self, table: Any, keys: list[Any] | None) -> dict[str, Any] | None:
        recent: dict[object, list[_Write]] = table.get(_RECENT) or {}
        wanted = list(recent) if keys is None else {_partition(table, key): None for key in keys}
        items = None
        for partition in wanted:
            writes = [write for write in recent.get(partition, ()) if write.at > time.time() - LAG]
            if not writes:
                recent.pop(partition, None)
                continue
            recent[partition] = writes
            undone = self._random.choice((0, 1, len(writes), self._random.randint(0, len(writes))))
            if undone:
                items = items or dict(table["items"])
                items[partition] = before = dict(items.get(partition, {}))
                for write in reversed(writes[-undone:]):
                    before.pop(write.sort_value, None)
                    if write.old is not None:
                        before[write.sort_value] = write.old
        if items is None:
            return None
        return {name: value for name, value in table.items() if name != dynamodb._INDEX_MEMBERS} | {"items": items}

    # -- TTL

    def _delete_expired(self) -> None:
        now = int(time.time())
        if now == self._swept_at:
            return
        self._swept_at = now
        for name, table in list(dynamodb._tables.items()):
            expired = [
                (partition, sort_value, item)
                for partition, found in table["items"].items()
                for sort_value, item in found.items()
                if 0 < float(item.get(TTL_ATTRIBUTE, {}).get("N", 0)) < now
            ]
            for partition, sort_value, item in expired:
                identity = (name, partition, sort_value, item[TTL_ATTRIBUTE]["N"])
                if identity in self._spared:
                    continue
                if self._happens(0.5):
                    self._spared.add(identity)
                else:
                    _delete_by_ttl(name, table, partition, sort_value, item)


def _delete_by_ttl(name: str, table: Any, partition: object, sort_value: object, item: dict[str, Any]) -> None:
    dynamodb._remove_item(table, partition, sort_value)
    dynamodb._emit_stream_event(name, "REMOVE", item, None)
    if (table.get("StreamSpecification") or {}).get("StreamEnabled"):
        record = dynamodb._stream_records[name][-1]
        record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def _inconsistently_read(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, list[Any] | None]]:
    """Each table that is read without consistency, with the keys read; None stands for any."""
    if operation == "BatchGetItem":
        for name, wanted in request["RequestItems"].items():
            if not wanted.get("ConsistentRead"):
                yield name, wanted["Keys"]
    elif operation in _READS and not request.get("ConsistentRead"):
        yield request["TableName"], [request["Key"]] if "Key" in request else None


def _partition(table: Any, key: dict[str, Any]) -> object:
    return dynamodb._extract_key_val(key.get(table["pk_name"]))


def _target(request: dict[str, Any]) -> str:
    wanted = ("TableName", "Key", "Item", "TransactItems", "KeyConditionExpression", "ExpressionAttributeValues")
    return json.dumps({name: request[name] for name in wanted if name in request}, sort_keys=True)


def _key(table: Any, source: dict[str, Any]) -> tuple[object, ...]:
    names = (table["pk_name"], table["sk_name"])
    return tuple(dynamodb._extract_key_val(source[name]) for name in names if name in source)


def _note_transaction(request: dict[str, Any]) -> None:
    """Remember the items of a transaction: their plain writes can conflict with the next one."""
    for action in request["TransactItems"]:
        for change in action.values():
            table = dynamodb._tables.get(change["TableName"])
            if table:
                table.setdefault(_IN_TRANSACTIONS, set()).add(_key(table, change.get("Key") or change["Item"]))


def _is_in_transactions(request: dict[str, Any]) -> bool:
    table = dynamodb._tables.get(request["TableName"])
    return bool(table) and _key(table, request.get("Key") or request["Item"]) in table.get(_IN_TRANSACTIONS, ())


# -- switching it on

_present: Adversary | None = None
_in_functions = 0
_pause_is_due = False


def present() -> Adversary | None:
    """The adversary of this test; None in an ordinary run."""
    return _present


def begin(seed: str | None) -> None:
    """From now on, requests meet the adversary with this seed, or none."""
    _set_present(Adversary(seed) if seed is not None else None)


def _set_present(adversary: Adversary | None) -> None:
    global _present
    catch_up()
    _present = adversary


def catch_up() -> None:
    """Let every copy and index catch up: the second that a test waits before it reads what it wrote."""
    for table in dynamodb._tables.values():
        table.pop(_RECENT, None)


@contextmanager
def adversarial(seed: str) -> Iterator[None]:
    """In the block, a function is at work beside an adversary with this seed, in an ordinary run too."""
    before = _present
    begin(seed)
    try:
        with in_a_function():
            yield
    finally:
        _set_present(before)


@contextmanager
def in_a_function() -> Iterator[None]:
    """A function runs. What the test itself wrote before it, it wrote long ago."""
    global _in_functions
    if _present and not _in_functions:
        _settle_arrangements()
    _in_functions += 1
    try:
        yield
    finally:
        _in_functions -= 1


def takes_pause() -> bool:
    """Whether this sleep is the one of a client that was refused. The clock does not show it: times stay exact."""
    was_due = _pause_is_due
    _set_pause_is_due(False)
    return was_due


def _set_pause_is_due(is_due: bool) -> None:
    global _pause_is_due
    _pause_is_due = is_due


def _settle_arrangements() -> None:
    for table in dynamodb._tables.values():
        for partition, writes in list(table.get(_RECENT, {}).items()):
            own = [number for number, write in enumerate(writes, 1) if write.by_test]
            table[_RECENT][partition] = writes[own[-1] :] if own else writes


def _noting(write: Callable[..., Any]) -> Callable[..., Any]:
    """The function of MiniStack by which every item is stored or removed, that also notes the item before."""

    def noting(table: Any, partition: object, sort_value: object, *item: Any) -> Any:
        old = write(table, partition, sort_value, *item)
        if _present:
            note = _Write(time.time(), sort_value, old, by_test=_in_functions == 0)
            table.setdefault(_RECENT, {}).setdefault(partition, []).append(note)
        return old

    return noting


for _name in ("_set_item", "_remove_item"):
    vars(dynamodb)[_name] = _noting(vars(dynamodb)[_name])
