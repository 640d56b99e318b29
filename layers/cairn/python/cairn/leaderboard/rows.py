"""A row of a board, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cairn.aws.dynamodb import Item
from cairn.clock import from_millis, to_millis
from cairn.codec import details, numbers
from cairn.model import Number, Reading, Subject

SCORE = "monthly_revenue"
"""The metric by which reps are ranked; reps with the same score share a rank."""
SCORE_LIMIT = 10**12
"""Exclusive, in dollars: from there on, a JSON number would not be exact in every client."""
CENT = Decimal("0.01")
"""Scores are in whole cents."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rep on a board, or (`left`) one who has left it."""

    subject: Subject
    name: str
    period: str
    metrics: Mapping[str, Number]
    details: Mapping[str, str | int]
    as_of: datetime
    left: bool = field(default=False, kw_only=True)

    @property
    def score(self) -> Number:
        return self.metrics.get(SCORE, 0)


def checked_score(score: Number) -> Number:
    """The score. ValueError for one that is below zero, too high, or finer than cents."""
    if not 0 <= score < SCORE_LIMIT or score % CENT:
        raise ValueError(f"a score must be from 0 to below {SCORE_LIMIT:,}, in whole cents, not {score}")
    return score


def row_of(reading: Reading, period: str, *, left: bool = False) -> Row:
    """The row of a month's reading. It leaves out `podium`, which is derived from the board itself."""
    if left:
        return Row(reading.subject, "", "", {}, {}, reading.as_of, left=True)
    metrics = {metric: value for metric, value in reading.metrics.items() if metric != "podium"}
    return Row(reading.subject, reading.name, period, metrics, dict(reading.details), reading.as_of)


def same_row(one: Row | None, other: Row | None) -> bool:
    """Whether two rows show the same."""
    if one is None or other is None:
        return one is other
    shown = ("name", "period", "metrics", "details", "left")
    return all(getattr(one, field) == getattr(other, field) for field in shown)


def row_key(pk: str, subject: Subject) -> Item:
    return {"pk": pk, "sk": int(subject.id)}


def subject_of(item: Item) -> Subject:
    return Subject("rep", str(int(item["sk"])))


def to_item(pk: str, row: Row) -> Item:
    if row.left:
        return {**row_key(pk, row.subject), "as_of": to_millis(row.as_of)}
    return {
        **row_key(pk, row.subject),
        "score": checked_score(row.score),
        "name": row.name,
        "period": row.period,
        "metrics": dict(row.metrics),
        "details": dict(row.details),
        "as_of": to_millis(row.as_of),
    }


def to_row(item: Item) -> Row:
    as_of = from_millis(int(item["as_of"]))
    if "score" not in item:
        return Row(subject_of(item), "", "", {}, {}, as_of, left=True)
    return Row(
        subject=subject_of(item),
        name=item["name"],
        period=item["period"],
        metrics=numbers(item["metrics"]),
        details=details(item["details"]),
        as_of=as_of,
    )
