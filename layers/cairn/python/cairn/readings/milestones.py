"""The milestones table: each subject's high-water marks, and the milestones it reached, newest first.

| pk | sk | holds |
|---|---|---|
| subject | `mark#{rule}#{period}` | the high-water mark: its `height`, its cause, and `told`, the threshold announced |
| subject | `milestone#{achieved_at}#{rule}#{period}#{threshold}` | a milestone and its tally; listed by `by_time` |

An operator's reversal lowers a mark: `revision` counts them, and readings before `counts_from` do not raise it again.
A milestone after a reversal has `#r{revision}` at the end of its key, and `/r{revision}` at the end of its id.

Those of a subject that a stranger may have made up have an expiry (its reading says when), and a listing of their own.
A mark's is put off whenever its subject passes a threshold, and once a day while it is above one, so a mark is
forgotten only if that has not happened for long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get_many, query, query_all, readable, rejected_item, transact
from cairn.clock import Clock, from_millis, iso, now, to_millis
from cairn.codec import milestone_fields, number, to_milestone
from cairn.model import DeliveryTally, Milestone, Number, Reversal, Subject, milestone_id
from cairn.rules import Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BY_TIME = "by_time"
LISTING = "milestones"
"""A partition key of `by_time`. Milestones are rare; docs/scale.md says when to split it."""
UNNAMED_LISTING = "unnamed"
"""The partition key of milestones that expire, so that strangers put nothing into the operator's list."""
_UNEXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :now)"
_COUNTS = "(attribute_not_exists(counts_from) OR counts_from <= :achieved_at)"

CLOSED = 10**15
"""A height above every threshold."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A threshold to announce: up to which one was announced before, and when this one was reached."""

    notified: Number
    achieved_at: datetime
    revision: int = 0
    repeated: bool = False
    """It was claimed before: the function that claimed it may have died at any point after that."""


@dataclass(frozen=True, slots=True)
class MarkKey:
    """Whose mark, of which rule, in which period."""

    subject: Subject
    rule: str
    period: str


@dataclass(frozen=True, slots=True)
class HighWaterMark:
    """The highest threshold of a rule that a subject has passed in a period."""

    threshold: Number
    achieved_at: datetime
    silent: bool
    """It was not reached as far as Cairn knows, but was so when Cairn first looked: `achieved_at` means nothing."""
    told: Number
    """The threshold up to which all was announced; a lower one than the mark's is unfinished work."""
    revision: int = 0
    counts_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoweredMark:
    """A mark as an operator saw it, and the threshold to lower it to; `since` is None for a silent one."""

    key: MarkKey
    seen: HighWaterMark
    threshold: Number
    since: datetime | None
    counts_from: datetime


@dataclass(frozen=True, slots=True)
class MilestonePage:
    """Milestones with their tallies, and the cursor of the next page."""

    items: list[tuple[Milestone, DeliveryTally]]
    next_cursor: str | None


