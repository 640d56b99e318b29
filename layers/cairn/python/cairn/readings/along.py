"""Items that are written together with a reading, in one transaction: all of them, or nothing.

A transaction costs twice the write units of its items.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, from_image
from cairn.model import Reading

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Action = Mapping[str, Any]
"""A Put, Update, Delete or ConditionCheck, as TransactWriteItems takes it."""
Along = Callable[[Reading], Sequence[Action]]
"""What is to be written along with a reading; called again when the update starts again."""

MAX_ALONG = 99
"""A transaction has at most 100 actions, one of which is the reading's."""
_FAILED = "ConditionalCheckFailed"
_PASSING = frozenset({"None", _FAILED, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons of a cancellation after which the same may be tried again."""


class AlongError(Exception):
    """Conditions of items along the reading failed, so nothing was written.

    `stored` has the item that is in the way by the number of its action; None where there is no item. `read` is the
    stored reading that the update began with.
    """

    def __init__(self, stored: Mapping[int, Item | None], read: Reading | None = None) -> None:
        super().__init__(f"{len(stored)} conditions along a reading failed")
        self.stored = stored
        self.read = read


def write(table: Table, put: Mapping[str, Any], along: Sequence[Action]) -> bool:
    """Put a reading's item and what goes along; False when the reading has changed, or other writers were at work.

    AlongError as above. Each Put along should have a value that no other transaction has, such as a trace id: if its
    item is stored already, exactly so, this transaction has succeeded before, and only its answer was lost. botocore
    repeats a call with the same ClientRequestToken, which DynamoDB recognises for ten minutes by itself.
    """
    if len(along) > MAX_ALONG:
        raise ValueError(f"{len(along)} actions along a reading, of which a transaction has room for {MAX_ALONG}")
    actions: Any = [
        {"Put": {"TableName": table.name, **put}},
        *({kind: {**fields, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}} for kind, fields in _parts(along)),
    ]
    try:
        table.meta.client.transact_write_items(TransactItems=actions)
    except ClientError as error:
        reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
        stored = {
            number: from_image(reason["Item"]) if reason.get("Item") else None
            for number, reason in enumerate(reasons[1:])
            if reason.get("Code") == _FAILED
        }
        if any(item and item == along[number].get("Put", {}).get("Item") for number, item in stored.items()):
            return True
        if stored:
            raise AlongError(stored) from None
        if not reasons or not {reason.get("Code", "None") for reason in reasons} <= _PASSING:
            raise
        return False
    return True


def _parts(along: Sequence[Action]) -> list[tuple[str, Mapping[str, Any]]]:
    return [part for action in along for part in action.items()]
