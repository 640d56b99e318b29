"""A product user's goal for the day, once for each of their local days. It tells the streak, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.habits.model import from_text
from cairn.model import Milestone, Number, Reading
from cairn.rules import Occasion, Wording
from cairn.rules.own_periods import OwnPeriods


@dataclass(frozen=True, slots=True)
class DailyGoal(OwnPeriods):
    """The threshold is the goal of the day, and the day is the period: a late event may reach yesterday's."""

    def occasions(self, reading: Reading) -> Sequence[Occasion]:
        if not reading.state:
            return ()
        habits = from_text(reading.state)
        return tuple(
            Occasion(
                period=day.isoformat(),
                passed=(one.goal,),
                value=habits.day(day).toward_goal,
                details={"date": day.isoformat(), "streak_days": one.streak},
            )
            for day, one in sorted(habits.achieved.items())
        )

    def label(self, threshold: Number) -> str:
        return f"{threshold} a day"

    def wording(self, milestone: Milestone) -> Wording:
        streak = int(milestone.details.get("streak_days", 1))
        days = "1 day" if streak == 1 else f"{streak} days"
        return Wording(
            type="daily_goal",
            title="Daily goal reached",
            description=f"Reached the goal of {milestone.threshold} on {milestone.period}: a streak of {days}.",
            value=int(milestone.threshold),
            emoji="🎯",
            color="bg-green-500",
            event="daily_goal_achieved",
            fields={
                "date": milestone.period,
                "streakDays": streak,
                "dailyGoal": milestone.threshold,
            },
        )


RULES = [DailyGoal("daily_goal", "user", "daily_count")]
