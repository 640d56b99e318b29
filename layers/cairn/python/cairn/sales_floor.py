"""What the sales floor is told, as JSON: reps with their ranks, and celebrations for the rep's room and the TV's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cairn.boards import Place
from cairn.instants import iso
from cairn.messages import RoomEvent
from cairn.model import Details, Milestone, Number
from cairn.rules import Words

TV = "tv-display"
EVERYONE = "everyone"
EARNED = "achievement:earned"
CELEBRATION = "achievement:celebration"
REFRESH = "leaderboard:refresh"
FRESH = timedelta(minutes=10)
"""How long after it was achieved a milestone is still celebrated; later it is only listed."""
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


def plain(value: Number) -> int | float:
    """An exact number as JSON has them: below 10^13 with two decimals, each is written with just its own digits."""
    return value if isinstance(value, int) else float(value)


def rep_json(rep_id: str, name: str, metrics: Mapping[str, Number], details: Details) -> dict[str, Any]:
    """A rep without rank and badges; a goal that was never set is null."""
    numbers = {key: plain(metrics.get(metric, 0)) for key, metric in _NUMBERS.items()}
    goal = metrics.get("monthly_revenue_goal")
    described = {
        "avatar": details.get("avatar"),
        "team": details.get("team"),
        "userId": details.get("user_id"),
        "monthlyRevenueGoal": None if goal is None else plain(goal),
    }
    return {"id": int(rep_id), "name": name, **described, **numbers}


def place_json(place: Place) -> dict[str, Any]:
    """A rep on the board."""
    row = place.row
    rep = rep_json(row.subject.id, row.name, row.metrics, row.details)
    return {**rep, "rank": place.rank, "asOf": iso(row.as_of)}


def milestone_json(milestone: Milestone, words: Words) -> dict[str, Any]:
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
        "alsoPassed": [{"threshold": plain(one.threshold), "label": one.label} for one in milestone.also_passed],
        "salesRep": {key: rep[key] for key in described},
    }


def celebrations(milestone: Milestone, words: Words) -> list[RoomEvent]:
    """What is said of a rep's milestone: to the rep, where they are a user too, and on the TV."""
    user_id = milestone.details.get("user_id")
    data = {
        "userId": user_id,
        "userName": milestone.name,
        "achievementType": "milestone",
        "title": words.title,
        "description": words.description,
        "icon": words.emoji,
        "timestamp": iso(milestone.achieved_at),
        "milestone": milestone_json(milestone, words),
    }
    told = [(TV, CELEBRATION), *([(f"user:{user_id}", EARNED)] if user_id is not None else [])]
    return [
        RoomEvent(
            room=room,
            event=event,
            key=milestone.id,
            data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
            at=milestone.achieved_at,
            fresh_until=milestone.achieved_at + FRESH,
            trace_id=milestone.trace_id,
        )
        for room, event in told
    ]
