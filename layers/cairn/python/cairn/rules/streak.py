"""A streak of a product's user without a daily goal. With one, each day's goal tells the streak, and no other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cairn.habits.model import from_text
from cairn.model import Milestone, Reading
from cairn.rules import Occasion, Wording
from cairn.rules.ladder import Ladder


@dataclass(frozen=True, slots=True)
class Streak(Ladder):
    """Thresholds in days. The period is the streak's first day, so that the next streak may pass them again."""

    def period(self, instant: datetime) -> None:  # noqa: ARG002 - a streak begins when it begins
        return None

    def occasions(self, reading: Reading) -> Sequence[Occasion]:
        if not reading.state:
            return ()
        habits = from_text(reading.state)
        top = habits.top
        if top.began is None or habits.goal_on(habits.zones.day(reading.as_of)) is not None:
            return ()
        passed = self.thresholds[: bisect_right(self.thresholds, top.length)]
        details = {"streak_days": top.length}
        return (Occasion(top.began.isoformat(), passed, reading.metrics.get(self.metric, top.length), details),)

    def label(self, threshold: int) -> str:  # type: ignore[override]  # whole days
        return "1 day" if threshold == 1 else f"{threshold} days"

    def wording(self, milestone: Milestone) -> Wording:
        title = f"A streak of {milestone.label}"
        return Wording(
            type="streak",
            title=title,
            description=f"{title}, since {milestone.period}.",
            value=int(milestone.threshold),
            emoji="🔥",
            color="bg-orange-500",
            fields={"streakDays": int(milestone.threshold)},
        )


RULES = [Streak("streak", "user", "streak", (7, 30, 100, 365, 730, 1000), baseline="announce")]
