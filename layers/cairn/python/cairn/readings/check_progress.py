"""Where a periodic check that ran out of time goes on: the item `check` / `progress` of the milestones table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cairn.aws.dynamodb import get

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PARTITION = "check"
_KEY = {"pk": PARTITION, "sk": "progress"}


class CheckProgress:
    """`table` is the milestones table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def stored(self) -> str | None:
        """The key of the last reading that was checked; None to begin with the first."""
        item = get(self._table, _KEY, consistent=True)
        return str(item["after"]) if item and item["after"] else None

    def store(self, after: str | None) -> None:
        self._table.put_item(Item={**_KEY, "after": after})
