"""How many viewers a channel has kept for a while: a milestone has to last, so a flood of a minute is none.

Pure. A count tells how many viewers there are, with a few of each address at most. `Endurance` follows these numbers
and says which threshold every count of the last seconds had passed. Between two thresholds a number means nothing, so
little has to be remembered: since when each threshold has been passed, and the fewest viewers since then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Trial:
    """A threshold has been passed by every count since then; the one with the fewest viewers found so many."""

    since: datetime
    viewers: int


@dataclass(frozen=True, slots=True)
class Sustained:
    """So many viewers have lasted; and those that have not lasted long enough yet, in order."""

    viewers: int = 0
    trials: tuple[Trial, ...] = ()


NOTHING = Sustained()


class Endurance:
    """`thresholds` are those of the rule; a number has to last for `duration`."""

    def __init__(self, thresholds: Sequence[int], duration: timedelta) -> None:
        self._thresholds = thresholds
        self._duration = duration

    def may_rise(self, before: Sustained, viewers: int) -> bool:
        """Whether so many viewers could lead to a threshold that has not lasted before."""
        return self._passed(viewers) > self._passed(before.viewers)

    def after(self, before: Sustained, viewers: int, now: datetime) -> Sustained:
        """What has lasted, once a count has found so many viewers."""
        lasted = min(before.viewers, viewers)
        trials: list[Trial] = []
        for trial in (*before.trials, Trial(now, viewers)):
            fewest = min(trial.viewers, viewers)
            if trial.since + self._duration <= now:
                lasted = max(lasted, fewest)
            elif self._passed(fewest) > self._passed(trials[-1].viewers if trials else lasted):
                trials.append(Trial(trial.since, fewest))
        return Sustained(lasted, tuple(trials))

    def decided_at(self, sustained: Sustained) -> datetime | None:
        """When the first of the trials will have lasted; None if there is none."""
        return sustained.trials[0].since + self._duration if sustained.trials else None

    def _passed(self, viewers: int) -> int:
        return bisect_right(self._thresholds, viewers)
