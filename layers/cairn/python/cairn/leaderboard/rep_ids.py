"""The leaderboard table: the last id that a rep was given.

| pk | sk | holds |
|---|---|---|
| `ids` | `rep` | the last id that was assigned |

Version 0.1.0 kept the boards here, too; the number stays where it is, so that no id is ever given twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cairn.aws.dynamodb import get

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_KEY = {"pk": "ids", "sk": "rep"}


class RepIds:
    """`table` is the leaderboard table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def new(self) -> int:
        """An id that no rep has had."""
        answer = self._table.update_item(
            Key=_KEY,
            UpdateExpression="ADD last_id :one",
            ExpressionAttributeValues={":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(str(answer["Attributes"]["last_id"]))

    def last(self) -> int:
        """The id that was assigned last; 0 if there never was a rep."""
        return int((get(self._table, _KEY, consistent=True) or {}).get("last_id", 0))
