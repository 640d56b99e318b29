"""The milestones table: how high each subject has been (marks), and what it passed, newest first.

| pk | sk | holds |
|---|---|---|
| subject | `mark#{rule}#{period}` | the last-milestone item: its height, what raised it, up to where it was told |
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
EVERYBODY = "milestones"
"""The one partition key of `by_time`. Milestones are rare; docs/scale.md says when to split it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A mark that is ours to announce: up to which height was told before, and when this one was reached."""

    notified: Number
    achieved_at: datetime


@dataclass(frozen=True, slots=True)
class HighWaterMark:
    """How high a subject has been by a rule in a period."""

    threshold: Number
    achieved_at: datetime
    silent: bool


@dataclass(frozen=True, slots=True)
class MilestonePage:
    """Some milestones with their tallies, and where the next page begins."""

    items: list[tuple[Milestone, DeliveryTally]]
    next_cursor: str | None


class Milestones:
    def __init__(self, table: Table) -> None:
        self._table = table

    # -- marks

    def claim(
        self,
        subject: Subject,
        rule: str,
        period: str,
        height: Number,
        *,
        achieved_at: datetime,
        event_id: str,
        news: Transition,
    ) -> Claim | None:
        """Raise the mark to `height` if it is lower or not there: one conditional update, for a claim of ours.

        None means there is nothing to announce: the mark was already that high, or this is a baseline. As long as the
        claimed height has not been told (`told`), whoever comes to it is answered as the first time, so that whatever
        failed after the claim is done again; and whoever climbs higher finds it among what is to be told.
        """
        lower = "attribute_not_exists(height) OR height < :height"
        condition = "height < :height" if news is Transition.REAPPEARED else lower
        silent = news is Transition.BASELINE
        try:
            old = self._table.update_item(
                Key=_mark_key(subject, rule, period),
                UpdateExpression="SET height = :height, event_id = :event_id, achieved_at = :achieved_at, "
                f"silent = :silent, told = {':height' if silent else 'if_not_exists(told, :zero)'}",
                ConditionExpression=condition,
                ExpressionAttributeValues={
                    **({} if silent else {":zero": 0}),
                    ":height": height,
                    ":event_id": event_id,
                    ":achieved_at": to_millis(achieved_at),
                    ":silent": silent,
                },
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ).get("Attributes", {})
        except ClientError as error:
            there = rejected_item(error)
            if there is None:  # reappeared without ever having been marked
                return self.claim(
                    subject, rule, period, height, achieved_at=achieved_at, event_id=event_id, news=Transition.BASELINE
                )
            unfinished = not silent and there["height"] == height and there["told"] < height
            return Claim(number(there["told"]), from_millis(int(there["achieved_at"]))) if unfinished else None
        return None if silent else Claim(number(old.get("told", 0)), achieved_at)

    def record_notified(self, subject: Subject, rule: str, period: str, height: Number) -> None:
        """The milestone at this height is on its way; a mark that has risen since tells for itself."""
        try:
            self._table.update_item(
                Key=_mark_key(subject, rule, period),
                UpdateExpression="SET told = :height",
                ConditionExpression="height = :height",
                ExpressionAttributeValues={":height": height},
            )
        except ClientError as error:
            rejected_item(error)

    def high_water_marks(self, subjects: Iterable[Subject], rule: str, period: str) -> dict[Subject, HighWaterMark]:
        """The marks of those that have one."""
        keys = [_mark_key(subject, rule, period) for subject in subjects]
        return {
            Subject.parse(item["pk"]): HighWaterMark(
                number(item["height"]), from_millis(int(item["achieved_at"])), bool(item["silent"])
            )
            for item in get_many(self._table, keys)
        }

    # -- history

    def record(self, milestone: Milestone) -> None:
        """Enter a milestone into the history. A repeat changes nothing, least of all the tally."""
        try:
            self._table.put_item(
                Item=_to_item(milestone),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            rejected_item(error)

    def get(self, milestone_id: str) -> Milestone | None:
        """A recorded milestone by its id; reads its subject's milestones, newest first, until it is found."""
        subject, separator, _ = milestone_id.partition("/")
        if not separator:
            return None
        where = Key("pk").eq(subject) & Key("sk").begins_with("milestone#")
        found = map(to_milestone, query_all(self._table, where, ScanIndexForward=False))
        return next((milestone for milestone in found if milestone.id == milestone_id), None)

    def page(
        self, subject: Subject | None, since: datetime, until: datetime, limit: int, cursor: str | None
    ) -> MilestonePage:
        """Milestones achieved from `since` to `until`, newest first: one subject's, or everybody's."""
        if subject:
            first, last = f"milestone#{iso(since)}", f"milestone#{iso(until)}~"
            where = Key("pk").eq(str(subject)) & Key("sk").between(first, last)
            start = decode(cursor, {"pk": str(subject), "sk": (first, last)})
            answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False)
        else:
            first, last = iso(since), f"{iso(until)}~"
            where = Key("listing").eq(EVERYBODY) & Key("achieved").between(first, last)
            start = decode(cursor, {"listing": EVERYBODY, "achieved": (first, last), "pk": ("", "~"), "sk": ("", "~")})
            answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False, IndexName=BY_TIME)
        items = [(to_milestone(item), _to_tally(item)) for item in answer["Items"]]
        return MilestonePage(items, encode(answer.get("LastEvaluatedKey")))


def milestone_key(milestone: Milestone) -> Item:
    """The key of a milestone's item, for those who add to its tally."""
    tail = f"{milestone.rule}#{milestone.period}#{milestone.threshold}"
    return {"pk": str(milestone.subject), "sk": f"milestone#{iso(milestone.achieved_at)}#{tail}"}


def _mark_key(subject: Subject, rule: str, period: str) -> Item:
    return {"pk": str(subject), "sk": f"mark#{rule}#{period}"}


def _to_item(milestone: Milestone) -> Item:
    key = milestone_key(milestone)
    return {
        **key,
        **milestone_fields(milestone),
        "listing": EVERYBODY,
        "achieved": f"{iso(milestone.achieved_at)}#{milestone.id}",
        "total": 0,
        "delivered": 0,
        "failed": 0,
    }


def _to_tally(item: Item) -> DeliveryTally:
    return DeliveryTally(int(item["total"]), int(item["delivered"]), int(item["failed"]))
