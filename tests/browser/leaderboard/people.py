"""Reps and celebrations as the API sends them, with defaults for what a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.browser.viewers.audience import iso

_NUMBERS = count(1)
FLOOR = [
    ("Ada Lovelace", "👩‍🚀", "North", 98_400, 38, 123, 12.5),
    ("Grace Hopper", "🦉", "Harbour", 76_250, 31, 101.6, 8.1),
    ("Katherine Johnson", None, "North", 74_990, 29, 96.2, 22.4),
    ("Hedy Lamarr", "🎬", "Harbour", 51_300, 24, 85.5, -3.2),
    ("Alan Turing", None, "Harbour", 49_120, 19, 81.8, 4),
    ("Margaret Hamilton", "🌙", "North", 40_005, 22, 80, 0),
    ("Edsger Dijkstra", None, "South", 31_700, 14, 63.4, 1.9),
    ("Barbara Liskov", None, "South", 24_480, 17, 61.2, 15),
    ("Radia Perlman", "🌉", "South", 22_010, 12, 55, -11),
    ("Donald Knuth", None, "North", 14_300, 9, 28.6, 2),
    ("Frances Allen", None, "Harbour", 9_650, 8, 24.1, 0),
    ("Tim", None, None, 0, 0, 0, None),
]
"""A sales floor in the middle of its month: name, avatar, team, revenue, sign-ups, goal progress, growth."""
TIERS = (15, 20, 25, 30, 35, 40)


def rep(name: str, **changes: Any) -> dict[str, Any]:
    """A rep of the API, without a rank."""
    made: dict[str, Any] = {
        "id": next(_NUMBERS),
        "name": name,
        "avatar": None,
        "team": "North",
        "userId": None,
        "monthlyRevenueGoal": 40_000,
        "monthlyRevenue": 0,
        "yearlyRevenue": 0,
        "allTimeRevenue": 0,
        "monthlySignups": 0,
        "yearlySignups": 0,
        "goalProgress": 0,
        "monthlyGrowth": None,
        "yearlyGrowth": None,
        "asOf": iso(datetime.now(UTC)),
    } | changes
    return made | {"currentBonusTier": sum(made["monthlySignups"] >= step for step in TIERS)}


def floor() -> list[dict[str, Any]]:
    """The whole sales floor."""
    return [
        rep(
            name,
            avatar=avatar,
            team=team,
            monthlyRevenue=revenue,
            monthlySignups=signups,
            goalProgress=progress,
            monthlyRevenueGoal=40_000 if progress else None,
            monthlyGrowth=growth,
        )
        for name, avatar, team, revenue, signups, progress, growth in FLOOR
    ]


def celebration(
    person: dict[str, Any],
    title: str = "$50,000 in a month",
    *,
    at: datetime | None = None,
    also: tuple[str, ...] = (),
    **changes: Any,
) -> dict[str, Any]:
    """The payload of a celebration, with a new milestone."""
    achieved = iso(at or datetime.now(UTC))
    details = {"title": title, "description": "Monthly revenue passed $50,000."} | changes
    milestone = {
        "id": f"rep:{person['id']}/revenue/2026-11/{next(_NUMBERS)}",
        "type": "revenue",
        **details,
        "value": 50_000,
        "emoji": "💰",
        "color": "bg-green-500",
        "achievedAt": achieved,
        "alsoPassed": [{"threshold": 1, "label": label} for label in also],
        "salesRep": {key: person[key] for key in ("id", "name", "avatar", "team", "monthlyRevenue")},
    }
    return {
        "userId": None,
        "userName": person["name"],
        "achievementType": "milestone",
        **details,
        "icon": changes.get("icon", "💰"),
        "timestamp": achieved,
        "milestone": milestone,
    }
