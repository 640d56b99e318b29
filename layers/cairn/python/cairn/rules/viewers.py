"""A live channel's concurrent viewers. Cairn counts them itself, from zero, so a first reading is announced too."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.model import Milestone
from cairn.rules import Wording
from cairn.rules.ladder import FOLLOWER_STEPS, Ladder

VIEWER_STEPS = (10, 25, 50, *(int(step) for step in FOLLOWER_STEPS if step <= 10_000_000))


@dataclass(frozen=True, slots=True)
class ConcurrentViewers(Ladder):
    """Thresholds in concurrent viewers."""

    def wording(self, milestone: Milestone) -> Wording:
        title = f"{milestone.label} viewers at once"
        description = f"{milestone.value:,} are watching now."
        return Wording("viewers", title, description, int(milestone.threshold), "👀", "bg-red-500")


RULES = [ConcurrentViewers("viewers", "channel", "viewers", VIEWER_STEPS, baseline="announce")]
