"""Event loops for simulations: threads' work is done in turn; and in virtual time, nothing is waited for."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Selector(selectors.SelectSelector):
    """Not epoll, whose descriptor a fork would share."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the loop waits for ever"
            if timeout > 0:
                self._advance(timeout)
        return ready


class SequentialLoop(asyncio.SelectorEventLoop):
    """Work for threads is done at once, one piece after the other: moto is for one thread, and so is a fork."""

    def run_in_executor(self, _executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        done.set_result(func(*args))
        return done


class VirtualLoop(SequentialLoop):
    """Instead of waiting, it advances to what is due next: `seconds` returns its time, `advance` moves it."""

    def __init__(self, seconds: Callable[[], float], advance: Callable[[float], None]) -> None:
        self._seconds = seconds
        super().__init__(_Selector(advance))

    def time(self) -> float:
        return self._seconds()


def run(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """The result of the work, and how many seconds it took."""
    elapsed = 0.0

    def advance(seconds: float) -> None:
        nonlocal elapsed
        elapsed += seconds

    with asyncio.Runner(loop_factory=partial(VirtualLoop, lambda: elapsed, advance)) as runner:
        return runner.run(work), elapsed
