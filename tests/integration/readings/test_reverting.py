"""A false milestone is taken back: what was never true counts no more, and what is true is announced, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cairn.errors import BadInputError, ConflictError, NotFoundError
from cairn.messages import Alert, RoomEvent
from cairn.model import Reading, new_trace_id
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.rules import ALL_TIME
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.readings import CATS, channel_reading, viewers_reading
from testing.reverting import revert, reverting

FALSE = f"{CATS}/subscribers/all-time/750000"


class Channel:
    """A channel whose counts are written directly, and what is announced of them."""

    def __init__(self, aws: Cloud, clock: ControlledClock) -> None:
        self.aws, self.clock = aws, clock
        self.stats = Stats(aws.table("STATS_TABLE"))
        self.milestones = Milestones(aws.table("MILESTONES_TABLE"))
        self.records: list[dict[str, Any]] = []

    def count(self, *counts: int) -> list[str]:
        """What these readings, one after the other, announce."""
        for count in counts:
            self.write(channel_reading(count))
        return self.announced()

    def write(self, reading: Reading) -> None:
        self.clock.sleep(60)
        assert self.stats.record(replace(reading, as_of=self.clock.now(), trace_id=new_trace_id()))

    def announced(self) -> list[str]:
        self.detect(self.aws.changes())
        return [one.milestone.id for one in self.aws.drain("NOTIFY_QUEUE_URL") if isinstance(one, Alert)]

    def detect(self, records: list[dict[str, Any]]) -> None:
        self.records += records
        assert FUNCTIONS["detect_milestone"]({"Records": records}, Context()) == {"batchItemFailures": []}

    def mark(self) -> int:
        return int(self.milestones.high_water_marks([CATS], "subscribers", ALL_TIME)[CATS].threshold)


@pytest.fixture
def channel(aws: Cloud, clock: ControlledClock) -> Channel:
    made = Channel(aws, clock)
    assert made.count(9_900) == []
    return made


@pytest.fixture
def false(channel: Channel) -> Channel:
    """A count that was nonsense once."""
    assert channel.count(990_000, 9_950) == [FALSE]
    return channel


def test_after_a_reversal_the_true_threshold_is_announced(false: Channel) -> None:
    revert(FALSE)
    assert false.mark() == 5_000
    assert false.announced() == []
    assert false.count(9_990, 10_100) == [f"{CATS}/subscribers/all-time/10000/r1"]
    assert false.count(9_900, 10_200) == []


def test_a_threshold_that_is_truly_passed_later_has_another_id_than_the_false_one(false: Channel) -> None:
    """So nobody takes it for a repeat: neither the chats, whose deliveries are kept by it, nor the rooms' logs."""
    revert(FALSE)
    assert false.count(760_000) == [f"{FALSE}/r1"]
    shown = [one.id for one in false.milestones.of(CATS)]
    assert shown == [f"{FALSE}/r1", FALSE]


def test_a_reverted_milestone_stays_listed_and_says_who_reverted_it_and_why(false: Channel, api: Api) -> None:
    revert(FALSE)
    (item,) = api("GET", "/api/milestones").json["items"]
    assert item["id"] == FALSE
    assert (item["revertedAt"], item["revertedBy"]) == ("2026-11-20T12:03:00.000Z", "grace")
    assert item["reason"] == "the platform sent nonsense"


def test_a_repeated_record_does_not_announce_a_reverted_milestone_again(false: Channel) -> None:
    revert(FALSE)
    false.detect(false.records)
    assert false.announced() == []
    assert false.mark() == 5_000


def test_what_is_true_by_now_and_was_hidden_by_the_false_milestone_is_announced_at_once(false: Channel) -> None:
    assert false.count(10_500) == []
    revert(FALSE)
    assert false.announced() == [f"{CATS}/subscribers/all-time/10000/r1"]
    assert false.announced() == []


