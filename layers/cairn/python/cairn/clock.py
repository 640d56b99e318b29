"""Time in Cairn: aware UTC datetimes in code, whole milliseconds since 1970 in tables and messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current time; tests pass their own."""
Sleep = Callable[[float], None]

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The current time in whole milliseconds, as a table returns it."""
    return from_millis(time.time_ns() // 1_000_000)


def sleep(seconds: float) -> None:
    """Looks `time.sleep` up at each call, so that a test can replace it."""
    time.sleep(seconds)


def from_millis(millis: int) -> datetime:
    return _EPOCH + millis * _MILLISECOND


def to_millis(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def iso(instant: datetime) -> str:
    """`2026-11-20T12:00:00.000Z`: such texts sort chronologically."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """The instant of an ISO 8601 text, in UTC unless it has an offset. ValueError for any other text."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
