"""A channel, who watches it, and the functions between, in simulated time: what each part of it uses of AWS.

Few viewers come by the functions themselves. Many are put straight into the table, as their adapter would have left
them: by the functions they would take minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import boto3

from bench.account import NOTHING, QUEUED, Account, Work, account
from cairn.clock import now
from cairn.viewers.counting import PER_SHARD, Counting
from cairn.viewers.presence_slots import PresenceSlot, PresenceSlots
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Context
from testing.dynamodb import stored
from testing.functions import FUNCTIONS, Running
from testing.meter import item_size
from testing.sqs import Fifo, in_place_of_sqs
from testing.viewer_site import Site
from testing.websocket_api import FakePoster, in_place_of_api_gateway

CHANNEL = "evening-show"
TAB = "sL0SM9cOFvHcCIhA="
"""Of whoever is put there: an open socket, as long as they go."""
LASTING = timedelta(hours=2)
_HIDDEN = timedelta(minutes=2)


@dataclass(frozen=True)
class Passed:
    """What was done while time passed; a multiple of it is what as much more time would do."""

    counting: Work = NOTHING
    waited: float = 0.0
    """Seconds that the counting function slept."""
    counts: float = 0
    changes: float = 0
    detected: Work = NOTHING
    remembered: Work = NOTHING
    told: Work = NOTHING

    @property
    def whole(self) -> Work:
        return self.counting + self.detected + self.remembered + self.told

    def __add__(self, other: Passed) -> Passed:
        pairs = zip(fields(self), fields(other), strict=True)
        return Passed(*(getattr(self, mine.name) + getattr(other, theirs.name) for mine, theirs in pairs))

    def __mul__(self, times: float) -> Passed:
        return Passed(*(getattr(self, field.name) * times for field in fields(self)))


@dataclass
class Audience:
    """One channel's."""

    made: Account
    clock: ControlledClock
    queue: Fifo
    poster: FakePoster
    site: Site = field(default_factory=Site)

    def measured(self, call: Callable[[], object]) -> Work:
        """A call, as one invocation."""
        with self.made.invocation() as done:
            call()
        return done.work

    def ask(self) -> None:
        """Somebody asks how many there are: from here on there is a count that is younger than an interval."""
        self.measured(lambda: self.site.count(CHANNEL))

    def run(self, seconds: float) -> Passed:
        """Let time pass, and what is due be done: counts, and what a changed one leads to."""
        passed, end = self._followed(), now() + timedelta(seconds=seconds)
        while (due := self.queue.due()) and due <= end:
            self.clock.reach(due)
            passed += self._counted() + self._followed()
        self.clock.reach(end)
        return passed

    def lambdas(self, number: int) -> list[Counting]:
        """What so many Lambdas that have just started count with."""
        return [Running("viewer_heartbeat").dependencies.counting for _ in range(number)]

    def fill(self, viewers: int) -> int:
        """Let so many watch the channel, spread as if it had grown; how many bytes the table holds of each."""
        table = self.made.aws.table("PRESENCE_TABLE")
        with self.made.invocation():
            self.lambdas(1)[0].current(CHANNEL, entered=True)
        key = {"pk": CHANNEL, "sk": "count"}
        level = _put(viewers, PresenceSlots(table))
        table.put_item(Item=table.get_item(Key=key)["Item"] | {"level": level})
        seat = {"pk": {"S": f"{CHANNEL}#0.0"}, "sk": {"S": _name(0)}}
        return item_size(boto3.client("dynamodb").get_item(TableName=table.name, Key=seat)["Item"])

    def _counted(self) -> Passed:

        began = now()
        with self.made.invocation() as done:
            self.queue.deliver(lambda _, event: FUNCTIONS["count_viewers"](event, Context(20.0)))
        waited = (now() - began) / timedelta(seconds=1)
        return Passed(done.work + QUEUED, waited, done.log.count('"viewers counted"'))

    def _followed(self) -> Passed:
        """What a count that changed leads to, also one that was made for somebody who asked."""
        changed = self.made.aws.changes()
        if not changed:
            return Passed()
        detected, remembered, told = self.made.detect(changed), self.made.remember(), self.made.tell()
        return Passed(changes=len(changed), detected=detected, remembered=remembered, told=told)


@contextmanager
def audience() -> Iterator[Audience]:
    """Of nobody yet."""
    with ExitStack() as stack:
        clock = stack.enter_context(controlled_clock())
        poster = stack.enter_context(in_place_of_api_gateway())
        made = stack.enter_context(account())
        queue = stack.enter_context(in_place_of_sqs(Fifo(clock, "count", max_receives=30, hidden=_HIDDEN)))
        yield Audience(made, clock, queue, poster)


class _Keys:
    """In place of a table: where a viewer would be written."""

    seen: dict[str, str]

    def update_item(self, *, Key: dict[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.seen = Key
        return {}


def _name(number: int) -> str:
    return f"viewer{number:016}"


def _put(viewers: int, adapter: PresenceSlots) -> int:
    """PresenceSlots beside one that the adapter has written; over how many levels."""
    first, keys, level = PresenceSlot(CHANNEL, _name(0), TAB, 0), _Keys(), 0
    adapter.enter(first, now() + LASTING, now())
    table = stored("PRESENCE_TABLE")
    pattern = next(item for item in table.items() if item["sk"] == {"S": first.viewer_id})
    writing = PresenceSlots(keys)  # type: ignore[arg-type]  # all that is asked of the table
    for number in range(1, viewers):
        level += number > PER_SHARD * 4**level
        writing.enter(PresenceSlot(CHANNEL, _name(number), TAB, level), now() + LASTING, now())
        table.put(pattern | {name: {"S": value} for name, value in keys.seen.items()})
    return level
