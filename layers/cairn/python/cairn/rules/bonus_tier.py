"""A rep's bonus tier, which depends on the month's sign-ups."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from cairn.model import Milestone, Number, Reading
from cairn.rules import Wording
from cairn.rules.ladder import Ladder

PREFIX = "Tier "
EMOJIS = ("🪙", "💰", "💎", "🏆", "👑", "💯")


@dataclass(frozen=True, slots=True)
class BonusTier(Ladder):
    """Thresholds in sign-ups; the first is tier 1."""

    def tier(self, signups: Number) -> int:
        """The tier for a number of sign-ups; 0 below the first."""
        return bisect_right(self.thresholds, signups)

    def tier_of(self, reading: Reading) -> int:
        """The tier that a reading has reached."""
        return self.tier(reading.metrics.get(self.metric, 0))

    def label(self, threshold: Number) -> str:
        return f"{PREFIX}{self.tier(threshold)}"

    def wording(self, milestone: Milestone) -> Wording:
        tier = int(milestone.label.removeprefix(PREFIX))  # by the thresholds that held when it was reached
        emoji = EMOJIS[min(tier, len(EMOJIS)) - 1]
        title = f"Bonus tier {tier}"
        description = f"{milestone.threshold} sign-ups this month: bonus tier {tier}."
        return Wording("bonus_tier", title, description, emoji, emoji, "bg-purple-500")


RULES = [BonusTier("bonus_tier", "rep", "monthly_signups", (15, 20, 25, 30, 35, 40), restarts="month")]
