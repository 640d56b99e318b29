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

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self

from cairn.clock import Clock, from_millis
from cairn.errors import NotYetError
from cairn.messages import CountViewers
from cairn.model import Number, Reading, new_trace_id
from cairn.observability import logger
from cairn.readings.stats import MAX_AHEAD, Stats
from cairn.rules.viewers import SUSTAINED
from cairn.viewers.count_settings import MilestoneTest, Pace
from cairn.viewers.counts import LEVEL_DELAY, CountRefusedError, CountState, ViewerCount, ViewerCounts
from cairn.viewers.network_count import count_by_network
from cairn.viewers.presence import CountRequests, Presence
from cairn.viewers.presence_slots import Headcount, PresenceSlots
from cairn.viewers.subjects import UNNAMED_RETENTION, viewer_subject
from cairn.viewers.sustained import Endurance, Sustained
from cairn.workspace.rule_book import RuleSet

SOURCE = "viewers"
PER_SHARD = 5000
"""Viewers per partition key: one page of a query, and a sixth of the heartbeats that the partition accepts."""
MAX_LEVEL = 4
COUNT_DURATION = timedelta(milliseconds=300)
"""How long a count takes. A request made meanwhile waits for it, because the count may be too old for the request."""


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
        rules: RuleSet,
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
        self._zones = rules.zones
        self._rules_version = rules.version
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
        rules: RuleSet,
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
            rules=rules,
            clock=presence.clock,
        )

    def current(self, channel: str) -> ViewerCount:
        """The count, at most an interval old. An unknown channel costs one read at most, and no write.

        All callers in an interval share one count; while it is being made, they get the one before. The first count of
        a channel is made when the queue requests it; until then nobody is counted.
        """
        now = self._clock()
        state = self._counts.recent(channel, now)
        if state and now >= state.next_at:
            try:
                before = self._counts.acquire(channel, secrets.token_hex(8), now, self._pace.interval)
                return self._make(channel, before, new_trace_id())
            except NotYetError:
                state = self._counts.get(channel, now)
        count = state.count if state else None
        # Until the first count, the answer is dated an interval back: that count is newer, even if it began before.
        return count or ViewerCount(channel, 0, 0, now - self._pace.interval, from_millis(0), self._window)

    def handle(self, message: CountViewers) -> None:
        """Make the count that a message requests, unless it was made. NotYetError if it is not due."""
        now, check = self._clock(), message.check
        if message.at > now:
            raise NotYetError(f"the count of {message.channel} waits", message.at)
        # Most scheduled counts were replaced by an earlier one: a read is cheaper than an update that is rejected.
        state = self._counts.get(message.channel, now) if check else self._counts.known(message.channel)
        if check and (state is None or state.check_at != message.at):
            return
        if self._is_made(message, state):
            return
        try:
            before = self._counts.acquire(
                message.channel,
                message.key,
                now,
                self._pace.interval,
                changed=True,
                unless_since=None if check else message.at,
            )
        except CountRefusedError as error:
            if self._is_made(message, error.state):
                return
            raise NotYetError(
                f"{message.channel} is being counted: the next count waits", min(error.until, now + COUNT_DURATION)
            ) from None
        self._make(message.channel, before, message.trace_id)

    def _is_made(self, message: CountViewers, state: CountState | None) -> bool:
        """Whether the requested count was made. NotYetError if the last one has just found a change."""
        if state is None or state.count is None:
            return False
        if not message.check and state.count.as_of >= message.at:
            return True
        quiet_at = state.count.changed_at + self._pace.interval
        if self._clock() < quiet_at:
            raise NotYetError(f"{message.channel} has just changed: the next count waits", quiet_at)
        return False

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
                same_day = self._zones.day(stored.as_of) == self._zones.day(count.as_of)
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
                peaks={SUSTAINED: max(sustained, lasted, int(stored.peaks.get(SUSTAINED, 0)) if stored else 0)},
                rules_version=self._rules_version,
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
