"""Counting a channel's viewers: for all who ask, once an interval at most; what changed becomes a reading, as seldom.

The reading is stored before the count is, so that a count whose function died in between is made again and stored
again. Nothing else is told: the stats table's stream is the outbox, here as for every other reading.

As long as anybody watches, the next look is arranged: when the first heartbeat that is late would be over, or else when
the first of those that are not late could be. So whoever goes without a word is missed on time, though nobody asks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from cairn.clock import Clock, from_millis
from cairn.errors import NotYetError
from cairn.messages import CountViewers
from cairn.model import Number, Reading, new_trace_id
from cairn.observability import logger
from cairn.readings.history import day_of
from cairn.readings.stats import Stats
from cairn.viewers.counts import SPREAD, CountState, ViewerCount, ViewerCounts
from cairn.viewers.presence import CountRequests, Presence
from cairn.viewers.presence_slots import Headcount, PresenceSlots
from cairn.viewers.subjects import viewer_subject

SOURCE = "viewers"
PER_SHARD = 5000
"""Viewers for a partition key: one page of a query, and a sixth of the heartbeats that it could take."""
HIGHEST_LEVEL = 4
UNDER_WAY = timedelta(milliseconds=300)
"""How long a count takes; when it is made, it may be too early for what changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a channel is counted at most, and how long a viewer is taken to be there without a heartbeat."""

    interval: timedelta
    time_out: timedelta
    heartbeat: timedelta

    @classmethod
    def of(cls, *, interval: int, time_out: int, heartbeat: int) -> Self:
        """As settings have it: the interval and the heartbeat in milliseconds, the time-out in seconds."""
        millisecond = timedelta(milliseconds=1)
        return cls(interval * millisecond, timedelta(seconds=time_out), heartbeat * millisecond)

    @property
    def look_ahead(self) -> timedelta:
        """Whoever keeps beating never has less time left than this, give or take a second."""
        return self.time_out - self.heartbeat - timedelta(seconds=1)


class Counting:
    """`names` are those that channels are told by; others are told by their ids."""

    def __init__(
        self,
        *,
        viewers: PresenceSlots,
        counts: ViewerCounts,
        stats: Stats,
        recounts: CountRequests,
        pace: Pace,
        names: Mapping[str, str],
        time_zone: str,
        clock: Clock,
        per_shard: int = PER_SHARD,
    ) -> None:
        self._viewers = viewers
        self._counts = counts
        self._stats = stats
        self._recounts = recounts
        self._pace = pace
        self._names = names
        self._zone = time_zone
        self._clock = clock
        self._per_shard = per_shard

    @classmethod
    def of(cls, presence: Presence, *, stats: Stats, pace: Pace, names: Mapping[str, str], time_zone: str) -> Self:
        """Of those who come and go there."""
        return cls(
            viewers=presence.slots,
            counts=presence.counts,
            stats=stats,
            recounts=presence.count_requests,
            pace=pace,
            names=names,
            time_zone=time_zone,
            clock=presence.clock,
        )

    def current(self, channel: str, *, entered: bool = False) -> ViewerCount:
        """The count as it was an interval ago at most. A channel that nobody knows costs a read at most, and no write.

        Whoever asks in the interval is answered by one count; by the one before, while it is being made. Who has just
        `entered` is in it, though perhaps not all who came with them.
        """
        now = self._clock()
        known = self._counts.recent(channel, now)
        if now >= known.next_at if known else entered:
            try:
                before = self._counts.acquire(channel, secrets.token_hex(8), now, self._pace.interval)
                return self._made(channel, before, new_trace_id())
            except NotYetError:
                known = self._counts.get(channel, now)
        count = known.count if known else None
        # What nobody has counted yet is as old as a count may be: the first one is newer, though it was begun before.
        count = count or ViewerCount(channel, 0, 0, now - self._pace.interval, from_millis(0), self._window)
        one = 1 if entered else 0
        return replace(count, viewers=max(one, count.viewers), connections=max(one, count.connections))

    def handle(self, message: CountViewers) -> None:
        """Count as a message asks, unless that is done. NotYetError when its time is yet to come."""
        now = self._clock()
        if message.at > now:
            raise NotYetError(f"{message.channel} is to be counted", message.at)
        known = self._counts.get(message.channel, now)
        if message.check and (known is None or known.check_at != message.at):
            return
        if not message.check and known and known.count and known.count.as_of >= message.at:
            return
        if known and known.count and now < known.count.changed_at + self._pace.interval:
            raise NotYetError(f"{message.channel} has just changed", known.count.changed_at + self._pace.interval)
        try:
            before = self._counts.acquire(message.channel, message.key, now, self._pace.interval, changed=True)
        except NotYetError as error:
            raise NotYetError(f"{message.channel} is being counted", min(error.until, now + UNDER_WAY)) from None
        self._made(message.channel, before, message.trace_id)

    @property
    def _window(self) -> int:
        return self._pace.time_out // timedelta(seconds=1)

    def _made(self, channel: str, before: CountState | None, trace_id: str) -> ViewerCount:
        """Count, tell, arrange the next look, and keep it; in this order, so that all of it is done again or none."""
        now = self._clock()
        known = before or CountState(None, 0, from_millis(0), None, now)
        soon = now + self._pace.look_ahead
        tally = self._viewers.count(channel, known.level, now, soon)
        last = known.count
        same = last is not None and (last.viewers, last.connections) == (tally.viewers, tally.connections)
        changed_at = last.changed_at if last and same else now
        count = ViewerCount(channel, tally.viewers, tally.connections, now, changed_at, self._window)
        self._record(count, trace_id, again=known.unfinished)
        swept = self._viewers.prune(tally.expired)
        check_at = self._check(known, tally, soon, count)
        known = replace(
            self._grown(known, tally, now),
            count=count,
            check_at=check_at,
            next_at=now + self._pace.interval,
            unfinished=False,
        )
        self._counts.store(known, count, now)
        logger.info(
            "viewers counted",
            channel=channel,
            viewers=count.viewers,
            connections=count.connections,
            level=known.level,
            swept=swept,
            trace_id=trace_id,
        )
        return count

    def _record(self, count: ViewerCount, trace_id: str, *, again: bool) -> None:
        """Store a reading of what changed. Nobody has ever watched a channel without a reading, and nobody needs to.

        What did not change is stored `again` where an earlier count may still be on its way: that one is refused then.
        """
        subject = viewer_subject(count.channel)
        counted: dict[str, Number] = {"viewers": count.viewers, "connections": count.connections}

        def counted_now(stored: Reading | None) -> Reading:
            if stored and (stored.as_of >= count.as_of or (not again and counted.items() <= stored.metrics.items())):
                return stored
            peak = count.viewers
            if stored:
                same_day = day_of(stored.as_of, self._zone) == day_of(count.as_of, self._zone)
                # Those who were there as the day began were there on it.
                peak = max(peak, int(stored.metrics["peak" if same_day else "viewers"]))
            return Reading(
                subject=subject,
                name=self._names.get(count.channel, count.channel),
                metrics={**counted, "peak": peak},
                as_of=count.as_of,
                source=SOURCE,
                trace_id=trace_id,
                details={"window": count.window},
            )

        if count.connections or again or self._stats.get(subject):
            self._stats.update(subject, counted_now)

    def _grown(self, known: CountState, tally: Headcount, now: datetime) -> CountState:
        """Spread further what grows, once all know of the step before."""
        crowded = tally.viewers > self._per_shard * 4**known.level and known.level < HIGHEST_LEVEL
        if crowded and now >= known.level_from:
            return replace(known, level=known.level + 1, level_from=now + SPREAD)
        return known

    def _check(self, known: CountState, tally: Headcount, soon: datetime, count: ViewerCount) -> datetime | None:
        """When the next look is; asked for unless one is to come that is as early."""
        if not count.connections:
            return None
        due = tally.next_expiry or max(soon, count.as_of + self._pace.interval)
        if known.check_at and count.as_of < known.check_at <= due:
            return known.check_at
        self._recounts.schedule_check(count.channel, due)
        return due
