"""Whether a count is to be believed at once: pure. A jump that is not has to be confirmed by a second reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cairn.model import Number
from cairn.rules import catalogue
from cairn.workspace.document import DEFAULTS, Workspace

CONFIRMED_AFTER = timedelta(seconds=60)
"""How long after the first reading of a jump a second one confirms it."""


@dataclass(frozen=True, slots=True)
class Plausibility:
    """A rise to more than `factor` times the count before, and by more than `increase`, is implausible.

    It concerns what is announced, so only metrics of channels' rules with a silent baseline. A fall is believed: the
    high-water marks announce nothing when the count returns.
    """

    factor: int = DEFAULTS.implausible_factor
    increase: int = DEFAULTS.implausible_increase

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        return cls(workspace.implausible_factor, workspace.implausible_increase)

    def implausible(self, before: Mapping[str, Number], after: Mapping[str, Number]) -> dict[str, Number]:
        """The metrics of `after` that rose implausibly; one that was unknown before did not rise."""
        return {
            metric: value
            for metric, value in watched(after).items()
            if metric in before and value > self.factor * before[metric] and value - before[metric] > self.increase
        }

    def agree(self, one: Mapping[str, Number], other: Mapping[str, Number]) -> bool:
        """Whether two readings of a jump confirm each other: neither is implausible beside the other."""
        return one.keys() == other.keys() and not (self.implausible(one, other) or self.implausible(other, one))


def watched(metrics: Mapping[str, Number]) -> dict[str, Number]:
    """Those of the metrics that lead to milestones after a silent baseline."""
    return {metric: value for metric, value in metrics.items() if metric in _WATCHED}


_WATCHED = frozenset(rule.metric for rule in catalogue() if rule.kind == "channel" and rule.baseline == "silent")
