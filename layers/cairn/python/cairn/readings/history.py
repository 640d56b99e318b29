"""The history table: readings over time for 30 days, and each day's last values permanently.

A subject that changes every few seconds keeps one reading a minute: the last, stored under the start of the minute.

| pk | sk | holds | TTL |
|---|---|---|---|
| subject | `reading#{as_of, or its minute}` | a stored reading | 30 days |
| subject | `day#{date}` | the values a day ended with, written when the next day begins | –; 30 days if it expires |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, query, query_all, readable, rejected_item
from cairn.clock import Clock, from_millis, iso, now, to_millis
from cairn.codec import numbers
from cairn.model import Number, Reading, Subject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Point:
    """The values at an instant; for a day, those it ended with."""

    at: datetime
    metrics: Mapping[str, Number]


class History:
    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    def add(self, reading: Reading, *, once_a_minute: bool = False) -> None:
        """Store a reading; the same reading again is the same item. One write unit."""
        at = _minute(reading.as_of) if once_a_minute else reading.as_of
        self._put(reading, f"reading#{iso(at)}", expires_at=int((reading.as_of + RETENTION).timestamp()))

    def close_day(self, last: Reading, day: date) -> None:
        """Store the values that a day ended with."""
        expiry = {"expires_at": int((last.as_of + RETENTION).timestamp())} if last.expires_at else {}
        self._put(last, f"day#{day.isoformat()}", **expiry)

    def _put(self, reading: Reading, sort: str, **more: int) -> None:
        """An older reading never replaces a newer one."""
        as_of = to_millis(reading.as_of)
        try:
            self._table.put_item(
                Item={"pk": str(reading.subject), "sk": sort, "metrics": dict(reading.metrics), "as_of": as_of, **more},
                ConditionExpression=Attr("pk").not_exists() | Attr("as_of").lte(as_of),
            )
        except ClientError as error:
            rejected_item(error)

    def days(self, subject: Subject, first: date, last: date) -> dict[date, Point]:
        """The completed days from `first` to `last`: one item a day, however many readings there were."""
        where = Key("pk").eq(str(subject)) & Key("sk").between(f"day#{first.isoformat()}", f"day#{last.isoformat()}")
        items = query_all(self._table, where)
        kept = (item for item in items if not self._expired(item))
        return dict(readable(lambda item: (date.fromisoformat(item["sk"].partition("#")[2]), _to_point(item)), kept))

    def before(self, subject: Subject, day: date) -> Point | None:
        """The values that the last recorded day before `day` ended with."""
        where = Key("pk").eq(str(subject)) & Key("sk").between("day#", f"day#{(day - timedelta(days=1)).isoformat()}")
        items = query(self._table, where, ScanIndexForward=False, Limit=1)["Items"]
        return _to_point(items[0]) if items and not self._expired(items[0]) else None

    def _expired(self, item: Item) -> bool:
        return "expires_at" in item and int(item["expires_at"]) <= self._clock().timestamp()

    def at(self, subject: Subject, instant: datetime, now: datetime) -> Point | None:
        """The values at an instant: the newest reading up to it that is still stored."""
        where = Key("pk").eq(str(subject)) & Key("sk").between("reading#", f"reading#{iso(instant)}")
        items = query(self._table, where, ScanIndexForward=False, Limit=2)["Items"]  # one may be later in its minute
        kept = readable(_to_point, (item for item in items if item["expires_at"] > now.timestamp()))
        return next((point for point in kept if point.at <= instant), None)

    def readings(
        self, subject: Subject, since: datetime, until: datetime, now: datetime, limit: int, cursor: str | None
    ) -> tuple[list[Point], str | None]:
        """Single readings from `since` to `until`, oldest first, and the cursor of the next page."""
        first, last = f"reading#{iso(_minute(since))}", f"reading#{iso(until)}~"
        start = decode(cursor, {"pk": str(subject), "sk": (first, last)})
        where = Key("pk").eq(str(subject)) & Key("sk").between(first, last)
        answer = query(self._table, where, start, Limit=limit)
        kept = readable(_to_point, (item for item in answer["Items"] if item["expires_at"] > now.timestamp()))
        # A reading stored under the start of its minute may be outside the range.
        requested = [point for point in kept if since <= point.at <= until]
        return requested, encode(answer.get("LastEvaluatedKey"))


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _to_point(item: Item) -> Point:
    return Point(from_millis(int(item["as_of"])), numbers(item["metrics"]))
