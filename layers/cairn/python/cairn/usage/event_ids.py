"""The ids of usage events, each its caller's own: stored with what it counted, in one transaction, for 32 days.

| pk | sk | holds | TTL |
|---|---|---|---|
| `event#{key's id}#{SHA-256 of the event's id}` | `event` | a hash of the event, its local day, its trace | 32 d |

An id whose count was not stored is not stored either. An id that has expired is free, whether or not it was deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from cairn.aws.dynamodb import Item, get, parsed
from cairn.readings.along import Action

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEPT = timedelta(days=32)


@dataclass(frozen=True, slots=True)
class StoredId:
    """What is known of an event that was counted under an id."""

    digest: str
    day: date
    """The local day that it counted for."""


class EventIds:
    """`table` is the usage table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, caller: str, event_id: str, stored: StoredId, trace_id: str, now: datetime) -> Action:
        """The action that stores an id, under the condition that it is free."""
        return {
            "Put": {
                "TableName": self._table.name,
                "Item": {
                    **_key(caller, event_id),
                    "payload": stored.digest,
                    "date": stored.day.isoformat(),
                    "trace_id": trace_id,
                    "expires_at": int((now + KEPT).timestamp()),
                },
                "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
                "ExpressionAttributeValues": {":now": int(now.timestamp())},
            }
        }

    def find(self, caller: str, event_ids: Iterable[str], now: datetime) -> Mapping[str, StoredId]:
        """Those of the ids that are stored and have not expired (consistent reads)."""
        found = {event_id: get(self._table, _key(caller, event_id), consistent=True) for event_id in event_ids}
        return {
            event_id: to_stored_id(item)
            for event_id, item in found.items()
            if item and item["expires_at"] > now.timestamp()
        }


def to_stored_id(item: Item) -> StoredId:
    """UnreadableItemError for an item of another shape."""
    return parsed(lambda one: StoredId(str(one["payload"]), date.fromisoformat(one["date"])), item)


def _key(caller: str, event_id: str) -> Item:
    digest = hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()
    return {"pk": f"event#{caller}#{digest[:40]}", "sk": "event"}
