"""Time that passes only when a test says so: nothing waits, and what would have slept moves the clock instead."""

from __future__ import annotations

import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from types import ModuleType
from typing import Any

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
        _put_in_place_of_sleep(_really_sleep, clock.sleep)
        try:
            yield clock
        finally:
            _put_in_place_of_sleep(clock.sleep, _really_sleep)


def _put_in_place_of_sleep(old: Callable[[float], None], new: Callable[[float], None]) -> None:
    """Besides `time.sleep` itself, the arguments that have it as default: they hold the function, not its name."""
    vars(time)["sleep"] = new
    for name, module in list(sys.modules.items()):
        if name.startswith(("cairn.", "functions.")):
            for function in _with_defaults(module):
                if function.__kwdefaults__:
                    function.__kwdefaults__ |= {
                        key: new for key, value in function.__kwdefaults__.items() if value == old
                    }
                function.__defaults__ = tuple(new if value == old else value for value in function.__defaults__ or ())


@cache
def _with_defaults(module: ModuleType) -> list[Any]:
    return [function for function in _functions(module) if function.__defaults__ or function.__kwdefaults__]


def _functions(module: ModuleType) -> Iterator[Any]:
    for value in vars(module).values():
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            yield value
        elif inspect.isclass(value) and value.__module__ == module.__name__:
            yield from (member for member in vars(value).values() if inspect.isfunction(member))
