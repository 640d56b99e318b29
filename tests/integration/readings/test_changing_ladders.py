"""Changing a ladder announces nothing: only passing a threshold that is one at that moment does, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.aws import dynamodb
from cairn.channels.announce import ChannelAnnouncer
from cairn.channels.recording import _peaks
from cairn.clock import now
from cairn.errors import NotFoundError
from cairn.messages import Alert, Message
from cairn.model import Reading, Subject
from cairn.readings.detection import Detection
from cairn.readings.milestones import Milestones
from cairn.readings.unannounced import mark_keys, unannounced
from cairn.workspace.document import DEFAULTS, Workspace
from cairn.workspace.rule_book import RuleBook
from testing.clock import START, controlled_clock
from testing.cloud import cloud
from testing.platforms import FakePlatforms
from testing.readings import channel_reading
from testing.records import stream_record

STEPS = (10, 20, 30, 40, 50, 60)
TOP = 1000
ladders = st.lists(st.sampled_from(STEPS), min_size=1, unique=True).map(sorted)
counts = st.one_of(st.none(), st.integers(1, 70), st.sampled_from(STEPS))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("ladder"), ladders),
        st.tuples(st.sampled_from(["count", "count of a writer that is late", "lost count"]), counts),
        st.tuples(st.just("check"), st.none()),
    ),
    max_size=14,
)


class Versions:
    """The settings, whose ladder somebody changes."""

    def __init__(self, ladder: list[int]) -> None:
        self.made = [replace(DEFAULTS, ladders={"subscribers": tuple(ladder)})]

    def current(self) -> Workspace:
        return self.made[-1]

    def at(self, version: int) -> Workspace:
        if version >= len(self.made):
            raise NotFoundError(f"there is no version {version}")
        return self.made[version]

    def change(self, ladder: list[int]) -> None:
        self.made.append(self.current().changed({"ladders": {"subscribers": ladder}}, at=now(), by="ada"))


class Queue:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, messages: list[Message]) -> None:
        self.sent += messages


class Channel:
    """A channel's counts, as fetch_stats stores them, and what detection announces of them."""

    def __init__(self, ladder: list[int]) -> None:
        self.versions, self.queue = Versions(ladder), Queue()
        self.subject = Subject("channel", f"youtube:{uuid4().hex}")
        self.milestones = Milestones(dynamodb.table("milestones_table"))
        self.rule_book = RuleBook(self.versions)
        audience = ChannelAnnouncer(notify=self.queue)  # type: ignore[arg-type]  # a fake queue
        self.detection = Detection(self.milestones, {"channel": audience}, self.rule_book)
        self.stored: Reading | None = None
        self.at = START

    def count(self, value: int | None, *, late: bool = False, lost: bool = False, times: int = 1) -> None:
        """Store a count; `late` with the version before the current one, `lost` without any detection of it."""
        self.at += timedelta(minutes=5)
        of_value = channel_reading(value, self.at, subject=self.subject)
        version = self.versions.made[-2 if late and len(self.versions.made) > 1 else -1].rules_version
        peaks = _peaks(of_value.metrics, self.stored)
        reading = replace(of_value, peaks=peaks, rules_version=version)
        record, self.stored = stream_record(reading, self.stored), reading
        for _ in range(0 if lost else times):
            self.detection.process(record)

    def check(self) -> None:
        """What check_milestones and detection's recheck do."""
        if self.stored is None:
            return
        rules = self.rule_book.of(self.stored).rules
        marks = self.milestones.marks(mark_keys(self.stored, rules, now()))
        if list(unannounced(self.stored, marks, rules, now())):
            again = replace(self.stored, recheck=uuid4().hex)
            record, self.stored = stream_record(again, self.stored), again
            self.detection.process(record)

    @property
    def announced(self) -> list[int]:
        """Every threshold that was announced, in order; each milestone's own after those that it lists."""
        alerts = {one.milestone.id: one.milestone for one in self.queue.sent if isinstance(one, Alert)}
        return [int(step) for one in alerts.values() for step in one.also_reached]


class Oracle:
    """A threshold is announced if it is one when a count reaches it for the first time, except by the first count."""

    def __init__(self) -> None:
        self.peak: int | None = None
        self.due: list[int] = []

    def count(self, value: int | None, ladder: tuple[int, ...]) -> None:
        if value is None:
            return
        if self.peak is not None:
            self.due += [step for step in ladder if self.peak < step <= value]
        self.peak = max(value, self.peak or 0)


