"""A channel, its viewers and the functions between them, in simulated time: the AWS usage of each part.

A few viewers join through the functions. Large audiences are written directly to the table, as the adapter would have
written them: through the functions, that would take minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import boto3

from bench.account import NOTHING, QUEUED_IN_ORDER, Account, Work, metered_account
from cairn.clock import now
from cairn.viewers.counting import PER_SHARD, Counting
from cairn.viewers.networks import network_tag
from cairn.viewers.presence_slots import PresenceSlot, PresenceSlots
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Context
from testing.dynamodb import stored
from testing.functions import FUNCTIONS, Running
from testing.item_sizes import item_size
from testing.sqs import Fifo, in_place_of_sqs
from testing.viewer_site import Site, count_now
from testing.websocket_api import FakePoster, in_place_of_api_gateway
from testing.workspace import begin_with

CHANNEL = "evening-show"
TAB = "sL0SM9cOFvHcCIhA="
"""The tab id of viewers that are written directly: an open socket's, of the greatest length."""
LIFETIME = timedelta(hours=2)
_VISIBILITY_TIMEOUT = timedelta(minutes=2)


@dataclass(frozen=True)
class Period:
    """The usage of a period of time; multiply it for a longer or shorter one."""

    counting: Work = NOTHING
    waited: float = 0.0
    """Seconds that the counting function slept."""
    counts: float = 0
    changes: float = 0
    detected: Work = NOTHING
    recorded: Work = NOTHING
    broadcast: Work = NOTHING

    @property
    def total(self) -> Work:
        return self.counting + self.detected + self.recorded + self.broadcast

    def __add__(self, other: Period) -> Period:
        pairs = zip(fields(self), fields(other), strict=True)
        return Period(*(getattr(self, own.name) + getattr(other, others.name) for own, others in pairs))

    def __mul__(self, times: float) -> Period:
        return Period(*(getattr(self, field.name) * times for field in fields(self)))


@dataclass
class Audience:
    """The viewers of one channel."""

    account: Account
    clock: ControlledClock
    queue: Fifo
    poster: FakePoster
    site: Site = field(default_factory=Site)

    def measured(self, call: Callable[[], object]) -> Work:
        """Measure a call as one invocation."""
        with self.account.invocation() as invocation:
            call()
        return invocation.work

    def request_count(self) -> None:
        """Request the count, so that from now on there is one that is younger than an interval."""
        self.measured(lambda: self.site.count(CHANNEL))

    def run(self, seconds: float) -> Period:
        """Let time pass, and do what is due: counts, and what follows from a changed one."""
        period, end = self._process_changes(), now() + timedelta(seconds=seconds)
        while (due := self.queue.due()) and due <= end:
            self.clock.advance_to(due)
            period += self._count() + self._process_changes()
        self.clock.advance_to(end)
        return period

    def lambdas(self, number: int) -> list[Counting]:
        """The counting of this many Lambdas that have just started."""
        return [Running("viewer_heartbeat").dependencies.counting for _ in range(number)]

    def fill(self, viewers: int) -> int:
        """Write this many viewers, spread as if the channel had grown; the bytes that the table holds for each."""
        table = self.account.aws.table("PRESENCE_TABLE")
        with self.account.invocation():
            count_now(CHANNEL)
        key = {"pk": CHANNEL, "sk": "count"}
        level = _write(viewers, PresenceSlots(table))
        table.put_item(Item=table.get_item(Key=key)["Item"] | {"level": level})
        slot = {"pk": {"S": f"{CHANNEL}#0.0"}, "sk": {"S": _name(0)}}
        return item_size(boto3.client("dynamodb").get_item(TableName=table.name, Key=slot)["Item"])

    def _count(self) -> Period:
        began = now()
        with self.account.invocation() as invocation:
            self.queue.deliver(lambda _, event: FUNCTIONS["count_viewers"](event, Context(20.0)))
        waited = (now() - began) / timedelta(seconds=1)
        return Period(invocation.work + QUEUED_IN_ORDER, waited, invocation.log.count('"viewers counted"'))

    def _process_changes(self) -> Period:
        """Do what follows from a changed count, including one that was made on request."""
        changed = self.account.aws.changes()
        if not changed:
            return Period()
        detected = self.account.detect(changed)
        recorded, broadcast = self.account.record_history(), self.account.broadcast()
        return Period(changes=len(changed), detected=detected, recorded=recorded, broadcast=broadcast)


@contextmanager
def simulated_audience() -> Iterator[Audience]:
    """A channel without viewers, and never near a milestone: there, a count reads the slots twice for a minute."""
    with ExitStack() as stack:
        clock = stack.enter_context(controlled_clock())
        poster = stack.enter_context(in_place_of_api_gateway())
        account = stack.enter_context(metered_account())
        begin_with(ladders={"viewers": [1_000_000_000]})
        queue = stack.enter_context(
            in_place_of_sqs(Fifo(clock, "count", max_receives=30, hidden=_VISIBILITY_TIMEOUT, recursive=True))
        )
        yield Audience(account, clock, queue, poster)


class _Keys:
    """Stands in for the table, and keeps the key under which a viewer would be written."""

    key: dict[str, str]

    def update_item(self, *, Key: dict[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.key = Key
        return {}


def _name(number: int) -> str:
    return f"viewer{number:016}"


def _write(viewers: int, adapter: PresenceSlots) -> int:
    """Write presence slots like one that the adapter writes; the level that the channel reaches."""
    first, keys, level = PresenceSlot(CHANNEL, _name(0), TAB, 0), _Keys(), 0
    adapter.enter(first, now() + LIFETIME, now(), network_tag("198.51.100.7", CHANNEL, "key"))
    table = stored("PRESENCE_TABLE")
    template = next(item for item in table.items() if item["sk"] == {"S": first.viewer_id})
    keyed_slots = PresenceSlots(keys)  # type: ignore[arg-type]  # has the one method that is called
    for number in range(1, viewers):
        level += number > PER_SHARD * 4**level
        keyed_slots.enter(PresenceSlot(CHANNEL, _name(number), TAB, level), now() + LIFETIME, now())
        table.put(template | {name: {"S": value} for name, value in keys.key.items()})
    return level
