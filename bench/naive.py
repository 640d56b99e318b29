"""The design that comes to mind first, for comparison: an item a connection, and an index by channel and expiry.

Every heartbeat moves the item's entry in the index, and whoever asks counts the entries that are yet to expire.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3

from cairn.clock import to_millis
from testing.meter import item_size, read_blocks

_NAME, _INDEX = "naive", "by_expiry"


@dataclass(frozen=True, slots=True)
class Naive:
    table: Any

    def beat(self, connection_id: str, channel: str, until: datetime) -> None:
        """Come, or stay."""
        item = {"connection_id": connection_id, "channel": channel, "expires_at": to_millis(until)}
        self.table.put_item(Item=item)

    def leave(self, connection_id: str) -> None:
        self.table.delete_item(Key={"connection_id": connection_id})

    def count(self, channel: str, now: datetime) -> int:
        """One page; of an index, which is read as of a moment ago."""
        answer = self.table.query(
            IndexName=_INDEX,
            Select="COUNT",
            KeyConditionExpression="channel = :channel AND expires_at > :now",
            ExpressionAttributeValues={":channel": channel, ":now": to_millis(now)},
        )
        return int(answer["Count"])


@contextmanager
def naive() -> Iterator[Naive]:
    """Its table, in the account that there is."""
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
    """Units of one count of so many."""
    entry = {
        "connection_id": {"S": connection_id},
        "channel": {"S": channel},
        "expires_at": {"N": str(to_millis(until))},
    }
    return 0.5 * read_blocks(viewers * item_size(entry))