class Milestones:
    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    # -- high-water marks

    def claim(
        self,
        subject: Subject,
        rule: str,
        period: str,
        threshold: Number,
        *,
        achieved_at: datetime,
        event_id: str,
        transition: Transition,
        expires_at: datetime | None = None,
    ) -> Claim | None:
        """Raise the high-water mark to `threshold` if it is lower or missing, in one conditional update.

        None means that there is nothing to announce: the mark was already that high, this is a baseline, or the reading
        of `achieved_at` is one that an operator has reverted. Until the threshold has been announced (`told`), each
        further claim of it gets the same answer, so that a retry repeats whatever failed after the first claim; and a
        claim of a higher threshold announces both. A mark that has expired is set back first.
        """
        lower = "(attribute_not_exists(height) OR height < :height)"
        condition = "height < :height" if transition is Transition.REAPPEARED else lower
        silent = transition is Transition.BASELINE
        try:
            old = self._table.update_item(
                Key=_mark_key(subject, rule, period),
                UpdateExpression="SET height = :height, event_id = :event_id, achieved_at = :achieved_at, "
                f"silent = :silent, told = {':height' if silent else 'if_not_exists(told, :zero)'}"
                + (", expires_at = :expires" if expires_at else " REMOVE expires_at"),
                ConditionExpression=f"{condition} AND {_COUNTS} AND {_UNEXPIRED}",
                ExpressionAttributeValues={
                    **({} if silent else {":zero": 0}),
                    **({":expires": _seconds(expires_at)} if expires_at else {}),
                    ":now": _seconds(self._clock()),
                    ":height": threshold,
                    ":event_id": event_id,
                    ":achieved_at": to_millis(achieved_at),
                    ":silent": silent,
                },
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ).get("Attributes", {})
        except ClientError as error:
            stored = rejected_item(error)
            if stored is None or self._expired(stored):
                if stored:
                    self._forget(stored)
                return self.claim(
                    subject,
                    rule,
                    period,
                    threshold,
                    achieved_at=achieved_at,
                    event_id=event_id,
                    # One that reappeared without a high-water mark is a baseline.
                    transition=Transition.BASELINE if transition is Transition.REAPPEARED else transition,
                    expires_at=expires_at,
                )
            self._put_off(stored, expires_at)
            mark = _to_mark(stored)
            unfinished = not silent and mark.told < mark.threshold == threshold
            return Claim(mark.told, mark.achieved_at, mark.revision, repeated=True) if unfinished else None
        return None if silent else Claim(number(old.get("told", 0)), achieved_at, int(str(old.get("revision", 0))))

    def _expired(self, item: Item) -> bool:
        """Whether it has expired: TTL deletes items hours or days late."""
        return "expires_at" in item and int(item["expires_at"]) <= _seconds(self._clock())

    def _forget(self, mark: Item) -> None:
        """Begin again with an expired mark. Its `revision` stays, so that no id of a milestone is used twice."""
        try:
            self._table.update_item(
                Key={"pk": mark["pk"], "sk": mark["sk"]},
                UpdateExpression="SET height = :zero, told = :zero REMOVE expires_at, counts_from",
                ConditionExpression="expires_at = :seen",
                ExpressionAttributeValues={":seen": mark["expires_at"], ":zero": 0},
            )
        except ClientError as error:
            rejected_item(error)

    def _put_off(self, mark: Item, expires_at: datetime | None) -> None:
        """Put the expiry of a mark off; it has none any more once the operator has named the subject."""
        if "expires_at" in mark and not (expires_at and int(mark["expires_at"]) >= _seconds(expires_at)):
            self._expire({"pk": mark["pk"], "sk": mark["sk"]}, expires_at)

    def put_off(self, subject: Subject, rule: str, period: str, expires_at: datetime) -> None:
        """Put the expiry of a mark off; a mark without one keeps none."""
        self._expire(_mark_key(subject, rule, period), expires_at)

    def _expire(self, key: Item, expires_at: datetime | None) -> None:
        try:
            self._table.update_item(
                Key=key,
                UpdateExpression="SET expires_at = :expires" if expires_at else "REMOVE expires_at",
                ConditionExpression="expires_at > :now",
                ExpressionAttributeValues={
                    ":now": _seconds(self._clock()),
                    **({":expires": _seconds(expires_at)} if expires_at else {}),
                },
            )
        except ClientError as error:
            rejected_item(error)

    def record_notified(self, subject: Subject, rule: str, period: str, threshold: Number) -> None:
        """Record that the milestone was announced; a mark that has risen since has its own announcement."""
        try:
            self._table.update_item(
                Key=_mark_key(subject, rule, period),
                UpdateExpression="SET told = :height",
                ConditionExpression="height = :height",
                ExpressionAttributeValues={":height": threshold},
            )
        except ClientError as error:
            rejected_item(error)

    def close(self, subject: Subject, rule: str, period: str) -> None:
        """Raise the high-water mark above every threshold, so that nothing of the period is announced any more."""
        self._table.update_item(
            Key=_mark_key(subject, rule, period),
            UpdateExpression="SET height = :top, told = :top, silent = :silent, event_id = :event_id, "
            "achieved_at = if_not_exists(achieved_at, :zero)",
            ExpressionAttributeValues={":top": CLOSED, ":silent": True, ":event_id": "closed", ":zero": 0},
        )

    def high_water_marks(self, subjects: Iterable[Subject], rule: str, period: str) -> dict[Subject, HighWaterMark]:
        """The high-water marks of those subjects that have one."""
        marks = self.marks([MarkKey(subject, rule, period) for subject in subjects])
        return {key.subject: mark for key, mark in marks.items()}

    def marks(self, keys: Iterable[MarkKey]) -> dict[MarkKey, HighWaterMark]:
        """Those of these marks that exist (eventually consistent read)."""
        items = get_many(self._table, [_mark_key(key.subject, key.rule, key.period) for key in keys])
        kept = (item for item in items if not self._expired(item))
        return dict(readable(lambda item: (_to_mark_key(item), _to_mark(item)), kept))

    def being_announced(self, subject: Subject) -> Iterator[str]:
        """The ids of milestones that are claimed and not finished: they may have been told, and not be recorded yet."""
        where = Key("pk").eq(str(subject)) & Key("sk").begins_with("mark#")
        for item in query_all(self._table, where, ConsistentRead=True):
            key, mark = _to_mark_key(item), _to_mark(item)
            if mark.told < mark.threshold:
                yield milestone_id(subject, key.rule, key.period, mark.threshold, mark.revision)

    # -- milestones

    def record(self, milestone: Milestone, expires_at: datetime | None = None) -> Milestone:
        """Store a milestone; a repeat changes nothing, in particular not the tally, and returns what is stored."""
        try:
            self._table.put_item(
                Item=_to_item(milestone, expires_at),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            stored = rejected_item(error)
            return to_milestone(stored) if stored else milestone
        return milestone

    def revert(self, milestones: Sequence[Milestone], marks: Sequence[LoweredMark], reversal: Reversal) -> bool:
        """Mark milestones as reverted and lower their marks, in one transaction; False if one has changed."""
        name = self._table.name
        return transact(
            self._table,
            [
                *({"Update": {"TableName": name, **_reverted(milestone, reversal)}} for milestone in milestones),
                *({"Update": {"TableName": name, **_lowered(mark)}} for mark in marks),
            ],
        )

    def of(self, subject: Subject) -> Iterator[Milestone]:
        """A subject's milestones, newest first, those that were reverted too."""
        where = Key("pk").eq(str(subject)) & Key("sk").begins_with("milestone#")
        items = query_all(self._table, where, ScanIndexForward=False, ConsistentRead=True)
        return (to_milestone(item) for item in items if not self._expired(item))

    def get(self, milestone_id: str) -> Milestone | None:
        """A stored milestone by its id; reads its subject's milestones, newest first, until it is found."""
        try:
            subject = Subject.parse(milestone_id.partition("/")[0])
        except ValueError:
            return None
        return next((milestone for milestone in self.of(subject) if milestone.id == milestone_id), None)

    def page(
        self,
        subject: Subject | None,
        since: datetime,
        until: datetime,
        limit: int,
        cursor: str | None,
        *,
        unnamed: bool = False,
    ) -> MilestonePage:
        """Milestones achieved from `since` to `until`, newest first: one subject's, or all subjects'.

        Those that expire are listed by their subject, or with `unnamed` by themselves.
        """
        if subject:
            first, last = f"milestone#{iso(since)}", f"milestone#{iso(until)}~"
            where = Key("pk").eq(str(subject)) & Key("sk").between(first, last)
            start = decode(cursor, {"pk": str(subject), "sk": (first, last)})
            answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False)
        else:
            first, last = iso(since), f"{iso(until)}~"
            listing = UNNAMED_LISTING if unnamed else LISTING
            where = Key("listing").eq(listing) & Key("achieved").between(first, last)
            start = decode(cursor, {"listing": listing, "achieved": (first, last), "pk": ("", "~"), "sk": ("", "~")})
            answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False, IndexName=BY_TIME)
        kept = (item for item in answer["Items"] if not self._expired(item))
        items = list(readable(lambda item: (to_milestone(item), _to_tally(item)), kept))
        return MilestonePage(items, encode(answer.get("LastEvaluatedKey")))


