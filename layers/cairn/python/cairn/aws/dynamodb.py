"""What all table adapters share: reads, transactions, items nobody can read, and the item that failed a condition."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import ClientError

from cairn.clock import sleep
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_dynamodb.service_resource import Table

T = TypeVar("T")
Item = dict[str, Any]

# Two quick retries; if they fail too, the redelivery of the event is the better retry.
RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
MAX_CONFLICTS = 5
"""Attempts of a plain write of an item that transactions are writing; they wait 0.3 to 0.9 seconds in total."""

_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What parsing raises for an item of another shape."""
_KEYS = ("subject", "pk", "sk")

_deserializer = TypeDeserializer()


class UnreadableItemError(ValueError):
    """An item, or an image of one, that Cairn did not write: reading it again would not help."""

    def __init__(self, item: Mapping[str, Any], reason: Exception) -> None:
        self.item = item
        self.key = " ".join(str(item[name])[:200] for name in _KEYS if name in item)
        self.reason = repr(reason)[:200]
        super().__init__(f"{self.key or 'an item without a key'}: {self.reason}")


@cache
def resource() -> DynamoDBServiceResource:
    """The resource, which a warm function reuses."""
    made = boto3.resource("dynamodb", config=RETRIES)
    events: Any = made.meta.client.meta.events  # the type stubs have handlers return nothing
    events.register("needs-retry.dynamodb", _retry_after_conflict)
    return made


def _retry_after_conflict(response: Any, attempts: int, **_: object) -> float | None:
    """Seconds after which botocore repeats a write that met a transaction on the same item, which it would not retry.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
    """
    error = response[1].get("Error", {}) if response else {}
    if error.get("Code") != "TransactionConflictException" or attempts >= MAX_CONFLICTS:
        return None
    return _pause(attempts - 1)


def _pause(attempt: int) -> float:
    """Seconds before the next attempt after this one, the first of which is 0."""
    return 0.02 * 2.0**attempt * random.uniform(1, 3)  # noqa: S311 - spreads retries, guards nothing


def table(name: str) -> Table:
    """The table with this name."""
    return resource().Table(name)


def from_image(image: Mapping[str, Any]) -> Item:
    """The item of a stream record's image, whose values are tagged with their types."""
    return {key: _deserializer.deserialize(value) for key, value in image.items()}


def parsed(parse: Callable[[Item], T], item: Item) -> T:
    """The item, parsed. UnreadableItemError when it has another shape."""
    try:
        return parse(item)
    except _UNREADABLE as error:
        raise UnreadableItemError(item, error) from error


def readable(parse: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
    """The items that can be parsed. One that cannot is logged and left out, so that a list has all the others."""
    for item in items:
        try:
            yield parsed(parse, item)
        except UnreadableItemError as error:
            logger.error("stored item unreadable", key=error.key, reason=error.reason)


def rejected_item(error: ClientError) -> Item | None:
    """The item that made a condition fail (None when there is none); re-raises any other error.

    Needs ReturnValuesOnConditionCheckFailure=ALL_OLD in the request:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
    """
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    answer: Mapping[str, Any] = error.response  # the type stubs lack Item
    return from_image(answer["Item"]) if answer.get("Item") else None


def transact(table: Table, actions: Sequence[Any], pauses: Sequence[float] = (0.02, 0.1, 0.4)) -> bool:
    """Make all of these writes or none; False when a condition fails.

    DynamoDB cancels one of two concurrent transactions on the same item; that one is retried.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
    """
    for pause in (*pauses, None):
        try:
            table.meta.client.transact_write_items(TransactItems=actions)
            return True
        except ClientError as error:
            reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
            codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
            if codes == {"ConditionalCheckFailed"}:
                return False
            if "TransactionConflict" not in codes or pause is None:
                raise
            sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
    raise AssertionError("unreachable")


def chunks(sequence: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive chunks of at most `size` elements."""
    for start in range(0, len(sequence), size):
        yield sequence[start : start + size]


def get(table: Table, key: Item, *, consistent: bool = False) -> Item | None:
    """The item with this key, if it exists. Threads may share the table."""
    if "" in key.values():
        return None  # no key is empty, and DynamoDB refuses to look for one
    client: Any = table.meta.client
    item: Item | None = client.get_item(TableName=table.name, Key=key, ConsistentRead=consistent).get("Item")
    return item


def query(table: Table, where: ConditionBase, start: Item | None = None, **options: Any) -> Any:
    """One page of a query, after the key `start`. Threads may share the table.

    boto3 numbers the placeholders of all threads' conditions with one counter, and resets it at each call: two
    conditions that are built at the same time would share a placeholder. So they are built here.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/resources.html#multithreading-or-multiprocessing-with-resources
    """
    builder, names, values = ConditionExpressionBuilder(), Item(), Item()
    for name, condition in (("KeyConditionExpression", where), ("FilterExpression", options.get("FilterExpression"))):
        if isinstance(condition, ConditionBase):
            built = builder.build_expression(condition, is_key_condition=condition is where)
            options[name] = built.condition_expression
            names |= built.attribute_name_placeholders
            values |= built.attribute_value_placeholders
    options["ExpressionAttributeNames"] = names | options.get("ExpressionAttributeNames", {})
    options["ExpressionAttributeValues"] = values | options.get("ExpressionAttributeValues", {})
    if start:
        options["ExclusiveStartKey"] = start
    client: Any = table.meta.client
    return client.query(TableName=table.name, **options)


def query_all(table: Table, where: ConditionBase, start: Item | None = None, **options: Any) -> Iterator[Item]:
    """Every item of a query, page by page."""
    while True:
        answer = query(table, where, start, **options)
        yield from answer["Items"]
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def get_many(table: Table, keys: Sequence[Item], *, consistent: bool = False) -> list[Item]:
    """The existing items with these keys, in any order: 100 keys a call, and another call for unprocessed keys.

    DynamoDB leaves keys unprocessed when it throttles, so each of these calls comes later than the one before.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """
    client = table.meta.client
    found: list[Item] = []
    for chunk in chunks([key for key in keys if "" not in key.values()], 100):
        pending: list[Item] = list(chunk)
        attempt = 0
        while pending:
            if attempt:
                sleep(_pause(min(attempt - 1, 5)))
            attempt += 1
            answer: Any = client.batch_get_item(
                RequestItems={table.name: {"Keys": pending, "ConsistentRead": consistent}}
            )
            found += answer["Responses"].get(table.name, [])
            pending = list(answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", []))
    return found
