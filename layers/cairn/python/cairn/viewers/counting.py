"""Counts a channel's viewers, at most once an interval for everyone who asks; a changed count becomes a reading.

The reading is stored before the count. If the function dies in between, the count is made again, and its reading is
stored again. Nothing else is published: the stats table's stream is the outbox, here as for every other reading.

While a channel has viewers, its next check is always scheduled: for when the first late heartbeat expires or, if none
is late, for the earliest time at which any other could expire. So a viewer who disconnects without notice is missed on
time, even if nobody asks for the count.

A milestone is judged by another number, `sustained`: how many viewers every count of the last while found, with a few
of each address at most. Only a count that could lead to one asks for the addresses; and it schedules another for when
the milestone will have lasted.
"""

from __future__ import annotations

import json
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
from cairn.readings.stats import MAX_AHEAD, Stats
from cairn.rules.viewers import RULE, SUSTAINED, VIEWER_STEPS
from cairn.viewers.counts import LEVEL_DELAY, CountState, ViewerCount, ViewerCounts
from cairn.viewers.network_count import count_by_network
from cairn.viewers.presence import CountRequests, Presence
from cairn.viewers.presence_slots import Headcount, PresenceSlots
from cairn.viewers.subjects import UNNAMED_RETENTION, viewer_subject
from cairn.viewers.sustained import Endurance, Sustained

SOURCE = "viewers"
PER_SHARD = 5000
"""Viewers per partition key: one page of a query, and a sixth of the heartbeats that the partition accepts."""
MAX_LEVEL = 4
COUNT_DURATION = timedelta(milliseconds=300)
"""How long a count takes. A request made meanwhile waits for it, because the count may be too old for the request."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The shortest time between two counts of a channel, and how long a viewer is present after a heartbeat."""

    interval: timedelta
    timeout: timedelta
    heartbeat: timedelta

    @classmethod
    def of(cls, *, interval: int, timeout: int, heartbeat: int) -> Self:
        """From the settings: the interval and the heartbeat in milliseconds, the timeout in seconds."""
        millisecond = timedelta(milliseconds=1)
        return cls(interval * millisecond, timedelta(seconds=timeout), heartbeat * millisecond)

    @property
    def look_ahead(self) -> timedelta:
        """A viewer whose heartbeats are at most a second late always has more time left than this."""
        return self.timeout - self.heartbeat - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class MilestoneTest:
    """What makes a number of viewers a milestone: at most so many viewers of an address, for so long."""

    thresholds: tuple[int, ...]
    per_address: int
    duration: timedelta


@dataclass(frozen=True, kw_only=True)
class MilestoneSettings:
    """The same as settings of a function that counts; `ladders` are the operator's thresholds by rule, as JSON.

    The defaults are those of cdk.json: during a deployment a function may have its new code without its new variables.
    """

    viewer_milestone_per_address: int = 3
    viewer_milestone_seconds: int = 60
    ladders: str = "{}"

    @property
    def milestone_test(self) -> MilestoneTest:
        return MilestoneTest(
            thresholds=tuple(json.loads(self.ladders).get(RULE, VIEWER_STEPS)),
            per_address=self.viewer_milestone_per_address,
            duration=timedelta(seconds=self.viewer_milestone_seconds),
        )


