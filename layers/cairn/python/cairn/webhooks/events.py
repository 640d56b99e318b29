"""The events in the webhooks table: each is stored once, with its number among those of its subject.

| pk | sk | holds | TTL |
|---|---|---|---|
| `events#{day}#{shard}` | the event's key, which sorts by time | the event, and which endpoints want it | 90 days |
| `sequence#{subject}` | `sequence` | the number of the subject's last event | 90 days |

A day is cut into shards, because DynamoDB writes 1,000 units a second to a partition key.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, get_many, parsed, query_all, readable, rejected_item
from cairn.clock import Clock, to_millis
from cairn.codec import to_json
from cairn.webhooks.model import RETENTION, Contact, Event, instant_of, key_at

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SHARDS = 4
PAGE = 250
"""Items of a shard that one query reads: a caller who wants a few does not pay for a megabyte."""
_DAY = timedelta(days=1)


class Events:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def store(self, event: Event, endpoints: Sequence[str], *, repeated: bool) -> Event:
        """The stored event: this one, with its sequence number; or what an earlier try stored.

        `repeated` when there may have been one. A try that dies between its two writes leaves a number out.
        """
        if repeated and (stored := self.get(event.key)):
            return stored
        sequence = self._next(event.subject) if event.subject else None
        numbered = replace(event, sequence=sequence, endpoints=tuple(endpoints))
        try:
            self._table.put_item(
                Item=_to_item(numbered, int((self._clock() + RETENTION).timestamp())),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return parsed(_to_event, rejected_item(error) or {})
        return numbered

    def get(self, key: str) -> Event | None:
        """The event with this key, if it is stored (consistent read)."""
        item = get(self._table, event_item_key(key), consistent=True)
        return parsed(_to_event, item) if item and not self._expired(item) else None

    def many(self, keys: Sequence[str]) -> dict[str, Event]:
        """Those that are stored, by their keys."""
        items = get_many(self._table, [event_item_key(key) for key in dict.fromkeys(keys)])
        return {event.key: event for event in readable(_to_event, items) if not self._is_over(event)}

    def between(self, since: datetime, before: datetime, *, newest_first: bool = False) -> Iterator[Event]:
        """The events of a range of time in its order, read as far as they are asked for."""
        return self.in_range(key_at(since), key_at(before), newest_first=newest_first)

    def in_range(self, low: str, high: str, *, newest_first: bool = False) -> Iterator[Event]:
        """The events whose keys are at least `low` and lower than `high`."""
        first, last = instant_of(low).date(), instant_of(high).date()
        days = [first + _DAY * number for number in range((last - first).days + 1)]
        for day in reversed(days) if newest_first else days:
            shards = [self._of_shard(f"events#{day}#{shard}", low, high, newest_first) for shard in range(SHARDS)]
            yield from heapq.merge(*shards, key=lambda event: event.key, reverse=newest_first)

    def erase(self, key: str) -> bool:
        """Erase the content of an event; what happened with it stays. False when it is not stored."""
        try:
            self._table.update_item(
                Key=event_item_key(key),
                UpdateExpression="SET erased = :true REMOVE #data, contact",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#data": "data"},
                ExpressionAttributeValues={":true": True},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def _of_shard(self, partition: str, low: str, high: str, newest_first: bool) -> Iterator[Event]:
        where = Key("pk").eq(partition) & Key("sk").between(low, high)
        items = query_all(self._table, where, ScanIndexForward=not newest_first, Limit=PAGE)
        for event in readable(_to_event, items):
            if event.key < high and not self._is_over(event):
                yield event

    def _next(self, subject: str) -> int:
        updated: Any = self._table.update_item(
            Key={"pk": f"sequence#{subject}", "sk": "sequence"},
            UpdateExpression="ADD #number :one SET expires_at = :expires",
            ExpressionAttributeNames={"#number": "number"},
            ExpressionAttributeValues={":one": 1, ":expires": int((self._clock() + 4 * RETENTION).timestamp())},
            ReturnValues="UPDATED_NEW",
        )
        return int(updated["Attributes"]["number"])

    def _expired(self, item: Item) -> bool:
        return int(item["expires_at"]) * 1000 <= to_millis(self._clock())

    def _is_over(self, event: Event) -> bool:
        return event.at + RETENTION <= self._clock()


def data_of(text: str) -> Mapping[str, Any]:
    """The data of a JSON text. ValueError when it is not an object."""
    data = json.loads(text, parse_float=Decimal)
    if not isinstance(data, dict):
        raise ValueError("an event's data is not an object")  # noqa: TRY004 - as for any other text
    return data


def event_item_key(key: str) -> Item:
    """The key of the item of an event."""
    shard = sum(key[-2:].encode()) % SHARDS
    return {"pk": f"events#{instant_of(key).date()}#{shard}", "sk": key}


def _to_item(event: Event, expires_at: int) -> Item:
    contact = {name: value for name, value in asdict(event.contact).items() if value} if event.contact else None
    fields = {
        **event_item_key(event.key),
        "type": event.type,
        "at": to_millis(event.at),
        "subject": event.subject,
        "data": to_json(event.data),
        "contact": contact or None,
        "trace_id": event.trace_id,
        "sequence": event.sequence,
        "endpoints": list(event.endpoints),
        "sample": event.sample or None,
        "expires_at": expires_at,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _to_event(item: Item) -> Event:
    contact = item.get("contact")
    return Event(
        id=f"evt_{item['sk']}",
        type=item["type"],
        at=instant_of(item["sk"]),
        subject=item.get("subject"),
        data=data_of(item["data"]) if "data" in item else {},
        contact=Contact(**contact) if contact else None,
        trace_id=item["trace_id"],
        sequence=int(item["sequence"]) if "sequence" in item else None,
        endpoints=tuple(item["endpoints"]),
        erased=bool(item.get("erased")),
        sample=bool(item.get("sample")),
    )
