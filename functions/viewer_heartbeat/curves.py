"""A channel's viewers over time, from its history; and today's peak."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cairn.clock import Clock, iso
from cairn.model import Reading, Subject
from cairn.readings.history import History
from cairn.readings.stats import Stats
from cairn.viewers.subjects import viewer_subject
from cairn.zones import Zones


class Curves:
    def __init__(self, *, stats: Stats, history: History, zones: Zones, clock: Clock) -> None:
        self._stats = stats
        self._history = history
        self._zones = zones
        self._clock = clock

    def of(self, channel: str, hours: int) -> dict[str, Any]:
        """As JSON: the viewers when the last `hours` began, and each change since, one a minute at most.

        For a channel that nobody has ever watched: nothing, and one read.
        """
        now, subject = self._clock(), viewer_subject(channel)
        since = now - timedelta(hours=hours)
        last = self._stats.get(subject)
        items: list[dict[str, Any]] = []
        if last and last.as_of < since:
            items = [{"at": iso(since), "viewers": int(last.metrics["viewers"])}]
        elif last:
            before = self._history.at(subject, since, now)
            first = {"at": iso(since), "viewers": int(before.metrics["viewers"]) if before else 0}
            items = [first, *self._items(subject, since, now, 60 * hours)]
        return {"channelId": channel, "items": items, "peak": self._peak(last, now) if last else None}

    def _items(self, subject: Subject, since: datetime, now: datetime, limit: int) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(items) < limit:
            found, cursor = self._history.readings(subject, since, now, now, limit - len(items), cursor)
            items += [{"at": iso(point.at), "viewers": int(point.metrics["viewers"])} for point in found]
            if cursor is None:
                break
        return items

    def _peak(self, last: Reading, now: datetime) -> dict[str, Any] | None:
        """Today's peak; the viewers who were present when the day began belong to it."""
        today = self._zones.day(now)
        viewers = int(last.metrics["peak" if self._zones.day(last.as_of) == today else "viewers"])
        return {"viewers": viewers, "day": today.isoformat()} if viewers else None
