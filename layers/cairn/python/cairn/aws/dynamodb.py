"""The few things every table adapter needs: numbers that come back as they went in, and what a condition said no to."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from boto3.dynamodb.conditions import ConditionBase
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import ClientError

from cairn.clock import sleep

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_dynamodb.service_resource import Table

T = TypeVar("T")
Item = dict[str, Any]

# Two quick tries besides the first: a call that still fails is better answered by the redelivery.
RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)

_deserializer = TypeDeserializer()


@cache
def resource() -> DynamoDBServiceResource:
    """The resource that a warm function keeps."""
    return boto3.resource("dynamodb", config=RETRIES)


def table(name: str) -> Table:
    """The table of that name."""
    return resource().Table(name)


def from_image(image: Mapping[str, Any]) -> Item:
    """The item of a stream record's image, whose values are tagged with their types."""
    return {key: _deserializer.deserialize(value) for key, value in image.items()}


def rejected_item(error: ClientError) -> Item | None:
    """The item that made a condition fail (None when there is none); any other error is raised again.

    Needs ReturnValuesOnConditionCheckFailure=ALL_OLD in the request:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
    """
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    answer: Mapping[str, Any] = error.response  # typeshed does not know of Item
    return from_image(answer["Item"]) if answer.get("Item") else None


def transact(table: Table, actions: Sequence[Any], pauses: Sequence[float] = (0.02, 0.1, 0.4)) -> bool:
    """All of these writes or none; False when a condition of theirs says no.

    Two transactions on one item at the same instant cancel one of them, which is worth another try.
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
    """Consecutive pieces of at most `size`."""
    for start in range(0, len(sequence), size):
        yield sequence[start : start + size]


def get(table: Table, key: Item, *, consistent: bool = False) -> Item | None:
    """The item of a key, if there is one."""
    item: Item | None = table.get_item(Key=key, ConsistentRead=consistent).get("Item")
    return item


def query(table: Table, where: ConditionBase, start: Item | None = None, **options: Any) -> Any:
    """One page of a query, from the key after `start`."""
    if start:
        options["ExclusiveStartKey"] = start
    return table.query(KeyConditionExpression=where, **options)


def query_all(table: Table, where: ConditionBase, start: Item | None = None, **options: Any) -> Iterator[Item]:
    """Every item of a query, page by page."""
    while True:
        answer = query(table, where, start, **options)
        yield from answer["Items"]
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def get_many(table: Table, keys: Sequence[Item]) -> list[Item]:
    """The items of these keys that exist, in any order: 100 a call, and again for what DynamoDB left over."""
    client = table.meta.client
    found: list[Item] = []
    for piece in chunks(keys, 100):
        pending: list[Item] = list(piece)
        while pending:
            answer: Any = client.batch_get_item(RequestItems={table.name: {"Keys": pending}})
            found += answer["Responses"].get(table.name, [])
            pending = list(answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", []))
    return found
