"""How often viewers are counted, and what makes a number of them a milestone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cairn.rules.viewers import RULE, VIEWER_STEPS


@dataclass(frozen=True, slots=True)
class Pace:
    """The shortest time between two counts of a channel, and how long a viewer is present after a heartbeat."""

    interval: timedelta
    timeout: timedelta
    heartbeat: timedelta

    @classmethod
    def of(cls, *, interval: int, timeout: int, heartbeat: int) -> Self:
        """From the settings: the interval and the heartbeat in milliseconds, the timeout in seconds."""
        millisecond = timedelta(milliseconds=1)
        return cls(interval * millisecond, timedelta(seconds=timeout), heartbeat * millisecond)

    @property
    def look_ahead(self) -> timedelta:
        """A viewer whose heartbeats are at most a second late always has more time left than this."""
        return self.timeout - self.heartbeat - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class MilestoneTest:
    """What makes a number of viewers a milestone: at most so many viewers of an address, for so long."""

    thresholds: tuple[int, ...]
    per_address: int
    duration: timedelta


@dataclass(frozen=True, kw_only=True)
class MilestoneSettings:
    """The same as settings of a function that counts; `ladders` are the operator's thresholds by rule, as JSON.

    The defaults are those of cdk.json: during a deployment a function may have its new code without its new variables.
    """

    viewer_milestone_per_address: int = 3
    viewer_milestone_seconds: int = 60
    ladders: str = "{}"

    @property
    def milestone_test(self) -> MilestoneTest:
        return MilestoneTest(
            thresholds=tuple(json.loads(self.ladders).get(RULE, VIEWER_STEPS)),
            per_address=self.viewer_milestone_per_address,
            duration=timedelta(seconds=self.viewer_milestone_seconds),
        )
