"""What receivers report back: that a message was opened or clicked, or that its subject did what it was about.

| pk | sk | holds | TTL |
|---|---|---|---|
| `feedback#{endpoint's id}` | the subject | when it first opened, clicked, converted, without a message | 90 days |

The hold-out group gets no messages: the receiver reports its subjects, and those that it reports beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get_many, rejected_item
from cairn.clock import Clock, from_millis, to_millis
from cairn.webhooks.model import RETENTION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Reaction = Literal["opened", "clicked", "converted"]
REACTIONS: tuple[Reaction, ...] = ("opened", "clicked", "converted")


class SubjectFeedback:
    """The reports about subjects; those about messages are in the messages."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def report(self, endpoint_id: str, subject: str, reaction: Reaction, at: datetime) -> None:
        """Note it, unless an earlier one is noted: a repeat changes nothing, and reports may come in any order."""
        try:
            self._table.update_item(
                Key=_key(endpoint_id, subject),
                UpdateExpression="SET #reaction = :at, expires_at = :expires",
                ConditionExpression="attribute_not_exists(#reaction) OR #reaction > :at",
                ExpressionAttributeNames={"#reaction": reaction},
                ExpressionAttributeValues={
                    ":at": to_millis(at),
                    ":expires": int((self._clock() + RETENTION).timestamp()),
                },
            )
        except ClientError as error:
            rejected_item(error)

    def of(self, endpoint_id: str, subjects: Iterable[str]) -> dict[str, Mapping[Reaction, datetime]]:
        """The reports about these subjects, of those that have any."""
        items = get_many(self._table, [_key(endpoint_id, subject) for subject in dict.fromkeys(subjects)])
        return {str(item["sk"]): _reactions(item) for item in items if not self._is_over(item)}

    def _is_over(self, item: Item) -> bool:
        return int(item["expires_at"]) <= self._clock().timestamp()


def _key(endpoint_id: str, subject: str) -> Item:
    return {"pk": f"feedback#{endpoint_id}", "sk": subject}


def _reactions(item: Mapping[str, Any]) -> dict[Reaction, datetime]:
    return {reaction: from_millis(int(item[reaction])) for reaction in REACTIONS if reaction in item}
