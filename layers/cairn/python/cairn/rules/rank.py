"""A rep's place among the first three of the month. Better than before in the month is passed again; as good is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder

PLACES = 3


@dataclass(frozen=True, slots=True)
class Rank(Ladder):
    """Thresholds in steps of the podium: the third place is its first step."""

    def label(self, threshold: Number) -> str:
        return f"#{place(threshold)}"

    def wording(self, milestone: Milestone) -> Wording:
        title, description = f"Rank {milestone.label}", f"Moved up to {milestone.label} of the month."
        return Wording("rank_change", title, description, milestone.label, "🥇", "bg-yellow-500")

    def configured(self, *, thresholds: Sequence[int] | None, time_zone: str) -> Self:
        if thresholds:
            raise ValueError("the rule rank is of the first three places, and takes no thresholds")
        return replace(self, time_zone=time_zone)


def step(rank: int) -> int:
    """The step of the podium that a rank stands on: 3 is the first place, 0 is beside it."""
    return max(0, PLACES + 1 - rank)


def place(step: Number) -> int:
    """The rank of a step of the podium."""
    return PLACES + 1 - int(step)


RULES = [Rank("rank", "rep", "podium", (1, 2, 3), restarts="month")]