@pytest.fixture(scope="module", autouse=True)
def _aws() -> Iterator[Any]:
    with controlled_clock() as clock, cloud(FakePlatforms().transport()) as made:
        yield made, clock


def walk(first: list[int], way: list[tuple[str, Any]], *, losses: bool) -> tuple[Channel, Oracle]:
    channel, oracle = Channel(first), Oracle()
    for kind, value in way:
        if kind == "ladder":
            channel.versions.change(value)
        elif kind == "check":
            channel.check()
        else:
            # A first count that is lost was never seen. The first count by other rules carries what they change.
            same_rules = channel.stored and channel.stored.rules_version == channel.versions.current().rules_version
            lost = losses and kind == "lost count" and oracle.peak is not None and bool(same_rules)
            channel.count(value, late="late" in kind, lost=lost, times=2)
            assert channel.stored
            oracle.count(value, channel.versions.made[channel.stored.rules_version or 0].ladders["subscribers"])
        if not losses:
            assert channel.announced == oracle.due
        assert {*channel.announced} <= {*oracle.due}, "passed before it was a threshold"
    return channel, oracle


@settings(max_examples=120, deadline=None)
@given(ladders, moves)
def test_ladders_that_change_while_a_count_walks_announce_what_is_passed_and_nothing_else(
    first: list[int], way: list[tuple[str, Any]]
) -> None:
    walk(first, way, losses=False)


@settings(max_examples=120, deadline=None)
@given(ladders, moves)
def test_what_detection_has_missed_is_announced_whatever_became_of_the_ladder(
    first: list[int], way: list[tuple[str, Any]]
) -> None:
    """A record that was given up is made up for by the check, or by the next threshold; each once."""
    channel, oracle = walk(first, way, losses=True)
    if oracle.peak is not None:
        channel.versions.change([*STEPS, TOP])
        channel.count(oracle.peak)
        channel.count(TOP)
        oracle.count(TOP, (*STEPS, TOP))
        assert sorted(channel.announced) == sorted(oracle.due)


def channel_at(value: int, ladder: list[int]) -> Channel:
    channel = Channel(ladder)
    channel.count(1)
    channel.count(value)
    channel.queue.sent.clear()
    return channel


def test_a_lower_ladder_announces_nothing_by_the_next_reading_or_by_the_check() -> None:
    channel = channel_at(35, [50])
    channel.versions.change([10, 20, 30, 50])
    channel.check()
    channel.count(36)
    channel.check()
    assert channel.announced == []
    channel.count(50)
    assert channel.announced == [50]


def test_a_count_that_fell_before_the_ladder_was_lowered_and_comes_back_is_not_announced() -> None:
    channel = channel_at(35, [50])
    channel.count(15)
    channel.versions.change([10, 20, 30, 50])
    channel.count(16)
    channel.count(31)
    channel.check()
    assert channel.announced == []


def test_a_hidden_count_that_reappears_under_a_lower_ladder_is_not_announced_for_what_it_had_passed() -> None:
    channel = channel_at(35, [50])
    channel.count(None)
    channel.versions.change([30, 40, 50])
    channel.count(36)
    assert channel.announced == []
    channel.count(None)
    channel.count(41)
    assert channel.announced == [40]


def test_a_higher_ladder_is_announced_when_it_is_passed() -> None:
    channel = channel_at(35, [30])
    channel.versions.change([40, 60])
    channel.count(41)
    assert channel.announced == [40]


def test_a_milestone_that_was_missed_is_announced_after_the_ladder_was_lowered() -> None:
    channel = channel_at(5, [20, 40])
    channel.count(25, lost=True)
    channel.versions.change([10, 20, 30])
    channel.count(26)
    assert channel.announced == [20]


def test_detection_that_is_late_judges_by_the_rules_of_the_reading() -> None:
    """Its own settings are newer than those by which the answer to the update was made, or older."""
    channel = channel_at(5, [20])
    channel.versions.change([10])
    channel.count(12, late=True)
    assert channel.announced == []
    channel.versions.made.append(channel.versions.made[0])  # what a warm function still holds
    channel.count(13)
    channel.count(21)
    assert channel.announced == [20]


def test_a_milestone_that_was_missed_is_announced_though_its_threshold_was_taken_away() -> None:
    channel = channel_at(5, [10, 20])
    channel.count(15, lost=True)
    channel.versions.change([60])
    channel.count(16)
    assert channel.announced == [10]
