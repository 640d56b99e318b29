"""What a product's user uses for the first time: once for each feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.habits.model import from_text
from cairn.model import Milestone, Number, Reading
from cairn.rules import Occasion, Wording
from cairn.rules.own_periods import OwnPeriods


@dataclass(frozen=True, slots=True)
class FirstUse(OwnPeriods):
    """The period is the feature's name, and the only threshold is 1."""

    def occasions(self, reading: Reading) -> Sequence[Occasion]:
        if not reading.state:
            return ()
        features = from_text(reading.state).features
        return tuple(Occasion(period=one, passed=(1,), value=1, details={"feature": one}) for one in features)

    def label(self, threshold: Number) -> str:  # noqa: ARG002 - there is one
        return "first use"

    def wording(self, milestone: Milestone) -> Wording:
        return Wording(
            type="feature",
            title=f"First use of {milestone.period}",
            description=f"Used {milestone.period} for the first time.",
            value=milestone.period,
            emoji="✨",
            color="bg-blue-500",
            event="feature_first_used",
            fields={"feature": milestone.period},
        )


RULES = [FirstUse("feature", "user", "features")]