def milestone_key(milestone: Milestone) -> Item:
    """The key of a milestone's item, for updates of its tally."""
    tail = f"{milestone.rule}#{milestone.period}#{milestone.threshold}"
    tail += f"#r{milestone.revision}" if milestone.revision else ""
    return {"pk": str(milestone.subject), "sk": f"milestone#{iso(milestone.achieved_at)}#{tail}"}


def _mark_key(subject: Subject, rule: str, period: str) -> Item:
    return {"pk": str(subject), "sk": f"mark#{rule}#{period}"}


def _to_mark_key(item: Item) -> MarkKey:
    _, rule, period = item["sk"].split("#")
    return MarkKey(Subject.parse(item["pk"]), rule, period)


def _to_mark(item: Item) -> HighWaterMark:
    return HighWaterMark(
        threshold=number(item["height"]),
        achieved_at=from_millis(int(item["achieved_at"])),
        silent=bool(item["silent"]),
        told=number(item["told"]),
        revision=int(item.get("revision", 0)),
        counts_from=from_millis(int(item["counts_from"])) if "counts_from" in item else None,
    )


def _reverted(milestone: Milestone, reversal: Reversal) -> Any:
    return {
        "Key": milestone_key(milestone),
        "UpdateExpression": "SET reverted_at = :at, reverted_by = :by, reason = :reason",
        "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(reverted_at)",
        "ExpressionAttributeValues": {
            ":at": to_millis(reversal.at),
            ":by": reversal.by,
            ":reason": reversal.reason,
        },
    }


def _lowered(mark: LoweredMark) -> Any:
    seen, key = mark.seen, mark.key
    return {
        "Key": _mark_key(key.subject, key.rule, key.period),
        "UpdateExpression": "SET height = :to, told = :told_to, silent = :silent, achieved_at = :since, "
        "counts_from = :from, revision = :revision",
        "ConditionExpression": "height = :height AND told = :told",
        "ExpressionAttributeValues": {
            ":to": mark.threshold,
            ":told_to": min(mark.threshold, seen.told),
            ":silent": mark.since is None,
            ":since": to_millis(mark.since or seen.achieved_at),
            ":from": to_millis(max(mark.counts_from, seen.counts_from or mark.counts_from)),
            ":revision": seen.revision + 1,
            ":height": seen.threshold,
            ":told": seen.told,
        },
    }


def _to_item(milestone: Milestone, expires_at: datetime | None) -> Item:
    key = milestone_key(milestone)
    return {
        **key,
        **milestone_fields(milestone),
        "listing": UNNAMED_LISTING if expires_at else LISTING,
        **({"expires_at": _seconds(expires_at)} if expires_at else {}),
        "achieved": f"{iso(milestone.achieved_at)}#{milestone.id}",
        "total": 0,
        "delivered": 0,
        "failed": 0,
    }


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _to_tally(item: Item) -> DeliveryTally:
    return DeliveryTally(int(item["total"]), int(item["delivered"]), int(item["failed"]))
