"""Users and their milestones as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cairn.model import Milestone, Reading
from cairn.rules import Rule
from cairn.usage.corrections import corrected
from cairn.usage.days import Days
from cairn.usage.freezes import Grant
from cairn.usage.representation import user_json
from cairn.usage.users import Profile
from cairn.webhooks.model import event_id
from functions.api.schemas import Threshold
from functions.api.usage import schemas


def user(user_id: str, profile: Profile | None, reading: Reading, rules: Sequence[Rule], now: datetime) -> schemas.User:
    return schemas.User.model_validate(user_json(user_id, profile, reading, rules, now))


def milestones(found: Sequence[Milestone], reading: Reading, days: Days, now: datetime) -> list[schemas.Milestone]:
    """Milestones with whether they were corrected since, and the event by which others were told."""
    taken_back = corrected(found, reading, days, now)
    return [_milestone(milestone, milestone.id in taken_back) for milestone in found]


def _milestone(milestone: Milestone, is_corrected: bool) -> schemas.Milestone:
    streak = milestone.details.get("streak_days")
    return schemas.Milestone(
        id=milestone.id,
        type=milestone.rule,
        metric=milestone.metric,
        period=milestone.period,
        threshold=milestone.threshold,
        label=milestone.label,
        value=milestone.value,
        also_passed=[Threshold(threshold=passed.threshold, label=passed.label) for passed in milestone.also_passed],
        achieved_at=milestone.achieved_at,
        streak_days=int(streak) if streak is not None else None,
        corrected=is_corrected,
        reverted_at=milestone.reverted.at if milestone.reverted else None,
        event=event_id(milestone.achieved_at, milestone.id),
        trace_id=milestone.trace_id,
    )


def grant(granted: Grant) -> dict[str, Any]:
    return {"id": granted.id, "count": granted.count, "reason": granted.reason, "by": granted.by, "at": granted.at}
