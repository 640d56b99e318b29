"""A live channel's concurrent viewers. Cairn counts them itself, from zero, so a first reading is announced too.

What is shown is how many watch now. What passes a threshold is how many have lasted, with a few of each address at
most: anybody can open a hundred sockets for a minute.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from cairn.model import Milestone, Number, Reading
from cairn.rules import Wording
from cairn.rules.ladder import FOLLOWER_STEPS, Ladder

RULE = "viewers"
SUSTAINED = "sustained"
"""The metric that thresholds are compared with. A reading of 0.1.0 has none: its viewers are."""
VIEWER_STEPS = (10, 25, 50, *(int(step) for step in FOLLOWER_STEPS if step <= 10_000_000))


@dataclass(frozen=True, slots=True)
class ConcurrentViewers(Ladder):
    """Thresholds in concurrent viewers."""

    @property
    def judged_by(self) -> str:
        return SUSTAINED

    def passed(self, reading: Reading) -> Sequence[Number] | None:
        lasting = reading.metrics.get(SUSTAINED, reading.metrics.get(self.metric))
        return None if lasting is None else self.thresholds[: bisect_right(self.thresholds, lasting)]

    def wording(self, milestone: Milestone) -> Wording:
        title = f"{milestone.label} viewers at once"
        description = f"{milestone.value:,} are watching now."
        return Wording("viewers", title, description, int(milestone.threshold), "👀", "bg-red-500")


RULES = [ConcurrentViewers(RULE, "channel", "viewers", VIEWER_STEPS, baseline="announce")]
