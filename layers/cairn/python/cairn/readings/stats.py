"""The stats table: one item with a subject's current values. Every reading is stored here first."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, get_many, rejected_item
from cairn.clock import from_millis, sleep, to_millis
from cairn.codec import details, numbers
from cairn.errors import ContentionError
from cairn.model import Reading, Subject, new_trace_id
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


MAX_ATTEMPTS = 24
"""About nine seconds of retries before an update fails."""


class Stats:
    """Keyed by subject. The table's stream is the outbox: detection starts from it and from nothing else."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def record(self, reading: Reading) -> bool:
        """Store a reading unless a newer one is stored. True when it was stored; one write unit."""
        try:
            self._table.put_item(
                Item=to_item(reading),
                ConditionExpression="attribute_not_exists(subject) OR as_of <= :as_of",
                ExpressionAttributeValues={":as_of": to_millis(reading.as_of)},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def update(self, subject: Subject, change: Callable[[Reading | None], Reading]) -> tuple[Reading | None, Reading]:
        """Store what `change` makes of the stored reading. Returns the old and the new reading, as the stream has them.

        When `change` returns the same object or raises, nothing is stored. A concurrent write between the read and the
        put restarts the update, so that no writer's fields are lost; a changed reading must have a later `as_of`.
        ContentionError when other writers were faster for several seconds.
        """
        old: Reading | None = None
        new: Reading | None = None
        for attempt in range(MAX_ATTEMPTS):
            stored = self.get(subject)
            if new and stored == new:  # our own put: botocore repeated it because its answer was lost
                return old, new
            old, new = stored, change(stored)
            if new is old:
                return old, new
            unchanged: Any = {"ConditionExpression": "attribute_not_exists(subject)"}
            if old:
                seen = {":seen": to_millis(old.as_of)}
                unchanged = {"ConditionExpression": "as_of = :seen", "ExpressionAttributeValues": seen}
            try:
                self._table.put_item(Item=to_item(new), **unchanged)
            except ClientError as error:
                rejected_item(error)
                sleep(random.uniform(0, min(0.5, 0.005 * 2**attempt)))  # noqa: S311 - spreads retries, guards nothing
            else:
                return old, new
        raise ContentionError(f"too many concurrent updates of {subject}; try again")

    def recheck(self, reading: Reading) -> bool:
        """Have a stored reading compared with its high-water marks, in the stream's order. False if it was replaced."""
        try:
            self._table.update_item(
                Key={"subject": str(reading.subject)},
                UpdateExpression="SET recheck = :new",
                ConditionExpression="as_of = :seen",
                ExpressionAttributeValues={":new": new_trace_id(), ":seen": to_millis(reading.as_of)},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def get(self, subject: Subject) -> Reading | None:
        """The stored reading (consistent read)."""
        item = get(self._table, {"subject": str(subject)}, consistent=True)
        return to_reading(item) if item else None

    def get_many(self, subjects: Iterable[Subject]) -> dict[Subject, Reading]:
        """The stored readings of those subjects that have one (eventually consistent read)."""
        items = get_many(self._table, [{"subject": str(subject)} for subject in subjects])
        return {reading.subject: reading for reading in map(to_reading, items)}

    def page(self, after: str | None, limit: int = 500) -> tuple[list[Reading], str | None]:
        """Some of all stored readings, in no useful order, after the key of another one; and the last one's key.

        An item that is no reading is left out. The key is None for the last page.
        """
        start: Any = {"ExclusiveStartKey": {"subject": after}} if after else {}
        answer = self._table.scan(Limit=limit, **start)
        readings = []
        for item in answer["Items"]:
            try:
                readings.append(to_reading(item))
            except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
                logger.warning("not a reading", subject=item["subject"], reason=repr(error))
        last = answer.get("LastEvaluatedKey")
        return readings, str(last["subject"]) if last else None

    def delete(self, subject: Subject) -> None:
        """Remove a subject's values; its high-water marks and history stay. The next reading is a first one again."""
        self._table.delete_item(Key={"subject": str(subject)})


def to_item(reading: Reading) -> Item:
    return {
        "subject": str(reading.subject),
        "name": reading.name,
        "metrics": dict(reading.metrics),
        "precision": dict(reading.precision),
        "as_of": to_millis(reading.as_of),
        "source": reading.source,
        "trace_id": reading.trace_id,
        **({"details": dict(reading.details)} if reading.details else {}),
        **({"peaks": dict(reading.peaks)} if reading.peaks else {}),
        **({"revisions": dict(reading.revisions)} if reading.revisions else {}),
        **({"recheck": reading.recheck} if reading.recheck else {}),
    }


def to_reading(item: Item) -> Reading:
    """The reading of a stored item or image; KeyError or ValueError for any other item."""
    return Reading(
        subject=Subject.parse(item["subject"]),
        name=item["name"],
        metrics=numbers(item["metrics"]),
        precision={metric: int(step) for metric, step in item.get("precision", {}).items()},
        as_of=from_millis(int(item["as_of"])),
        source=item["source"],
        trace_id=item["trace_id"],
        details=details(item.get("details", {})),
        peaks=numbers(item.get("peaks", {})),
        revisions={rule: int(count) for rule, count in item.get("revisions", {}).items()},
        recheck=item.get("recheck", ""),
    )
