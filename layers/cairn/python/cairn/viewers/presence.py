"""Joins, heartbeats and leaves: every change of a channel's viewers is made here, and requests a new count.

All requests to a Lambda within one BUCKET are one message, and the messages of all Lambdas for one bucket have the same
key, of which the queue accepts one. It is not handled before the bucket ends, so the count finds everyone who joined in
it. Nothing is written to the table for a request, so no number of joins makes a partition hot.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.sqs import NotSentError, Queue
from cairn.clock import Clock, from_millis, to_millis
from cairn.messages import CountViewers
from cairn.model import new_trace_id
from cairn.observability import logger
from cairn.viewers.counts import ViewerCount, ViewerCounts
from cairn.viewers.presence_slots import PresenceSlot, PresenceSlots, partitions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BUCKET = timedelta(milliseconds=500)
SKEW = timedelta(milliseconds=50)
"""By how much the clocks of two Lambdas may differ."""
CHECK_OVERDUE = timedelta(seconds=15)
"""A check that is this late was lost; a heartbeat then requests a count."""
_MAX_REMEMBERED = 1000


class CountRequests:
    """Requests counts. `queue` is the count queue."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._requested: dict[str, datetime] = {}

    def request(self, channel: str) -> None:
        """Request a count that begins after this instant."""
        bucket = BUCKET // timedelta(milliseconds=1)
        at = from_millis((to_millis(self._clock()) // bucket + 1) * bucket) + SKEW
        if self._requested.get(channel) == at:
            return
        self._queue.send([CountViewers(channel, at, check=False, trace_id=new_trace_id())])
        if len(self._requested) >= _MAX_REMEMBERED:
            self._requested.clear()
        self._requested[channel] = at

    def schedule_check(self, channel: str, at: datetime, *, shared: bool = False) -> None:
        """Request a count at that time; `shared` if anybody can have made the channel up."""
        self._queue.send([CountViewers(channel, at, check=True, trace_id=new_trace_id(), shared=shared)])

    def schedule_milestone(self, channel: str, at: datetime, *, shared: bool) -> None:
        """Request a count at the time when a milestone will have lasted."""
        message = CountViewers(channel, at, check=False, trace_id=new_trace_id(), shared=shared, lasted=True)
        self._queue.send([message])


class Presence:
    def __init__(
        self, *, slots: PresenceSlots, counts: ViewerCounts, count_requests: CountRequests, clock: Clock
    ) -> None:
        self.slots = slots
        self.counts = counts
        self.count_requests = count_requests
        self.clock = clock

    @classmethod
    def of(cls, table: Table, queue: Queue, clock: Clock) -> Self:
        """`table` is the presence table, `queue` the count queue."""
        return cls(
            slots=PresenceSlots(table),
            counts=ViewerCounts(table),
            count_requests=CountRequests(queue, clock),
            clock=clock,
        )

    def enter(self, channel: str, viewer_id: str, tab: str, until: datetime, network: str = "") -> PresenceSlot:
        """A viewer's tab joins the channel, from a network with this tag.

        TooManyTabsError if the viewer has too many.
        """
        slot = self.slot_for(channel, viewer_id, tab)
        self.occupy(slot, until, network)
        return slot

    def slot_for(self, channel: str, viewer_id: str, tab: str) -> PresenceSlot:
        """The slot for a tab: at the level of the viewer's other tabs, or at that of new viewers."""
        state = self.counts.recent(channel, self.clock())
        level = state.level_at(self.clock()) if state else 0
        own = self.slots.find(channel, viewer_id, range(level)) if level else None
        return PresenceSlot(channel, viewer_id, tab, level if own is None else own)

    def occupy(self, slot: PresenceSlot, until: datetime, network: str = "") -> None:
        """Occupy a slot until then; a repeat only prolongs it. TooManyTabsError if the viewer has too many tabs."""
        self.slots.enter(slot, until, self.clock(), network)
        self._request_count(slot.channel)

    def keep_alive(self, slot: PresenceSlot, until: datetime) -> None:
        """A heartbeat. NotFoundError if the viewer is not present any more, ForbiddenError if the tab is not theirs."""
        if self.slots.keep_alive(slot, until, self.clock()) or self._unscheduled(slot.channel):
            self._request_count(slot.channel)

    def leave(self, slot: PresenceSlot) -> None:
        """Leave a slot; a repeat changes nothing. ForbiddenError if the viewer is present and the tab is not theirs."""
        if self.slots.leave(slot):
            self._request_count(slot.channel)

    def _request_count(self, channel: str) -> None:
        """Request a count. If the queue fails while a check is scheduled, the check replaces it.

        A client that received an error would join again, and be present twice.
        """
        try:
            self.count_requests.request(channel)
        except (BotoCoreError, ClientError, NotSentError) as error:
            if self._unscheduled(channel):
                raise
            logger.warning("count not requested; the scheduled check replaces it", channel=channel, reason=str(error))

    def _unscheduled(self, channel: str) -> bool:
        """Whether no check of the channel is scheduled, or the scheduled one was lost."""
        state = self.counts.recent(channel, self.clock())
        return state is None or state.check_at is None or state.check_at + CHECK_OVERDUE < self.clock()

    def is_watched(self, channel: str) -> bool:
        """Whether the last count found anybody."""
        state = self.counts.recent(channel, self.clock())
        return state is not None and state.check_at is not None

    def last_count(self, channel: str) -> ViewerCount | None:
        """The last count, however old."""
        state = self.counts.recent(channel, self.clock())
        return state.count if state else None

    def level(self, channel: str) -> int:
        """The highest level at which a viewer may be."""
        state = self.counts.recent(channel, self.clock())
        return state.level if state else 0

    def some_sockets(self, channel: str, limit: int) -> list[PresenceSlot]:
        """At most `limit` of the open sockets, from partition keys in random order."""
        shards = partitions(self.level(channel))
        shuffled = random.sample(range(shards), shards)
        slots = (slot for shard in shuffled for slot, _ in self.sockets(channel, (shard, shards)))
        return list(islice(slots, limit))

    def sockets(self, channel: str, shard: tuple[int, int]) -> list[tuple[PresenceSlot, datetime]]:
        """The open sockets that watch a channel, and when each expires. `shard` is a number, and of how many."""
        return list(self.slots.sockets(channel, self.level(channel), self.clock(), shard))
