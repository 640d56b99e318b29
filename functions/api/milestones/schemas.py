"""Response bodies of the milestone and subscriber routes."""

from __future__ import annotations

from functions.api.schemas import Amount, Instant, Schema, Threshold


class DeliveryTally(Schema):
    total: int
    delivered: int
    failed: int


class Milestone(Schema):
    id: str
    subject: str
    name: str
    rule: str
    metric: str
    period: str
    threshold: Amount
    label: str
    value: Amount
    also_passed: list[Threshold]
    achieved_at: Instant
    trace_id: str
    delivery: DeliveryTally


class Milestones(Schema):
    items: list[Milestone]
    next_cursor: str | None


class Subscriber(Schema):
    chat_id: str
    type: str
    since: Instant


class Subscribers(Schema):
    total: int
    items: list[Subscriber]
    next_cursor: str | None
