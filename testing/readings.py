"""Readings and milestones of a channel, complete but for what a test is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.model import Milestone, Number, Passed, Reading, Subject
from cairn.readings.stats import to_reading
from cairn.rules import ALL_TIME
from cairn.rules.ladder import short
from cairn.viewers.subjects import viewer_subject

CATS = Subject("channel", "youtube:cats")


def channel_reading(
    subscribers: Number | None, at: datetime | None = None, *, subject: Subject = CATS, name: str = "Cats"
) -> Reading:
    """A tracked channel's reading; None is a hidden count."""
    metrics = {} if subscribers is None else {"subscribers": subscribers}
    return Reading(subject, name, metrics, at or now(), "schedule", "t")


def viewers_reading(
    channel: str, metrics: Mapping[str, Number], at: datetime | None = None, *, name: str | None = None
) -> Reading:
    """A live channel's reading, as count_viewers stores it."""
    details = {"window": 60}
    return Reading(viewer_subject(channel), name or channel, metrics, at or now(), "viewers", "v" * 32, details=details)


def channel_milestone(
    threshold: int = 10_000,
    at: datetime | None = None,
    *,
    subject: Subject = CATS,
    name: str = "Cats",
    metric: str = "subscribers",
    label: str | None = None,
    value: Number | None = None,
    also: tuple[Passed, ...] = (),
    trace_id: str = "t",
) -> Milestone:
    return Milestone(
        subject=subject,
        name=name,
        rule=metric,
        metric=metric,
        period=ALL_TIME,
        threshold=threshold,
        label=label or short(threshold),
        value=threshold if value is None else value,
        also_passed=also,
        achieved_at=at or now(),
        trace_id=trace_id,
    )


def readings_of(records: list[dict[str, Any]]) -> list[Reading]:
    """The new reading of each stream record."""
    return [to_reading(dynamodb.from_image(record["dynamodb"]["NewImage"])) for record in records]
