"""The stats table: one item with a subject's current values. Every reading is stored here first."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import (
    Item,
    UnreadableItemError,
    from_image,
    get,
    get_many,
    parsed,
    readable,
    rejected_item,
)
from cairn.clock import Clock, from_millis, now, sleep, to_millis
from cairn.codec import details, numbers, text
from cairn.errors import ContentionError
from cairn.model import Reading, Subject, new_trace_id
from cairn.observability import logger
from cairn.readings.along import Action, Along, AlongError, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


MAX_ATTEMPTS = 24
"""About nine seconds of retries before an update fails."""
MAX_AHEAD = timedelta(minutes=5)
"""How far a reading may be ahead of the clock. One that is further ahead would be the newest for as long."""
_REPLACEABLE = "as_of > :latest OR NOT attribute_type(as_of, :number) OR expires_at <= :now"


@dataclass(frozen=True, slots=True)
class State:
    """What only a subject's own system reads of its reading, and when that was written."""

    subject: Subject
    text: str
    as_of: datetime


class Stats:
    """Keyed by subject. The table's stream is the outbox: detection starts from it and from nothing else.

    A stored reading that is dated in the future, or that nobody can read, gives way to the next one, whatever its date.
    One that has expired does, too, and is read as none. With `keep_unreadable`, an update of one that nobody can read
    fails: what was counted over years is in no other place, and a person can mend the item.
    """

    def __init__(self, table: Table, clock: Clock = now, *, keep_unreadable: bool = False) -> None:
        self._table = table
        self._clock = clock
        self._keep_unreadable = keep_unreadable

    def record(self, reading: Reading) -> bool:
        """Store a reading unless a newer one is stored. True when it was stored; one write unit."""
        try:
            self._table.put_item(
                Item=to_item(reading),
                ConditionExpression=f"attribute_not_exists(as_of) OR as_of <= :as_of OR {_REPLACEABLE}",
                ExpressionAttributeValues={":as_of": to_millis(reading.as_of), **self._replaceable()},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def update(
        self,
        subject: Subject,
        change: Callable[[Reading | None], Reading],
        *,
        known: Reading | None = None,
        along: Along | None = None,
    ) -> tuple[Reading | None, Reading]:
        """Store what `change` makes of the stored reading. Returns the old and the new reading, as the stream has them.

        `known` is what the caller believes to be stored: it saves the first read, and is read again if it is not.
        When `change` returns the same object or raises, nothing is stored. A concurrent write between the read and the
        put restarts the update, so that no writer's fields are lost; a changed reading must have a later `as_of`.
        ContentionError when other writers were faster for several seconds.

        What `along` returns is written in the same transaction; AlongError when it cannot be.
        """
        old: Reading | None = None
        new: Reading | None = None
        for attempt in range(MAX_ATTEMPTS):
            try:
                stored, seen = known or self.get(subject), None
            except UnreadableItemError as error:
                logger.error("stored item unreadable", key=error.key, reason=error.reason)
                if self._keep_unreadable:
                    raise
                stored, seen = None, error.item.get("as_of")
            known = None
            if new and stored == new:  # our own put: botocore repeated it because its answer was lost
                return old, new
            old, new = stored, change(stored)
            if new is old:
                return old, new
            seen = to_millis(old.as_of) if old else seen
            unchanged = "attribute_not_exists(as_of)" if seen is None else "as_of = :seen"
            values = {} if seen is None else {":seen": seen}
            put = {
                "Item": to_item(new),
                "ConditionExpression": f"{unchanged} OR {_REPLACEABLE}",
                "ExpressionAttributeValues": {**values, **self._replaceable()},
            }
            if self._store(put, along(new) if along else (), old):
                return old, new
            sleep(random.uniform(0, min(0.5, 0.005 * 2**attempt)))  # noqa: S311 - spreads retries, guards nothing
        raise ContentionError(f"too many concurrent updates of {subject}; try again")

    def _store(self, put: Mapping[str, Any], along: Sequence[Action], read: Reading | None) -> bool:
        """False when the stored reading is another one than `read`, or transactions on it are under way."""
        if along:
            try:
                return write(self._table, put, along)
            except AlongError as error:
                raise AlongError(error.stored, read) from None
        try:
            self._table.put_item(**put)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionConflictException":
                rejected_item(error)
            return False
        return True

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
        """The stored reading (consistent read). UnreadableItemError for an item of another shape."""
        item = get(self._table, {"subject": str(subject)}, consistent=True)
        stored = parsed(to_reading, item) if item else None
        return None if stored and stored.expired(self._clock()) else stored

    def get_many(self, subjects: Iterable[Subject], *, consistent: bool = False) -> dict[Subject, Reading]:
        """The stored readings of those subjects that have one; with `consistent` also what was stored a moment ago."""
        items = get_many(self._table, [{"subject": str(subject)} for subject in subjects], consistent=consistent)
        now = self._clock()
        return {reading.subject: reading for reading in readable(to_reading, items) if not reading.expired(now)}

    def page(self, after: str | None, limit: int = 500) -> tuple[list[Reading], str | None]:
        """Some of all stored readings, in no useful order, after the key of another one; and the last one's key.

        An item that is no reading is left out. The key is None for the last page.
        """
        start: Any = {"ExclusiveStartKey": {"subject": after}} if after else {}
        answer = self._table.scan(Limit=limit, **start)
        last = answer.get("LastEvaluatedKey")
        readings = [one for one in readable(to_reading, answer["Items"]) if not one.expired(self._clock())]
        return readings, str(last["subject"]) if last else None

    def states(self, kind: str, after: str | None, limit: int = 1000) -> tuple[list[State], str | None]:
        """The states of some subjects of a kind, in no useful order, after a key; and the key for those that follow.

        It reads a part of the table, whatever it holds, so the list may be short or empty; the last part has no key.
        """
        start: Any = {"ExclusiveStartKey": {"subject": after}} if after else {}
        answer = self._table.scan(
            Limit=limit,
            ProjectionExpression="subject, as_of, #state",
            FilterExpression="begins_with(subject, :kind) AND attribute_exists(#state)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":kind": f"{kind}:"},
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        found = list(readable(_to_state, answer["Items"]))
        return found, str(last["subject"]) if last else None

    def delete(self, subject: Subject) -> None:
        """Remove a subject's values; its high-water marks and history stay. The next reading is a first one again."""
        self._table.delete_item(Key={"subject": str(subject)})

    def _replaceable(self) -> dict[str, Any]:
        now = self._clock()
        return {":latest": to_millis(now + MAX_AHEAD), ":number": "N", ":now": int(now.timestamp())}


def _to_state(item: Item) -> State:
    return State(Subject.parse(item["subject"]), text(item["state"]), from_millis(int(item["as_of"])))


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
        **({"measured_at": to_millis(reading.measured_at)} if reading.measured_at else {}),
        **({"rules_version": reading.rules_version} if reading.rules_version is not None else {}),
        **({"recheck": reading.recheck} if reading.recheck else {}),
        **({"state": reading.state} if reading.state else {}),
        **({"silent": True} if reading.silent else {}),
        **({"expires_at": int(reading.expires_at.timestamp())} if reading.expires_at else {}),
    }


def change_of(record: Mapping[str, Any]) -> tuple[Reading | None, Reading]:
    """The readings before and after a stream record's change. UnreadableItemError when nobody can read the new one.

    An old one that nobody can read is taken for unknown values, as after a hidden count, so that nothing is missed.
    """
    images = record["dynamodb"]
    new = parsed(to_reading, from_image(images["NewImage"]))
    if "OldImage" not in images:
        return None, new
    try:
        return parsed(to_reading, from_image(images["OldImage"])), new
    except UnreadableItemError as error:
        logger.warning("reading before the change unreadable", key=error.key, reason=error.reason)
        return replace(new, metrics={}, peaks={}), new


def to_reading(item: Item) -> Reading:
    """The reading of a stored item or image; KeyError, TypeError, ValueError or ArithmeticError for any other item."""
    return Reading(
        subject=Subject.parse(item["subject"]),
        name=text(item["name"]),
        metrics=numbers(item["metrics"]),
        precision={metric: int(step) for metric, step in item.get("precision", {}).items()},
        as_of=from_millis(int(item["as_of"])),
        source=text(item["source"]),
        trace_id=text(item["trace_id"]),
        details=details(item.get("details", {})),
        peaks=numbers(item.get("peaks", {})),
        revisions={rule: int(count) for rule, count in item.get("revisions", {}).items()},
        measured_at=from_millis(int(item["measured_at"])) if "measured_at" in item else None,
        recheck=item.get("recheck", ""),
        state=text(item.get("state", "")),
        silent=bool(item.get("silent", False)),
        rules_version=int(item["rules_version"]) if "rules_version" in item else None,
        expires_at=from_millis(1000 * int(item["expires_at"])) if "expires_at" in item else None,
    )
