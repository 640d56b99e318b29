"""What became of usage events, as JSON."""

from __future__ import annotations

from typing import Any

from cairn.usage.counting import Announced, Outcome, Refused, Tracked
from cairn.usage.importing import Foretold
from cairn.usage.importing import Outcome as Imported


def tracked_json(tracked: Tracked) -> dict[str, Any]:
    """The answer to an event that was counted, or that had been before."""
    return {
        "success": True,
        "date": tracked.day.isoformat(),
        "timezone": tracked.zone,
        "goalAchieved": tracked.goal_achieved,
        "currentCount": tracked.goal_count,
        "dailyGoal": tracked.goal,
        "lifetimeTotal": tracked.lifetime_total,
        "monthTotal": tracked.month_total,
        "milestoneReached": next(
            (one.milestone.threshold for one in tracked.milestones if one.milestone.rule == tracked.event.metric), None
        ),
        "isFirst": tracked.is_first,
        "streakDays": tracked.streak,
        "duplicate": tracked.duplicate,
        "late": tracked.late,
        "milestones": [_milestone_json(one) for one in tracked.milestones],
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """One result of a batch."""
    if isinstance(outcome, Refused):
        return rejected_json(outcome.error.message, retry=outcome.retry)
    status = "duplicate" if outcome.duplicate else "late" if outcome.late else "counted"
    return {"status": status, **tracked_json(outcome)}


def imported_json(outcome: Imported) -> dict[str, Any]:
    """One result of an import."""
    if outcome.status == "rejected":
        return rejected_json(outcome.error, retry=outcome.retry)
    return {"status": outcome.status}


def foretold_json(foretold: Foretold) -> dict[str, Any]:
    """A milestone that would have been announced."""
    return {
        "userId": foretold.user_id,
        "type": foretold.rule,
        "threshold": foretold.threshold,
        "label": foretold.label,
        "value": foretold.value,
        "alsoPassed": list(foretold.also_passed),
    }


def rejected_json(error: str, *, retry: bool = False) -> dict[str, Any]:
    return {"status": "rejected", "error": error, "retry": retry}


def _milestone_json(announced: Announced) -> dict[str, Any]:
    milestone = announced.milestone
    return {
        "id": milestone.id,
        "type": announced.type,
        "label": milestone.label,
        "threshold": milestone.threshold,
        "value": milestone.value,
        "alsoPassed": [{"threshold": one.threshold, "label": one.label} for one in milestone.also_passed],
        "isFirst": announced.is_first,
    }
