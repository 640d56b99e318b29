"""A rep's sign-ups in a month."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder


@dataclass(frozen=True, slots=True)
class Signups(Ladder):
    """Thresholds in sign-ups."""

    def label(self, threshold: Number) -> str:
        return f"{threshold} sign-ups"

    def wording(self, milestone: Milestone) -> Wording:
        return Wording(
            "signups",
            f"{milestone.label} in a month",
            f"Signed up {milestone.threshold} customers this month.",
            int(milestone.threshold),
            "🎯",
            "bg-blue-500",
        )


RULES = [Signups("signups", "rep", "monthly_signups", (10, 15, 20, 25, 30, 35, 40), restarts="month")]
