"""Milestones as the API shows them, with what became of their alerts."""

from __future__ import annotations

from cairn.model import DeliveryTally, Milestone
from functions.api.milestones import schemas
from functions.api.schemas import Threshold


def to_schema(milestone: Milestone, tally: DeliveryTally) -> schemas.Milestone:
    return schemas.Milestone(
        id=milestone.id,
        subject=str(milestone.subject),
        name=milestone.name,
        rule=milestone.rule,
        metric=milestone.metric,
        period=milestone.period,
        threshold=milestone.threshold,
        label=milestone.label,
        value=milestone.value,
        also_passed=[Threshold(threshold=passed.threshold, label=passed.label) for passed in milestone.also_passed],
        achieved_at=milestone.achieved_at,
        trace_id=milestone.trace_id,
        delivery=schemas.DeliveryTally(total=tally.total, delivered=tally.delivered, failed=tally.failed),
        reverted_at=milestone.reverted.at if milestone.reverted else None,
        reverted_by=milestone.reverted.by if milestone.reverted else None,
        reason=milestone.reverted.reason if milestone.reverted else None,
    )
