"""Coming, staying and going: whoever changes who watches a channel does it here, and so has the channel counted anew.

What is asked of a Lambda within one BUCKET is one message, and all Lambdas' messages of one bucket have the same key,
of which the queue takes one. It is not worked on before the bucket is over, so that the count finds everybody who came
in it; and since no place in the table is written for it, no number of joins makes one hot.
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
"""A check that late was lost, and whoever notices has the channel counted."""
_MOST_ASKED = 1000


class CountRequests:
    """Asks for counts. `queue` is the count queue."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._asked: dict[str, datetime] = {}

    def request(self, channel: str) -> None:
        """Have the channel counted after this instant."""
        bucket = BUCKET // timedelta(milliseconds=1)
        at = from_millis((to_millis(self._clock()) // bucket + 1) * bucket) + SKEW
        if self._asked.get(channel) == at:
            return
        self._queue.send([CountViewers(channel, at, check=False, trace_id=new_trace_id())])
        if len(self._asked) >= _MOST_ASKED:
            self._asked.clear()
        self._asked[channel] = at

    def schedule_check(self, channel: str, at: datetime) -> None:
        """Have the channel counted then."""
        self._queue.send([CountViewers(channel, at, check=True, trace_id=new_trace_id())])


class Presence:
    def __init__(self, *, viewers: PresenceSlots, counts: ViewerCounts, recounts: CountRequests, clock: Clock) -> None:
        self.slots = viewers
        self.counts = counts
        self.count_requests = recounts
        self.clock = clock

    @classmethod
    def of(cls, table: Table, queue: Queue, clock: Clock) -> Self:
        """Of the presence table and the count queue."""
        return cls(
            viewers=PresenceSlots(table), counts=ViewerCounts(table), recounts=CountRequests(queue, clock), clock=clock
        )

    def enter(self, channel: str, viewer_id: str, tab: str, until: datetime) -> PresenceSlot:
        """A viewer's tab watches the channel from now on; TooManyTabsError when the viewer has too many."""
        seat = self.slot_for(channel, viewer_id, tab)
        self.occupy(seat, until)
        return seat

    def slot_for(self, channel: str, viewer_id: str, tab: str) -> PresenceSlot:
        """Where a tab is to sit: with the viewer's others, or where newcomers do."""
        known = self.counts.recent(channel, self.clock())
        level = known.level_at(self.clock()) if known else 0
        there = self.slots.find(channel, viewer_id, range(level)) if level else None
        return PresenceSlot(channel, viewer_id, tab, level if there is None else there)

    def occupy(self, seat: PresenceSlot, until: datetime) -> None:
        """Sit down; again, it only lasts longer. TooManyTabsError when the viewer has too many."""
        self.slots.enter(seat, until, self.clock())
        self._ask(seat.channel)

    def keep_alive(self, seat: PresenceSlot, until: datetime) -> None:
        """A heartbeat. NotFoundError when no such viewer is there any more, ForbiddenError when it is not their tab."""
        if self.slots.keep_alive(seat, until, self.clock()) or self._unwatched(seat.channel):
            self._ask(seat.channel)

    def leave(self, seat: PresenceSlot) -> None:
        """Get up; again, it changes nothing. ForbiddenError when the viewer is there and it is not their tab."""
        if self.slots.leave(seat):
            self._ask(seat.channel)

    def _ask(self, channel: str) -> None:
        """Have the channel counted. Where a look at it is to come anyway, that will do when the queue takes no more.

        Whoever was told of a failure would come again, and be there twice.
        """
        try:
            self.count_requests.request(channel)
        except (BotoCoreError, ClientError, NotSentError) as error:
            if self._unwatched(channel):
                raise
            logger.warning("count not asked for", channel=channel, reason=str(error))

    def _unwatched(self, channel: str) -> bool:
        """Whether no look at the channel is to come, or the last one that was to come was lost."""
        known = self.counts.recent(channel, self.clock())
        return known is None or known.check_at is None or known.check_at + CHECK_OVERDUE < self.clock()

    def last_count(self, channel: str) -> ViewerCount | None:
        """The last count, however old."""
        known = self.counts.recent(channel, self.clock())
        return known.count if known else None

    def level(self, channel: str) -> int:
        """Up to which level anybody may sit."""
        known = self.counts.recent(channel, self.clock())
        return known.level if known else 0

    def some_sockets(self, channel: str, most: int) -> list[PresenceSlot]:
        """So many of the open sockets, from partition keys that are chosen at random."""
        parts = partitions(self.level(channel))
        shuffled = random.sample(range(parts), parts)
        seats = (seat for part in shuffled for seat, _ in self.sockets(channel, (part, parts)))
        return list(islice(seats, most))

    def sockets(self, channel: str, part: tuple[int, int]) -> list[tuple[PresenceSlot, datetime]]:
        """The open sockets that watch a channel, and until when: the part of that number, of so many."""
        return list(self.slots.sockets(channel, self.level(channel), self.clock(), part))
