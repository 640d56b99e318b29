"""Waiting for other processes, by polling."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: Callable[[], T | None], seconds: float = 20, *, pause: float = 0.05, missing: str = "nothing") -> T:
    """The first result that is neither None nor False; AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while (found := what()) is None or found is False:
        if time.monotonic() > end:
            raise AssertionError(f"{missing} in {seconds} s")
        time.sleep(pause)
    return found
