"""The subscribers who came and went on each day of UTC, as the platform says them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import query_all
from cairn.creators import keys
from cairn.creators.platforms import Flow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Flows:
    """`table` is the creators table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def store(self, creator: str, flows: Sequence[Flow]) -> int:
        """Store those that differ from what is stored; returns how many."""
        if not flows:
            return 0
        first, last = min(flow.day for flow in flows), max(flow.day for flow in flows)
        where = Key("pk").eq(keys.flow(creator)) & Key("sk").between(keys.of_day(first), keys.of_day(last))
        stored = {
            date.fromisoformat(item["sk"]): (int(item["new"]), int(item["ended"]))
            for item in query_all(self._table, where, ConsistentRead=True)
        }
        changed = [flow for flow in flows if stored.get(flow.day) != (flow.new, flow.ended)]
        for flow in changed:
            self._table.put_item(
                Item={"pk": keys.flow(creator), "sk": keys.of_day(flow.day), "new": flow.new, "ended": flow.ended}
            )
        return len(changed)