class Counting:
    """`names` are the display names of channels, by id; every other channel is shown by its id."""

    def __init__(
        self,
        *,
        slots: PresenceSlots,
        counts: ViewerCounts,
        stats: Stats,
        count_requests: CountRequests,
        pace: Pace,
        test: MilestoneTest,
        names: Mapping[str, str],
        time_zone: str,
        clock: Clock,
        per_shard: int = PER_SHARD,
    ) -> None:
        self._slots = slots
        self._counts = counts
        self._stats = stats
        self._count_requests = count_requests
        self._pace = pace
        self._per_address = test.per_address
        self._endurance = Endurance(test.thresholds, test.duration)
        self._names = names
        self._zone = time_zone
        self._clock = clock
        self._per_shard = per_shard

    @classmethod
    def of(
        cls,
        presence: Presence,
        *,
        stats: Stats,
        pace: Pace,
        test: MilestoneTest,
        names: Mapping[str, str],
        time_zone: str,
    ) -> Self:
        """Counts the viewers of `presence`."""
        return cls(
            slots=presence.slots,
            counts=presence.counts,
            stats=stats,
            count_requests=presence.count_requests,
            pace=pace,
            test=test,
            names=names,
            time_zone=time_zone,
            clock=presence.clock,
        )

    def current(self, channel: str, *, entered: bool = False) -> ViewerCount:
        """The count, at most an interval old. An unknown channel costs one read at most, and no write.

        All callers in an interval share one count; while it is being made, they get the one before. A viewer who has
        just `entered` is always included, though perhaps not all who joined at the same time.
        """
        now = self._clock()
        state = self._counts.recent(channel, now)
        if now >= state.next_at if state else entered:
            try:
                before = self._counts.acquire(channel, secrets.token_hex(8), now, self._pace.interval)
                return self._make(channel, before, new_trace_id())
            except NotYetError:
                state = self._counts.get(channel, now)
        count = state.count if state else None
        # Until the first count, the answer is dated an interval back: that count is newer, even if it began before.
        count = count or ViewerCount(channel, 0, 0, now - self._pace.interval, from_millis(0), self._window)
        least = 1 if entered else 0
        return replace(count, viewers=max(least, count.viewers), connections=max(least, count.connections))

    def handle(self, message: CountViewers) -> None:
        """Make the count that a message requests, unless it was made. NotYetError if it is not due."""
        now = self._clock()
        if message.at > now:
            raise NotYetError(f"the count of {message.channel} waits", message.at)
        state = self._counts.get(message.channel, now)
        if message.check and (state is None or state.check_at != message.at):
            return
        if not message.check and state and state.count and state.count.as_of >= message.at:
            return
        if state and state.count and now < state.count.changed_at + self._pace.interval:
            raise NotYetError(
                f"{message.channel} has just changed: the next count waits",
                state.count.changed_at + self._pace.interval,
            )
        try:
            before = self._counts.acquire(message.channel, message.key, now, self._pace.interval, changed=True)
        except NotYetError as error:
            raise NotYetError(
                f"{message.channel} is being counted: the next count waits", min(error.until, now + COUNT_DURATION)
            ) from None
        self._make(message.channel, before, message.trace_id)

    @property
    def _window(self) -> int:
        return self._pace.timeout // timedelta(seconds=1)

    def _make(self, channel: str, before: CountState | None, trace_id: str) -> ViewerCount:
        """Count, store the reading, prune, schedule the next check, and store the count last.

        In this order, a function that dies before the end leaves all of it to be repeated.
        """
        now = self._clock()
        state = before or CountState(None, 0, from_millis(0), None, now)
        horizon = now + self._pace.look_ahead
        headcount = self._slots.count(channel, state.level, now, horizon)
        last = state.count
        same = last is not None and (last.viewers, last.connections) == (headcount.viewers, headcount.connections)
        changed_at = last.changed_at if last and same else now
        count = ViewerCount(channel, headcount.viewers, headcount.connections, now, changed_at, self._window)
        sustained = self._sustained(state, headcount, horizon, count)
        self._record(count, sustained.viewers, trace_id, force=state.unfinished)
        pruned = self._slots.prune(headcount.expired)
        check_at = self._next_check(state, headcount, horizon, count)
        decided_at = self._endurance.decided_at(sustained)
        if decided_at and decided_at != self._endurance.decided_at(state.sustained):
            self._count_requests.schedule_milestone(channel, decided_at, shared=channel not in self._names)
        state = replace(
            self._with_level(state, headcount, now),
            count=count,
            check_at=check_at,
            next_at=now + self._pace.interval,
            sustained=sustained,
            unfinished=False,
        )
        self._counts.store(state, count, now)
        logger.info(
            "viewers counted",
            channel=channel,
            viewers=count.viewers,
            connections=count.connections,
            level=state.level,
            pruned=pruned,
            trace_id=trace_id,
        )
        return count

    def _sustained(self, state: CountState, headcount: Headcount, horizon: datetime, count: ViewerCount) -> Sustained:
        """How many viewers have lasted. Unless a threshold is near, the addresses make no difference."""
        viewers = count.viewers
        if self._endurance.may_rise(state.sustained, viewers):
            viewers = count_by_network(self._slots, count.channel, state.level, horizon, headcount, self._per_address)
        return self._endurance.after(state.sustained, viewers, count.as_of)

    def _record(self, count: ViewerCount, sustained: int, trace_id: str, *, force: bool) -> None:
        """Store a changed count as a reading. A channel that has none never had viewers, and needs none until it has.

        With `force` an unchanged count is stored too: an earlier one may still be in progress, and is rejected then.
        """
        subject = viewer_subject(count.channel)
        counted: dict[str, Number] = {"viewers": count.viewers, "connections": count.connections}

        def counted_now(stored: Reading | None) -> Reading:
            if stored and count.as_of <= stored.as_of <= count.as_of + MAX_AHEAD:
                return stored
            lasted = int(stored.metrics.get(SUSTAINED, 0)) if stored else 0
            if stored and not force and lasted >= sustained and counted.items() <= stored.metrics.items():
                return stored
            peak = count.viewers
            if stored:
                same_day = day_of(stored.as_of, self._zone) == day_of(count.as_of, self._zone)
                # Viewers who were present when the day began belong to its peak.
                peak = max(peak, int(stored.metrics["peak" if same_day else "viewers"]))
            return Reading(
                subject=subject,
                name=self._names.get(count.channel, count.channel),
                metrics={**counted, "peak": peak, SUSTAINED: sustained},
                as_of=count.as_of,
                source=SOURCE,
                trace_id=trace_id,
                details={"window": count.window},
                expires_at=None if count.channel in self._names else _forgotten_at(count),
            )

        if count.connections or force or self._stats.get(subject):
            self._stats.update(subject, counted_now)

    def _with_level(self, state: CountState, headcount: Headcount, now: datetime) -> CountState:
        """Raise the level of a growing channel, once all Lambdas know the level before."""
        crowded = headcount.viewers > self._per_shard * 4**state.level and state.level < MAX_LEVEL
        if crowded and now >= state.level_from:
            return replace(state, level=state.level + 1, level_from=now + LEVEL_DELAY)
        return state

    def _next_check(
        self, state: CountState, headcount: Headcount, horizon: datetime, count: ViewerCount
    ) -> datetime | None:
        """When the next check is. It is scheduled unless one that is as early already is."""
        if not count.connections:
            return None
        due = headcount.next_expiry or max(horizon, count.as_of + self._pace.interval)
        if state.check_at and count.as_of < state.check_at <= due:
            return state.check_at
        self._count_requests.schedule_check(count.channel, due, shared=count.channel not in self._names)
        return due


def _forgotten_at(count: ViewerCount) -> datetime:
    """In whole seconds, as a table stores it."""
    return (count.as_of + UNNAMED_RETENTION).replace(microsecond=0)
