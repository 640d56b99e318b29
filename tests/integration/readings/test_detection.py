"""The real detection on moto's table, driven by hypothesis: failures and redeliveries against the same oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cairn.aws import dynamodb
from cairn.channels.announce import ChannelAnnouncer
from cairn.messages import Alert, Message
from cairn.model import Reading, Subject
from cairn.readings.detection import Detection
from cairn.readings.milestones import Milestones
from cairn.rules.ladder import FOLLOWER_STEPS, Ladder
from testing.cloud import Cloud, cloud
from testing.platforms import FakePlatforms
from testing.readings import channel_reading
from testing.records import stream_record
from testing.workspace import rule_book
from tests.unit.rules.oracle import Celebration, Oracle, Seen
from tests.unit.rules.test_sequences import START, ZONES, steps, values


class Notes:
    """A queue that records its messages; when `full`, it rejects them, as SQS may."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.full = False

    def send(self, messages: list[Message]) -> None:
        if self.full:
            raise ConnectionError("the queue is full")
        self.sent += messages


class Machine(RuleBasedStateMachine):
    table: Any

    @initialize(
        restarts=st.sampled_from(["all-time", "month", "day"]),
        baseline=st.sampled_from(["silent", "announce"]),
        offset=st.sampled_from(sorted(ZONES)),
    )
    def begin(self, restarts: Any, baseline: Any, offset: int) -> None:
        thresholds = tuple(map(int, FOLLOWER_STEPS))
        zones = ZONES[offset]
        ladder = Ladder("subscribers", "channel", "subscribers", thresholds, baseline, restarts, zones)
        self.subject = Subject("channel", uuid4().hex)  # one table for all examples, a subject for each
        self.queue, self.milestones = Notes(), Milestones(self.table)
        audience = ChannelAnnouncer(notify=self.queue)  # type: ignore[arg-type]  # a fake queue
        self.detection = Detection(self.milestones, {"channel": audience}, rule_book(ladder))
        self.oracle = Oracle(thresholds, baseline == "silent", restarts, offset)
        self.expected: list[Celebration] = []
        self.at, self.record = START, dict[str, Any]()
        self.stored: Reading | None = None

    @rule(seconds=steps, value=values, rejected=st.integers(0, 2))
    def read(self, seconds: int, value: int | None, rejected: int) -> None:
        """A reading arrives; while the queue rejects messages, its record is retried before any later one."""
        self.at += timedelta(seconds=seconds)
        celebration = self.oracle.read(Seen(self.at, value))
        if self.stored and self.at < self.stored.as_of:
            assert celebration is None
            return
        reading = channel_reading(value, self.at, subject=self.subject)
        self.record = stream_record(reading, self.stored)
        self.stored = reading
        self.queue.full = True
        for _ in range(rejected if celebration else 0):
            with pytest.raises(ConnectionError):
                self.detection.process(self.record)
        self.queue.full = False
        self.detection.process(self.record)
        if celebration:
            self.expected.append(celebration)

    @rule()
    def redeliver_the_last_record(self) -> None:
        if self.record:
            self.detection.process(self.record)

    @invariant()
    def the_oracle_agrees(self) -> None:
        if not hasattr(self, "expected"):
            return
        alerts = [one for one in self.queue.sent if isinstance(one, Alert)]
        announced = list({one.milestone.id: _celebration(one) for one in alerts}.values())
        assert announced == self.expected
        recorded = self.milestones.page(
            self.subject, START - timedelta(days=40), self.at + timedelta(days=40), 100, None
        )
        assert {one.id for one, _ in recorded.items} == {one.milestone.id for one in alerts}
        assert len(recorded.items) == len(self.expected)


def _celebration(alert: Alert) -> Celebration:
    milestone = alert.milestone
    also = tuple(int(passed.threshold) for passed in milestone.also_passed)
    return Celebration(milestone.period, int(milestone.threshold), also)


@pytest.fixture
def aws() -> Iterator[Cloud]:
    with ExitStack() as stack:
        yield stack.enter_context(cloud(FakePlatforms().transport()))


def test_detection_announces_what_the_oracle_says_whatever_is_redelivered(aws: Cloud) -> None:
    del aws
    Machine.table = dynamodb.resource().Table("milestones_table")
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.reuse, Phase.generate),  # twelve steps are short enough; shrinking them takes minutes
        ),
    )
