"""A rep's revenue in a month."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder


@dataclass(frozen=True, slots=True)
class Revenue(Ladder):
    """Thresholds in whole dollars."""

    def label(self, threshold: Number) -> str:
        return f"${threshold:,}"

    def wording(self, milestone: Milestone) -> Wording:
        return Wording(
            "revenue",
            f"{milestone.label} in a month",
            f"Monthly revenue passed {milestone.label}.",
            int(milestone.threshold),
            "💰",
            "bg-green-500",
        )


RULES = [
    Revenue(
        "revenue",
        "rep",
        "monthly_revenue",
        (10_000, 25_000, 50_000, 75_000, 100_000),
        restarts="month",
    )
]
