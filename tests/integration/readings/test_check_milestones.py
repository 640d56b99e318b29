"""What was given up on the way is announced by the next check; where nothing is missing, a check writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from cairn.clock import now
from cairn.messages import Alert, RoomEvent
from cairn.model import Number, Subject
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.rules import ALL_TIME, Transition
from functions.check_milestones.handler import RESERVE_SECONDS
from testing.adversarial_dynamodb import catch_up
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.leaderboard import Floor
from testing.meter import metered
from testing.readings import CATS, channel_milestone, channel_reading, viewers_reading


class Stream:
    """Readings whose stream records reach detection, or are given up."""

    def __init__(self, aws: Cloud, clock: ControlledClock) -> None:
        self.aws, self.clock = aws, clock
        self.stats = Stats(aws.table("STATS_TABLE"))
        self.milestones = Milestones(aws.table("MILESTONES_TABLE"))

    def write(self, *counts: int | None) -> None:
        for count in counts:
            self.clock.sleep(60)
            assert self.stats.record(channel_reading(count))

    def detect(self) -> list[str]:
        """The milestones that detection announces."""
        records = self.aws.changes()
        assert FUNCTIONS["detect_milestone"]({"Records": records}, Context()) == {"batchItemFailures": []}
        return [
            f"{one.milestone.id} {','.join(str(passed.threshold) for passed in one.milestone.also_passed)}".strip()
            for one in self.aws.drain("NOTIFY_QUEUE_URL")
            if isinstance(one, Alert)
        ]

    def give_up(self) -> None:
        self.aws.changes()

    def check(self, seconds: float = 300) -> Any:
        return check(seconds)


def check(seconds: float = 300) -> Any:
    catch_up()
    return FUNCTIONS["check_milestones"]({"source": "schedule"}, Context(seconds))


@pytest.fixture
def stream(aws: Cloud, clock: ControlledClock) -> Stream:
    made = Stream(aws, clock)
    made.write(9_900)
    assert made.detect() == []
    return made


def idle(stream: Stream) -> bool:
    """Whether a check finds nothing and changes nothing."""
    return stream.check()["missing"] == 0 and stream.aws.changes() == []


def test_a_record_that_was_given_up_is_announced_by_the_next_check_and_once(stream: Stream) -> None:
    stream.write(10_100)
    stream.give_up()
    assert stream.check() == {"checked": 1, "missing": 1, "finished": True}
    assert stream.detect() == [f"{CATS}/subscribers/all-time/10000"]
    assert idle(stream)


def test_several_records_that_were_given_up_are_one_celebration(stream: Stream) -> None:
    stream.write(10_100, 26_000)
    stream.give_up()
    stream.check()
    assert stream.detect() == [f"{CATS}/subscribers/all-time/25000 10000"]
    assert idle(stream)


def test_a_check_where_nothing_is_missing_writes_nothing(stream: Stream) -> None:
    stream.write(10_100, 9_000, None)
    stream.detect()
    stream.clock.sleep(7_200)
    assert idle(stream)


def test_a_record_that_is_still_on_its_way_is_not_announced_twice_and_keeps_its_place(stream: Stream) -> None:
    stream.write(10_100)
    stream.check()
    stream.write(26_000)
    stream.check()
    assert stream.detect() == [f"{CATS}/subscribers/all-time/10000", f"{CATS}/subscribers/all-time/25000"]
    assert idle(stream)


def claimed(stream: Stream, threshold: int) -> None:
    """As detection leaves it that dies after its claim."""
    key: dict[str, Any] = {"rule": "subscribers", "period": ALL_TIME, "threshold": threshold}
    assert stream.milestones.claim(CATS, **key, achieved_at=now(), event_id="given up", transition=Transition.CROSSED)


@pytest.mark.parametrize("since", [(), (9_900,), (4_000,), (9_900, None)])
def test_a_milestone_that_was_claimed_and_not_recorded_is_announced_whatever_the_count_is_now(
    stream: Stream, since: Iterable[int | None]
) -> None:
    stream.write(10_100)
    claimed(stream, 10_000)
    stream.write(*since)
    stream.give_up()
    stream.check()
    assert stream.detect() == [f"{CATS}/subscribers/all-time/10000"]
    assert idle(stream)


def test_a_milestone_that_was_recorded_and_not_told_is_announced_as_it_was_recorded(stream: Stream) -> None:
    stream.write(10_100)
    claimed(stream, 10_000)
    milestone = channel_milestone(10_000, value=10_100)
    stream.milestones.record(milestone)
    stream.write(9_000)
    stream.give_up()
    stream.check()
    records = stream.aws.changes()
    FUNCTIONS["detect_milestone"]({"Records": records}, Context())
    (alert,) = [one for one in stream.aws.drain("NOTIFY_QUEUE_URL") if isinstance(one, Alert)]
    assert alert.milestone == milestone
    assert idle(stream)


def test_a_first_reading_that_was_given_up_stays_a_silent_baseline(aws: Cloud, clock: ControlledClock) -> None:
    stream = Stream(aws, clock)
    stream.write(9_900)
    stream.give_up()
    assert stream.check()["missing"] == 1
    assert stream.detect() == []
    assert idle(stream)
    stream.write(10_100)
    assert stream.detect() == [f"{CATS}/subscribers/all-time/10000"]


def test_the_viewers_of_a_live_channel_are_checked_too(stream: Stream) -> None:
    metrics: dict[str, Number] = {"viewers": 12, "connections": 12, "peak": 12}
    assert stream.stats.record(viewers_reading("demo", metrics))
    stream.give_up()
    assert stream.check()["missing"] == 1
    stream.detect()
    (event,) = [one for one in stream.aws.drain("BROADCAST_QUEUE_URL") if isinstance(one, RoomEvent)]
    assert event.key == "channel:live:demo/viewers/all-time/10"
    assert idle(stream)


def test_a_check_that_runs_out_of_time_goes_on_where_it_ended(stream: Stream) -> None:
    for number in range(1_200):
        reading = viewers_reading(f"c{number}", {"viewers": 1})
        assert stream.stats.record(reading)
    first = stream.check(RESERVE_SECONDS - 1)
    assert (first["checked"], first["finished"]) == (500, False)
    second, third = stream.check(RESERVE_SECONDS - 1), stream.check(RESERVE_SECONDS - 1)
    assert (second["finished"], third["finished"]) == (False, True)
    assert first["checked"] + second["checked"] + third["checked"] == 1_201
    assert stream.check()["checked"] == 1_201  # from the beginning, all of it


def test_what_is_no_reading_stops_nothing(stream: Stream) -> None:
    broken = {"subject": "channel:youtube:broken", "name": "no reading", "metrics": "none"}
    stream.aws.table("STATS_TABLE").put_item(Item=broken)
    stream.write(10_100)
    stream.give_up()
    assert stream.check() == {"checked": 1, "missing": 1, "finished": True}


@pytest.mark.undisturbed
def test_a_check_costs_half_a_read_unit_for_each_rule_and_little_for_the_readings(
    aws: Cloud, clock: ControlledClock
) -> None:
    """The figures of docs/scale.md."""
    with metered() as meter:
        stream = Stream(aws, clock)
        for number in range(200):
            subject = Subject("channel", f"youtube:UC{number:022}")
            assert stream.stats.record(channel_reading(10_100, subject=subject))
        stream.detect()
        with meter.measuring() as usage:
            assert stream.check()["checked"] == 200
        assert usage.write_units == 0
        assert 200 <= usage.read_units <= 210  # a channel has two rules


def test_a_rep_is_celebrated_by_the_next_check_with_every_rule_that_was_given_up(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.stream()
    answered = {one["id"] for one in floor.update(rep, monthlyRevenue=26_000, monthlySignups=21)["milestones"]}
    floor.aws.changes()
    floor.said()
    assert check()["missing"] == 1
    floor.stream()
    celebrated = {one["id"] for room, _, one in floor.celebrations() if room == "tv-display"}
    assert celebrated == answered
    assert check()["missing"] == 0


def test_a_claim_of_a_month_that_has_just_ended_is_announced(floor: Floor) -> None:
    rep = floor.hire("Ada")
    floor.stream()
    floor.clock.advance_to(floor.clock.now().replace(month=11, day=30, hour=23, minute=50))
    floor.update(rep, monthlySignups=12)
    floor.aws.changes()
    subject = Subject("rep", str(rep))
    Milestones(floor.aws.table("MILESTONES_TABLE")).claim(
        subject, "signups", "2026-11", 10, achieved_at=now(), event_id="given up", transition=Transition.CROSSED
    )
    floor.clock.sleep(1_200)
    floor.roll_over()
    floor.stream()
    floor.said()
    check()
    floor.stream()
    assert [one["id"] for _, _, one in floor.celebrations()] == [f"rep:{rep}/signups/2026-11/10"]
