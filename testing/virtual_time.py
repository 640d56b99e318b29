"""Deterministic concurrency in virtual time: a sleeping thread hands over to the one that wakes first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def busiest_second(times: Sequence[float]) -> int:
    """The most events in any second."""
    return max(sum(start <= time < start + 1 for time in times) for start in times)


class VirtualTime:
    """Threads of which one runs at a time. Only they may use `clock` and `sleep`."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._now = 0.0
        self._wakes: dict[int, float] = {}
        self._awake: int | None = None
        self._errors: list[BaseException] = []

    def clock(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def seconds(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._turn:
            self._wakes[me] = self._now + max(0.0, seconds)
            self._hand_over()
            self._turn.wait_for(lambda: self._awake == me)

    def run(self, *jobs: Callable[[], object]) -> None:
        """Run all jobs to completion; raises the first error."""
        threads = [threading.Thread(target=self._run, args=(job, started)) for job, started in self._starts(jobs)]
        for thread in threads:
            thread.start()
        while len(self._wakes) < len(threads):
            pass
        with self._turn:
            self._hand_over()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _starts(self, jobs: tuple[Callable[[], object], ...]) -> list[tuple[Callable[[], object], float]]:
        return [(job, self._now + order * 1e-6) for order, job in enumerate(jobs)]

    def _run(self, job: Callable[[], object], wake: float) -> None:
        me = threading.get_ident()
        with self._turn:
            self._wakes[me] = wake
            self._turn.wait_for(lambda: self._awake == me)
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - run raises it in the test's thread
            self._errors.append(error)
        with self._turn:
            self._hand_over()

    def _hand_over(self) -> None:
        self._awake = min(self._wakes, key=self._wakes.__getitem__, default=None)
        if self._awake is not None:
            self._now = max(self._now, self._wakes.pop(self._awake))
        self._turn.notify_all()