def test_while_the_stored_reading_is_false_the_operator_has_to_say_what_is_true(channel: Channel) -> None:
    assert channel.count(990_000) == [FALSE]
    with pytest.raises(BadInputError, match="subscribers is 990000"):
        reverting().plan(FALSE)
    with pytest.raises(BadInputError, match="subscribers is 750001"):
        reverting().plan(FALSE, value=750_001)
    revert(FALSE, value=9_950)
    assert channel.announced() == []  # also not from the false reading, which is still stored
    assert channel.mark() == 5_000
    assert channel.count(9_950, 10_100) == [f"{CATS}/subscribers/all-time/10000/r1"]


def test_what_was_announced_before_the_false_reading_stays_passed(channel: Channel) -> None:
    assert channel.count(10_100) == [f"{CATS}/subscribers/all-time/10000"]
    assert channel.count(990_000, 9_990) == [FALSE]
    revert(FALSE)
    assert channel.mark() == 10_000
    assert channel.count(10_200) == []
    assert channel.count(25_000) == [f"{CATS}/subscribers/all-time/25000/r1"]


@pytest.mark.parametrize("higher_first", [False, True])
def test_two_false_milestones_may_be_reverted_in_either_order(channel: Channel, higher_first: bool) -> None:
    higher = f"{CATS}/subscribers/all-time/1000000"
    assert channel.count(990_000, 1_200_000, 9_950) == [FALSE, higher]
    for one in (higher, FALSE) if higher_first else (FALSE, higher):
        revert(one)
    assert channel.mark() == 5_000
    (announced,) = channel.count(10_100)
    assert announced.startswith(f"{CATS}/subscribers/all-time/10000/r")


def test_a_reversal_may_be_repeated(false: Channel) -> None:
    assert [one.id for one in revert(FALSE)] == [FALSE]
    before = list(false.milestones.of(CATS)), false.mark()
    assert [one.id for one in revert(FALSE)] == [FALSE]
    assert (list(false.milestones.of(CATS)), false.mark()) == before
    assert false.count(10_100) == [f"{CATS}/subscribers/all-time/10000/r1"]
    revert(FALSE)
    assert (false.mark(), false.announced()) == (10_000, [])


def test_a_plan_that_the_subject_has_outrun_changes_nothing(false: Channel) -> None:
    plan = reverting().plan(FALSE)
    false.count(1_100_000)
    with pytest.raises(ConflictError, match="look at it again"):
        reverting().revert(FALSE, plan, by="grace", reason="nonsense")
    assert not any(one.reverted for one in false.milestones.of(CATS))
    assert false.mark() == 1_000_000


@pytest.mark.parametrize("id_", ["nonsense", f"{CATS}/subscribers/all-time/7", ""])
def test_what_is_no_milestone_cannot_be_reverted(false: Channel, id_: str) -> None:
    with pytest.raises(NotFoundError):
        reverting().plan(id_)
    assert false.mark() == 750_000


def test_a_baseline_that_was_set_silently_is_what_a_mark_returns_to(false: Channel, api: Api) -> None:
    revert(FALSE)
    mark = false.milestones.high_water_marks([CATS], "subscribers", ALL_TIME)[CATS]
    assert (mark.threshold, mark.told, mark.silent, mark.revision) == (5_000, 5_000, True, 1)


def test_the_pages_of_a_live_channel_drop_what_was_reverted(aws: Cloud, clock: ControlledClock) -> None:
    live = Channel(aws, clock)
    for viewers in (3, 1_200, 4):
        live.write(viewers_reading("demo", {"viewers": viewers}))
    live.announced()
    aws.drain("BROADCAST_QUEUE_URL")
    false = "channel:live:demo/viewers/all-time/1000"
    revert(false)
    (event,) = [one for one in aws.drain("BROADCAST_QUEUE_URL") if isinstance(one, RoomEvent)]
    assert (event.room, event.event, event.data) == (
        "channel:demo",
        "milestone:reverted",
        f'{{"milestone":"{false}"}}',
    )
    live.write(viewers_reading("demo", {"viewers": 12}))
    live.announced()
    (event,) = [one for one in aws.drain("BROADCAST_QUEUE_URL") if isinstance(one, RoomEvent)]
    assert event.key == "channel:live:demo/viewers/all-time/10/r1"
