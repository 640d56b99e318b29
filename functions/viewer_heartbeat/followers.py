"""The followers that a page shows beside its viewers: those of the tracked channel with that id, if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cairn.channels.registry import HIDDEN, Channels
from cairn.clock import Clock, iso
from cairn.readings.freshness import is_stale, last_seen
from cairn.readings.stats import Stats

CACHE_TTL = timedelta(minutes=1)
"""How long a Lambda uses what it has read."""
METRIC = "subscribers"
_MAX_CACHED = 1000


@dataclass(frozen=True, slots=True)
class _FollowerCount:
    count: int
    name: str
    url: str | None
    as_of: datetime


class Followers:
    def __init__(self, *, channels: Channels, stats: Stats, stale_after: timedelta, clock: Clock) -> None:
        self._channels = channels
        self._stats = stats
        self._stale_after = stale_after
        self._clock = clock
        self._cache: dict[str, tuple[datetime, _FollowerCount | None]] = {}

    def of(self, channel_id: str) -> dict[str, Any] | None:
        """As JSON; None if no channel with that id is tracked, or its count is hidden or not known yet.

        Only an id that names a platform is looked up, and at most once in CACHE_TTL.
        """
        if ":" not in channel_id:
            return None
        now = self._clock()
        read_at, found = self._cache.get(channel_id, (None, None))
        if read_at is None or now - read_at >= CACHE_TTL:
            found = self._read(channel_id)
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[channel_id] = (now, found)
        if found is None:
            return None
        return {
            "count": found.count,
            "name": found.name,
            "url": found.url,
            "asOf": iso(found.as_of),
            "stale": is_stale(found.as_of, now, self._stale_after),
        }

    def _read(self, channel_id: str) -> _FollowerCount | None:
        channel = self._channels.get(channel_id)
        if channel is None or (channel.health_issue and channel.health_issue.code == HIDDEN):
            return None
        reading = self._stats.get(channel.subject)
        if reading is None or METRIC not in reading.metrics:
            return None
        # An unchanged reading is not stored again; the checks say until when it was confirmed.
        seen = self._channels.checks(channel.platform, [channel]).last_found(channel)
        return _FollowerCount(int(reading.metrics[METRIC]), channel.name, channel.page, last_seen(reading, seen))
