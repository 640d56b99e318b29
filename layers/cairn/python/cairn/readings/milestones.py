"""The milestones table: each subject's high-water marks, and the milestones it reached, newest first.

| pk | sk | holds |
|---|---|---|
| subject | `mark#{rule}#{period}` | the high-water mark: its `height`, its cause, and `told`, the threshold announced |
| subject | `milestone#{achieved_at}#{rule}#{period}#{threshold}` | a milestone and its tally; listed by `by_time` |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get_many, query, query_all, rejected_item
from cairn.clock import from_millis, iso, to_millis
from cairn.codec import milestone_fields, number, to_milestone
from cairn.model import DeliveryTally, Milestone, Number, Subject
from cairn.rules import Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BY_TIME = "by_time"
LISTING = "milestones"
"""The one partition key of `by_time`. Milestones are rare; docs/scale.md says when to split it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A threshold to announce: up to which one was announced before, and when this one was reached."""

    notified: Number
    achieved_at: datetime


@dataclass(frozen=True, slots=True)
class HighWaterMark:
    """The highest threshold of a rule that a subject has passed in a period."""

    threshold: Number
    achieved_at: datetime
    silent: bool


@dataclass(frozen=True, slots=True)
class MilestonePage:
    """Milestones with their tallies, and the cursor of the next page."""

    items: list[tuple[Milestone, DeliveryTally]]
    next_cursor: str | None


class Milestones:
    def __init__(self, table: Table) -> None:
        self._table = table

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
    ) -> Claim | None:
        """Raise the high-water mark to `threshold` if it is lower or missing, in one conditional update.

        None means that there is nothing to announce: the mark was already that high, or this is a baseline. Until the
        threshold has been announced (`told`), each further claim of it gets the same answer, so that a retry repeats
        whatever failed after the first claim; and a claim of a higher threshold announces both.
        """
        lower = "attribute_not_exists(height) OR height < :height"
        condition = "height < :height" if transition is Transition.REAPPEARED else lower
        silent = transition is Transition.BASELINE
        try:
            old = self._table.update_item(
                Key=_mark_key(subject, rule, period),
                UpdateExpression="SET height = :height, event_id = :event_id, achieved_at = :achieved_at, "
                f"silent = :silent, told = {':height' if silent else 'if_not_exists(told, :zero)'}",
                ConditionExpression=condition,
                ExpressionAttributeValues={
                    **({} if silent else {":zero": 0}),
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
            if stored is None:  # reappeared without a high-water mark
                return self.claim(
                    subject,
                    rule,
                    period,
                    threshold,
                    achieved_at=achieved_at,
                    event_id=event_id,
                    transition=Transition.BASELINE,
                )
            unfinished = not silent and stored["height"] == threshold and stored["told"] < threshold
            return Claim(number(stored["told"]), from_millis(int(stored["achieved_at"]))) if unfinished else None
        return None if silent else Claim(number(old.get("told", 0)), achieved_at)

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

    def high_water_marks(self, subjects: Iterable[Subject], rule: str, period: str) -> dict[Subject, HighWaterMark]:
        """The high-water marks of those subjects that have one."""
        keys = [_mark_key(subject, rule, period) for subject in subjects]
        return {
            Subject.parse(item["pk"]): HighWaterMark(
                number(item["height"]), from_millis(int(item["achieved_at"])), bool(item["silent"])
            )
            for item in get_many(self._table, keys)
        }

    # -- milestones

    def record(self, milestone: Milestone) -> None:
        """Store a milestone. A repeat changes nothing, in particular not the tally."""
        try:
            self._table.put_item(
                Item=_to_item(milestone),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            rejected_item(error)

    def get(self, milestone_id: str) -> Milestone | None:
        """A stored milestone by its id; reads its subject's milestones, newest first, until it is found."""
        subject, separator, _ = milestone_id.partition("/")
        if not separator:
            return None
        where = Key("pk").eq(subject) & Key("sk").begins_with("milestone#")
        found = map(to_milestone, query_all(self._table, where, ScanIndexForward=False))
        return next((milestone for milestone in found if milestone.id == milestone_id), None)

    def page(
        self, subject: Subject | None, since: datetime, until: datetime, limit: int, cursor: str | None
    ) -> MilestonePage:
        """Milestones achieved from `since` to `until`, newest first: one subject's, or all subjects'."""
        if subject:
            first, last = f"milestone#{iso(since)}", f"milestone#{iso(until)}~"
            where = Key("pk").eq(str(subject)) & Key("sk").between(first, last)
            start = decode(cursor, {"pk": str(subject), "sk": (first, last)})
            answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False)
        else:
            first, last = iso(since), f"{iso(until)}~"
            where = Key("listing").eq(LISTING) & Key("achieved").between(first, last)
            start = decode(cursor, {"listing": LISTING, "achieved": (first, last), "pk": ("", "~"), "sk": ("", "~")})
            answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False, IndexName=BY_TIME)
        items = [(to_milestone(item), _to_tally(item)) for item in answer["Items"]]
        return MilestonePage(items, encode(answer.get("LastEvaluatedKey")))


def milestone_key(milestone: Milestone) -> Item:
    """The key of a milestone's item, for updates of its tally."""
    tail = f"{milestone.rule}#{milestone.period}#{milestone.threshold}"
    return {"pk": str(milestone.subject), "sk": f"milestone#{iso(milestone.achieved_at)}#{tail}"}


def _mark_key(subject: Subject, rule: str, period: str) -> Item:
    return {"pk": str(subject), "sk": f"mark#{rule}#{period}"}


def _to_item(milestone: Milestone) -> Item:
    key = milestone_key(milestone)
    return {
        **key,
        **milestone_fields(milestone),
        "listing": LISTING,
        "achieved": f"{iso(milestone.achieved_at)}#{milestone.id}",
        "total": 0,
        "delivered": 0,
        "failed": 0,
    }


def _to_tally(item: Item) -> DeliveryTally:
    return DeliveryTally(int(item["total"]), int(item["delivered"]), int(item["failed"]))
