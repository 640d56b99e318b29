"""An endpoint's rate limit: its messages leave at leased instants, which all lanes share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cairn.aws.intervals import Intervals
from cairn.clock import Clock, Sleep
from cairn.webhooks.model import Endpoint

LONGEST_WAIT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Pace:
    intervals: Intervals
    clock: Clock
    sleep: Sleep

    def wait(self, endpoint: Endpoint) -> None:
        """Wait for the endpoint's next instant. NotYetError when it is more than LONGEST_WAIT away."""
        if endpoint.rate_limit:
            length = timedelta(seconds=1 / endpoint.rate_limit)
            start = self.intervals.lease(f"endpoint#{endpoint.id}", self.clock(), length, LONGEST_WAIT)
            self.sleep(max(0.0, (start - self.clock()).total_seconds()))
