"""Response bodies of the milestone and subscriber routes."""

from __future__ import annotations

from pydantic import Field

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
    reverted_at: Instant | None = Field(description="When an operator took it back as false; null for a true one.")
    reverted_by: str | None
    reason: str | None = Field(description="Why it was reverted.")


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
