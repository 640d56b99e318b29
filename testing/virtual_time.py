"""Deterministic concurrency in virtual time: a sleeping thread hands over to the one that wakes first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def busiest_second(times: Sequence[float]) -> int:
    """The most events in any second."""
    return max(sum(start <= time < start + 1 for time in times) for start in times)


class VirtualTime:
    """Threads of which one runs at a time. Only they may use `clock` and `sleep`.

    `advanced` is told each new time, in seconds since the start.
    """

    def __init__(self, advanced: Callable[[float], None] | None = None) -> None:
        self._now = 0.0
        self._advanced = advanced
        self._order = count()
        self._waiting: list[tuple[float, int, threading.Semaphore]] = []
        """Each sleeping thread's gate, by the time at which it wakes; those of one time in the order of their sleep."""
        self._thread = threading.local()
        self._done = threading.Event()
        self._errors: list[BaseException] = []

    def clock(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def seconds(self) -> float:
        return self._now

    @property
    def is_here(self) -> bool:
        """Whether the current thread is one of its own."""
        return getattr(self._thread, "own", False)

    def sleep(self, seconds: float) -> None:
        gate = self._gate(seconds)
        self._hand_over()
        gate.acquire()

    def start(self, job: Callable[[], object], after: float = 0.0) -> None:
        """Run a job in a thread of its own after some seconds."""
        threading.Thread(target=self._run, args=(job, self._gate(after)), daemon=True).start()

    def run(self, *jobs: Callable[[], object]) -> None:
        """Run all jobs, and those that they start, to completion; raises the first error."""
        self._done.clear()
        for job in jobs:
            self.start(job)
        self._hand_over()
        self._done.wait()
        if self._errors:
            raise self._errors[0]

    def _gate(self, seconds: float) -> threading.Semaphore:
        gate = threading.Semaphore(0)
        heappush(self._waiting, (self._now + max(0.0, seconds), next(self._order), gate))
        return gate

    def _run(self, job: Callable[[], object], gate: threading.Semaphore) -> None:
        gate.acquire()
        self._thread.own = True
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - run raises it in the test's thread
            self._errors.append(error)
        self._hand_over()

    def _hand_over(self) -> None:
        if not self._waiting:
            self._done.set()
            return
        wakes_at, _, gate = heappop(self._waiting)
        if wakes_at > self._now:
            self._now = wakes_at
            if self._advanced:
                self._advanced(wakes_at)
        gate.release()
