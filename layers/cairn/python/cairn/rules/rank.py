"""A rep's rank among the month's top three. Only a better rank than before in the month is a milestone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder
from cairn.zones import Zones

PODIUM_SIZE = 3


@dataclass(frozen=True, slots=True)
class Rank(Ladder):
    """Thresholds in steps of the podium: rank 3 is its first step."""

    def label(self, threshold: Number) -> str:
        return f"#{rank_of(threshold)}"

    def wording(self, milestone: Milestone) -> Wording:
        title, description = f"Rank {milestone.label}", f"Moved up to {milestone.label} of the month."
        return Wording("rank_change", title, description, milestone.label, "🥇", "bg-yellow-500")

    def configured(self, *, thresholds: Sequence[int] | None, zones: Zones) -> Self:
        if thresholds:
            raise ValueError("the rule 'rank' covers the top three ranks and accepts no thresholds")
        return replace(self, zones=zones)


def podium_step(rank: int) -> int:
    """The step of the podium for a rank: 3 for rank 1, 0 for ranks below the podium."""
    return max(0, PODIUM_SIZE + 1 - rank)


def rank_of(step: Number) -> int:
    """The rank that stands on a step of the podium."""
    return PODIUM_SIZE + 1 - int(step)


RULES = [Rank("rank", "rep", "podium", (1, 2, 3), restarts="month")]
