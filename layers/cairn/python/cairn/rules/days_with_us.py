"""How long a product's user has been with it: in local days since the first."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder


@dataclass(frozen=True, slots=True)
class DaysWithUs(Ladder):
    """Thresholds in days after the first."""

    def label(self, threshold: Number) -> str:
        return f"{threshold} days"

    def wording(self, milestone: Milestone) -> Wording:
        title = f"{milestone.label} with us"
        return Wording("days_with_us", title, f"{title}.", int(milestone.threshold), "🎂", "bg-pink-500")


RULES = [DaysWithUs("days_with_us", "user", "days_with_us", (7, 30, 365, 730, 1095, 1825, 3650), baseline="announce")]
