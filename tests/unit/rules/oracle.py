"""What a subject's readings should lead to, computed the slow way: each threshold of each period by itself.

Written from the promises and not from the code: it keeps, for each period, the set of thresholds ever reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone


@dataclass(frozen=True)
class Seen:
    """A subject's stored value at an instant; None while the platform hides it."""

    at: datetime
    value: int | None


@dataclass(frozen=True)
class Celebration:
    period: str
    threshold: int
    also: tuple[int, ...]


@dataclass
class Oracle:
    """`offset` is the time zone's, in hours, without daylight saving; `restarts` is all-time, month or day."""

    thresholds: Sequence[int]
    silent: bool
    restarts: str
    offset: int
    stored: Seen | None = None
    known: set[str] = field(default_factory=set)
    reached: dict[str, set[int]] = field(default_factory=dict)

    def read(self, seen: Seen) -> Celebration | None:
        """The celebration that a reading leads to, if any. A reading older than the stored one is ignored."""
        if self.stored and seen.at < self.stored.at:
            return None
        before, self.stored = self.stored, seen
        if seen.value is None:
            return None
        period = self.period(seen.at)
        stands_at = {step for step in self.thresholds if step <= seen.value}
        reached = self.reached.setdefault(period, set())
        fresh = stands_at - reached
        first_look = before is None or (
            before.value is None and self.period(before.at) == period and period not in self.known
        )
        self.known.add(period)
        reached |= stands_at
        if not fresh or (self.silent and first_look):
            return None
        return Celebration(period, max(fresh), tuple(sorted(fresh - {max(fresh)})))

    def period(self, at: datetime) -> str:
        local = at.astimezone(timezone(timedelta(hours=self.offset)))
        if self.restarts == "month":
            return f"{local.year:04d}-{local.month:02d}"
        if self.restarts == "day":
            return f"{local.year:04d}-{local.month:02d}-{local.day:02d}"
        return "all-time"
