"""Time that only tests advance: sleeping moves the clock instead of waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine

from testing import adversarial_dynamodb

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
_real_sleep = time.sleep


class ControlledClock:
    """The time for `cairn.clock.now`, Powertools' caches and moto."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._other_threads = {*threading.enumerate()} - {threading.current_thread()}
        """Threads of other libraries, started before: their sleep is real."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        if threading.current_thread() in self._other_threads:
            _real_sleep(seconds)
        elif seconds > 0 and not adversarial_dynamodb.takes_pause():
            self._traveller.shift(timedelta(seconds=seconds))

    def reset(self) -> None:
        """Back to the start, for tests that share an account."""
        self._traveller.move_to(START)

    def set_back(self, by: timedelta) -> None:
        """What a clock does that was wrong."""
        self._traveller.shift(-by)

    def advance_to(self, instant: datetime) -> None:
        """Advance to this instant; never back."""
        self.sleep((instant - self.now()).total_seconds())


@contextmanager
def controlled_clock(start: datetime = START) -> Iterator[ControlledClock]:
    """A stopped clock in place of the system's, and of every sleep in Cairn and botocore."""
    with time_machine.travel(start, tick=False) as traveller:
        clock = ControlledClock(traveller)
        vars(time)["sleep"] = clock.sleep
        try:
            yield clock
        finally:
            vars(time)["sleep"] = _real_sleep
