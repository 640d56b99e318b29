"""A creator's audience, work and revenue: a ladder for each."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.model import Milestone
from cairn.rules import Wording
from cairn.rules.ladder import FOLLOWER_STEPS, Ladder

KIND = "creator"
_STEPS = tuple(int(step) for step in FOLLOWER_STEPS)
REVENUE_STEPS = tuple(step * 10**exponent for exponent in range(2, 9) for step in (1, 5))
WORK_STEPS = (10, 50, 100, 250, 500, *(step * 10**exponent for exponent in range(3, 7) for step in (1, 5)))


@dataclass(frozen=True, slots=True)
class CreatorLadder(Ladder):
    """Thresholds in what a creator has by now. `metric` is also the word for it."""

    def wording(self, milestone: Milestone) -> Wording:
        title = f"{milestone.label} {milestone.metric}"
        description = f"{milestone.name} passed {milestone.label} {milestone.metric}."
        return Wording(self.name, title, description, milestone.label, "🎉", "bg-primary")


@dataclass(frozen=True, slots=True)
class CreatorRevenue(Ladder):
    """Thresholds in gross revenue, in major units of the creator's currency, as far back as the first sync read."""

    def wording(self, milestone: Milestone) -> Wording:
        amount = f"{milestone.label} {milestone.details.get('currency', '')}".strip()
        description = f"{milestone.name} passed {amount} in revenue."
        return Wording(self.name, f"{amount} in revenue", description, milestone.label, "💰", "bg-green-500")


RULES = [
    CreatorLadder("creator_subscribers", KIND, "subscribers", _STEPS),
    CreatorLadder("creator_followers", KIND, "followers", _STEPS),
    CreatorLadder("creator_messages", KIND, "messages", WORK_STEPS),
    CreatorLadder("creator_posts", KIND, "posts", WORK_STEPS),
    CreatorRevenue("creator_revenue", KIND, "revenue", REVENUE_STEPS),
]
