"""Reps, ranked rows and milestones of reps as JSON, for the answers of the API and the events of rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cairn.clock import iso
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.boards import RankedRow
from cairn.model import Details, Milestone, Number
from cairn.rules import Wording

_NUMBERS = {
    "monthlyRevenue": "monthly_revenue",
    "yearlyRevenue": "yearly_revenue",
    "allTimeRevenue": "all_time_revenue",
    "monthlySignups": "monthly_signups",
    "yearlySignups": "yearly_signups",
    "goalProgress": "goal_progress",
    "currentBonusTier": "bonus_tier",
}
_UNKNOWN_UNTIL_SENT = {
    "monthlyRevenueGoal": "monthly_revenue_goal",
    "monthlyGrowth": "monthly_growth",
    "yearlyGrowth": "yearly_growth",
}
_CELEBRATED = ("monthlyRevenue", "monthlySignups", "goalProgress", "currentBonusTier")


def json_number(value: Number) -> int | float:
    """An exact number as a JSON number: below 10^13 and with two decimals, it is written with exactly its digits."""
    return value if isinstance(value, int) else float(value)


def rep_json(
    rep_id: str, name: str, metrics: Mapping[str, Number], details: Details, avatars: Avatars
) -> dict[str, Any]:
    """A rep without rank and badges; a goal and a growth that were never sent are null."""
    numbers: dict[str, int | float | None] = {
        key: json_number(metrics.get(metric, 0)) for key, metric in _NUMBERS.items()
    }
    numbers |= {
        key: json_number(metrics[metric]) if metric in metrics else None for key, metric in _UNKNOWN_UNTIL_SENT.items()
    }
    attributes = {
        "avatar": avatars.shown(details.get("avatar")),
        "team": details.get("team"),
        "userId": details.get("user_id"),
    }
    return {"id": int(rep_id), "name": name, **attributes, **numbers}


def ranked_row_json(ranked: RankedRow, avatars: Avatars) -> dict[str, Any]:
    """A rep with their rank."""
    row = ranked.row
    rep = rep_json(row.subject.id, row.name, row.metrics, row.details, avatars)
    return {**rep, "rank": ranked.rank, "asOf": iso(row.as_of)}


def milestone_json(milestone: Milestone, wording: Wording, avatars: Avatars) -> dict[str, Any]:
    """A rep's milestone, with the values to celebrate."""
    rep = rep_json(milestone.subject.id, milestone.name, milestone.metrics, milestone.details, avatars)
    shown = ("id", "name", "avatar", "team", *_CELEBRATED)
    return {
        "id": milestone.id,
        "type": wording.type,
        "title": wording.title,
        "description": wording.description,
        "value": wording.value,
        "emoji": wording.emoji,
        "color": wording.color,
        "achievedAt": iso(milestone.achieved_at),
        "alsoPassed": [
            {"threshold": json_number(passed.threshold), "label": passed.label} for passed in milestone.also_passed
        ],
        "salesRep": {key: rep[key] for key in shown},
    }
