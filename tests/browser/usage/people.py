"""Users of a small product for the tests of the page: one with a year of days, one with a long id, one new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.browser.usage.service import Service
from tests.browser.viewers.audience import iso

LONG = "a-very-long-identifier-without-any-place-to-break-" * 2
GOAL = 5


def crowded(service: Service) -> dict[str, Any]:
    """A handful of users; the first one's record."""
    today = service.today
    began = iso(service._clock() - timedelta(days=300))
    ada = service.user(
        "ada@example.com",
        name="Ada Okafor",
        email="ada@example.com",
        phone="+15555550101",
        timeZone="Pacific/Auckland",
        attributes={"plan": "pro", "seats": 3},
        createdAt=began,
        dailyGoal=GOAL,
        nextDailyGoal={"dailyGoal": 8, "from": str(today + timedelta(days=1))},
        totals={"replies": 1_247, "memes": 41, "suggestions": 96},
        month={"month": str(today)[:7], "counts": {"replies": 84, "memes": 2}},
        today={
            "date": str(today),
            "counts": {"replies": 3, "memes": 1},
            "goalCount": 3,
            "dailyGoal": GOAL,
            "goalAchieved": False,
        },
        firstReplyAt=began,
        firsts={"replies": began, "memes": began},
        features=["meme", "write_like_me", "research"],
        streakDays=23,
        streakBegan=str(today - timedelta(days=23)),
        freezes=2,
        daysWithUs=301,
        near=[
            {"type": "suggestions", "threshold": 100, "label": "100", "value": 96, "missing": 4},
            {"type": "memes", "threshold": 50, "label": "50", "value": 41, "missing": 9},
        ],
    )
    for ago in range(300, 0, -1):
        if ago == 40:
            service.day(ada["id"], ago, {}, GOAL, frozen=True)
        elif ago % 11 == 7 and ago > 24:
            service.day(ada["id"], ago, {"replies": 2}, GOAL)
        elif ago % 17:
            service.day(ada["id"], ago, {"replies": 5 + ago * 7 % 13, "memes": ago % 3 // 2}, GOAL)
    service.day(ada["id"], 0, {"replies": 3, "memes": 1}, GOAL)
    service.freezes[ada["id"]] = [{"at": began, "count": 3, "reason": "Our outage of that day", "by": "person:grace"}]
    id_ = ada["id"]
    service.milestone(id_, "replies", 10, alsoPassed=[{"threshold": 1, "label": "1"}])
    service.milestone(id_, "feature", 1, label="first use", period="write_like_me")
    service.milestone(id_, "suggestions", 50, corrected=True)
    service.milestone(id_, "streak", 7, label="7 days", period=str(today), revertedAt=began)
    service.milestone(id_, "daily_goal", GOAL, label=f"{GOAL} a day", period=str(today), streakDays=23)
    service.user(
        "u-2",
        name="Bruno",
        dailyGoal=3,
        totals={"replies": 9},
        month={"month": str(today)[:7], "counts": {"replies": 9}},
        streakDays=1,
        near=[{"type": "replies", "threshold": 10, "label": "10", "value": 9, "missing": 1}],
    )
    service.user(LONG, totals={"replies": 12_345_678})
    service.user("u-4")
    for ago in range(80, -1, -1):
        replies = 40 + ago * 37 % 29
        service.totals.append(
            {
                "date": str(today - timedelta(days=ago)),
                "counts": {"replies": replies, "memes": replies // 9},
                "imported": {"replies": 7} if ago > 60 else {},
                "users": replies // 4,
                "goals": replies // 9,
            }
        )
    return ada
