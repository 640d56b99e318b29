"""The naive design, for comparison: one item per connection, and an index by channel and expiry.

Every heartbeat moves the item's entry in the index, and every request counts the entries that have not expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3

from cairn.clock import to_millis
from testing.item_sizes import item_size, read_blocks

_NAME, _INDEX = "naive", "by_expiry"


@dataclass(frozen=True, slots=True)
class Naive:
    table: Any

    def beat(self, connection_id: str, channel: str, until: datetime) -> None:
        """Join, or stay."""
        item = {"connection_id": connection_id, "channel": channel, "expires_at": to_millis(until)}
        self.table.put_item(Item=item)

    def leave(self, connection_id: str) -> None:
        self.table.delete_item(Key={"connection_id": connection_id})

    def count(self, channel: str, now: datetime) -> int:
        """Counts one page of the index, which is eventually consistent."""
        response = self.table.query(
            IndexName=_INDEX,
            Select="COUNT",
            KeyConditionExpression="channel = :channel AND expires_at > :now",
            ExpressionAttributeValues={":channel": channel, ":now": to_millis(now)},
        )
        return int(response["Count"])


@contextmanager
def naive_table() -> Iterator[Naive]:
    """Create its table in the current account."""
    table = boto3.resource("dynamodb").create_table(
        TableName=_NAME,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "connection_id", "AttributeType": "S"},
            {"AttributeName": "channel", "AttributeType": "S"},
            {"AttributeName": "expires_at", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "connection_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": _INDEX,
                "KeySchema": [
                    {"AttributeName": "channel", "KeyType": "HASH"},
                    {"AttributeName": "expires_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    yield Naive(table)
    table.delete()


def index_reads(connection_id: str, channel: str, until: datetime, viewers: int) -> float:
    """Read units of one count of this many viewers."""
    entry = {
        "connection_id": {"S": connection_id},
        "channel": {"S": channel},
        "expires_at": {"N": str(to_millis(until))},
    }
    return 0.5 * read_blocks(viewers * item_size(entry))
