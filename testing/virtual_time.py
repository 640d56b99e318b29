"""Deterministic concurrency in virtual time: a job that sleeps hands over to the one that wakes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from greenlet import getcurrent, greenlet

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def busiest_second(times: Sequence[float]) -> int:
    """The most events in any second."""
    return max(sum(start <= time < start + 1 for time in times) for start in times)


class VirtualTime:
    """Jobs of which one runs at a time. Only they may use `clock` and `sleep`.

    They are greenlets of one thread: on a busy machine, threads would wait for the processor at each hand-over.
    `advanced` is told each new time, in seconds since the start.
    """

    def __init__(self, advanced: Callable[[float], None] | None = None) -> None:
        self._now = 0.0
        self._advanced = advanced
        self._order = count()
        self._waiting: list[tuple[float, int, greenlet]] = []
        """Jobs by the time at which they wake; those of one time in the order in which they fell asleep."""
        self._hub: greenlet | None = None

    def clock(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def seconds(self) -> float:
        return self._now

    @property
    def is_here(self) -> bool:
        """Whether one of its jobs is running this code."""
        return self._hub is not None and getcurrent().parent is self._hub

    def sleep(self, seconds: float) -> None:
        assert self._hub
        self._wake(getcurrent(), seconds)
        self._hub.switch()

    def start(self, job: Callable[[], object], after: float = 0.0) -> None:
        """Run a job beside the others after some seconds."""
        self._wake(greenlet(job, self._hub), after)

    def run(self, *jobs: Callable[[], object]) -> None:
        """Run all jobs, and those that they start, to completion; raises the first error."""
        self._hub = getcurrent()
        try:
            for job in jobs:
                self.start(job)
            while self._waiting:
                wakes_at, _, job_ = heappop(self._waiting)
                if wakes_at > self._now:
                    self._now = wakes_at
                    if self._advanced:
                        self._advanced(wakes_at)
                job_.switch()
        finally:
            self._hub = None

    def _wake(self, job: greenlet, seconds: float) -> None:
        heappush(self._waiting, (self._now + max(0.0, seconds), next(self._order), job))
