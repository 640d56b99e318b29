"""Time that passes only when a test says so: nothing waits, and what would have slept moves the clock instead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
_really_sleep = time.sleep


class ControlledClock:
    """What `cairn.instants.now`, Powertools' caches and moto see as the present."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._strangers = {*threading.enumerate()} - {threading.current_thread()}
        """Threads of other libraries, which were at work before: their sleep is none of the test's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        if threading.current_thread() in self._strangers:
            _really_sleep(seconds)
        elif seconds > 0:
            self._traveller.shift(timedelta(seconds=seconds))

    def begin_again(self) -> None:
        """Back to the start, for tests that share an account which they leave as they found it."""
        self._traveller.move_to(START)

    def reach(self, instant: datetime) -> None:
        """Let time pass until then; it never goes back."""
        self.sleep((instant - self.now()).total_seconds())


@contextmanager
def controlled_clock(start: datetime = START) -> Iterator[ControlledClock]:
    """A clock that stands still at `start`, in place of the system's and of every sleep of Cairn's and botocore's."""
    with time_machine.travel(start, tick=False) as traveller:
        clock = ControlledClock(traveller)
        vars(time)["sleep"] = clock.sleep
        try:
            yield clock
        finally:
            vars(time)["sleep"] = _really_sleep
