"""Reps, ranked rows and milestones of reps as JSON: what the API answers and the rooms receive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cairn.clock import iso
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
    "monthlyGrowth": "monthly_growth",
    "yearlyGrowth": "yearly_growth",
    "currentBonusTier": "bonus_tier",
}
_CELEBRATED = ("monthlyRevenue", "monthlySignups", "goalProgress", "currentBonusTier")


def json_number(value: Number) -> int | float:
    """An exact number as JSON has them: below 10^13 with two decimals, each is written with just its own digits."""
    return value if isinstance(value, int) else float(value)


def rep_json(rep_id: str, name: str, metrics: Mapping[str, Number], details: Details) -> dict[str, Any]:
    """A rep without rank and badges; a goal that was never set is null."""
    numbers = {key: json_number(metrics.get(metric, 0)) for key, metric in _NUMBERS.items()}
    goal = metrics.get("monthly_revenue_goal")
    described = {
        "avatar": details.get("avatar"),
        "team": details.get("team"),
        "userId": details.get("user_id"),
        "monthlyRevenueGoal": None if goal is None else json_number(goal),
    }
    return {"id": int(rep_id), "name": name, **described, **numbers}


def ranked_row_json(place: RankedRow) -> dict[str, Any]:
    """A rep on the board."""
    row = place.row
    rep = rep_json(row.subject.id, row.name, row.metrics, row.details)
    return {**rep, "rank": place.rank, "asOf": iso(row.as_of)}


def milestone_json(milestone: Milestone, words: Wording) -> dict[str, Any]:
    """A rep's milestone, as it is answered and announced."""
    rep = rep_json(milestone.subject.id, milestone.name, milestone.metrics, milestone.details)
    described = ("id", "name", "avatar", "team", *_CELEBRATED)
    return {
        "id": milestone.id,
        "type": words.type,
        "title": words.title,
        "description": words.description,
        "value": words.value,
        "emoji": words.emoji,
        "color": words.color,
        "achievedAt": iso(milestone.achieved_at),
        "alsoPassed": [{"threshold": json_number(one.threshold), "label": one.label} for one in milestone.also_passed],
        "salesRep": {key: rep[key] for key in described},
    }
