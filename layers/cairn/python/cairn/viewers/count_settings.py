"""How often viewers are counted, and what makes a number of them a milestone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cairn.rules.viewers import RULE, VIEWER_STEPS
from cairn.workspace.document import Workspace


@dataclass(frozen=True, slots=True)
class Pace:
    """The shortest time between two counts of a channel, and how long a viewer is present after a heartbeat."""

    interval: timedelta
    timeout: timedelta
    heartbeat: timedelta

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        millisecond = timedelta(milliseconds=1)
        return cls(
            interval=workspace.viewer_count_update_interval * millisecond,
            timeout=timedelta(seconds=workspace.viewer_timeout),
            heartbeat=workspace.viewer_heartbeat_interval * millisecond,
        )

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

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        return cls(
            thresholds=workspace.ladders.get(RULE, VIEWER_STEPS),
            per_address=workspace.viewer_milestone_per_address,
            duration=timedelta(seconds=workspace.viewer_milestone_seconds),
        )
