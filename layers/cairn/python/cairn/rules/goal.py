"""A rep's goal for the month."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder


@dataclass(frozen=True, slots=True)
class Goal(Ladder):
    """Thresholds in per cent of the goal."""

    def label(self, threshold: Number) -> str:
        return f"{threshold}%"

    def wording(self, milestone: Milestone) -> Wording:
        reached = f"{milestone.value}%"
        title = "Monthly goal reached" if milestone.threshold == 100 else f"{milestone.label} of the monthly goal"
        return Wording("goal_achieved", title, f"{reached} of the goal for this month.", reached, "🏁", "bg-primary")


RULES = [Goal("goal", "rep", "goal_progress", (100,), restarts="month")]
