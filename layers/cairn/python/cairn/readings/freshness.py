"""How fresh a reading is: computes `asOf` and `stale`, which accompany every displayed value."""

from __future__ import annotations

from datetime import datetime, timedelta

from cairn.model import Reading
from cairn.readings.stats import MAX_AHEAD


def last_seen(reading: Reading, checked_at: datetime | None) -> datetime:
    """When the values were last known to be correct: when stored, or at a later check that found them unchanged."""
    return max(reading.as_of, checked_at) if checked_at else reading.as_of


def is_stale(as_of: datetime | None, now: datetime, stale_after: timedelta) -> bool:
    """Whether values are too old to be shown as current; never seen ones (None) are, and ones dated in the future."""
    return as_of is None or now - as_of > stale_after or as_of - now > MAX_AHEAD
