"""From a live channel's reading to its viewers: how many they are, and which thresholds they passed."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cairn.messages import Alert, Message, RoomEvent, RoomState
from cairn.model import Number, Reading, Subject
from cairn.readings.stats import Stats
from cairn.viewers.announce import count_from
from cairn.viewers.counts import ViewerCount, count_json
from cairn.viewers.subjects import live_channel, viewer_subject
from operations.clients import Clients
from operations.milestones import announce
from operations.stack import Stack
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.outages import failing
from testing.readings import channel_reading, viewers_reading
from testing.workspace import begin_with

DONE: dict[str, list[object]] = {"batchItemFailures": []}


class Stage:
    """A live channel, its readings, and the messages that follow."""

    def __init__(self, aws: Cloud, clock: ControlledClock) -> None:
        self.aws, self.clock = aws, clock
        self.stats = Stats(aws.table("STATS_TABLE"))

    def write(self, channel: str = "demo", **metrics: Number) -> Reading:
        """As count_viewers stores it."""
        self.clock.sleep(2)
        name = "Demo stream" if channel == "demo" else channel
        reading = viewers_reading(channel, metrics, name=name)
        assert self.stats.record(reading)
        return reading

    def count(self, viewers: int, connections: int | None = None, channel: str = "demo") -> list[Message]:
        """What a count leads to."""
        self.write(channel, viewers=viewers, connections=connections or viewers, peak=viewers)
        self.stream()
        return self.sent()

    def stream(self) -> list[dict[str, Any]]:
        changes = self.aws.changes()
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
        return changes

    def sent(self, queue: str = "BROADCAST_QUEUE_URL") -> list[Message]:
        """The messages of the queue, which is empty then."""
        return self.aws.drain(queue)

    def alerts(self) -> list[str]:
        sent = [one for one in self.sent("NOTIFY_QUEUE_URL") if isinstance(one, Alert)]
        return [f"{one.milestone.name}: {one.milestone.label}" for one in sent]


@pytest.fixture
def stage(aws: Cloud, clock: ControlledClock) -> Stage:
    return Stage(aws, clock)


# -- how many watch


def test_the_room_receives_the_count(stage: Stage) -> None:
    reading = stage.write(viewers=3, connections=4, peak=7)
    (record,) = stage.stream()
    (state,) = stage.sent()
    assert isinstance(state, RoomState)
    assert (state.room, state.event, state.at) == ("channel:demo", "viewers:count", reading.as_of)
    assert (state.key, state.trace_id) == (record["eventID"], reading.trace_id)
    count = ViewerCount("demo", 3, 4, reading.as_of, reading.as_of, 60)
    assert json.loads(state.data) == count_json(count)
    assert json.loads(state.data) == {
        "channelId": "demo",
        "viewers": 3,
        "connections": 4,
        "asOf": "2026-11-20T12:00:02.000Z",
        "window": 60,
    }


def test_only_a_changed_count_is_sent(stage: Stage) -> None:
    assert len(stage.count(1)) == 1
    stage.write(viewers=1, connections=1, peak=5)
    stage.stream()
    assert stage.sent() == []
    assert [type(one) for one in stage.count(1, connections=2)] == [RoomState]
    assert [type(one) for one in stage.count(2, connections=2)] == [RoomState]


def test_a_count_of_nobody_is_sent_too(stage: Stage) -> None:
    stage.count(1)
    (state,) = stage.count(0)
    assert isinstance(state, RoomState)
    assert json.loads(state.data)["viewers"] == 0


def test_a_count_after_the_reading_was_deleted_is_sent(stage: Stage) -> None:
    stage.count(1)
    stage.stats.delete(viewer_subject("demo"))
    stage.aws.changes()
    assert len(stage.count(1)) == 1


def test_each_channel_receives_its_own_count(stage: Stage) -> None:
    sent = [*stage.count(1, channel="a:b@c"), *stage.count(1, channel="demo")]
    assert [one.room for one in sent if isinstance(one, RoomState)] == ["channel:a:b@c", "channel:demo"]


def test_a_record_that_is_redelivered_sends_the_same_state_and_no_peak(stage: Stage) -> None:
    stage.write(viewers=12, connections=12)
    changes = stage.stream()
    peak, state = stage.sent()
    assert isinstance(peak, RoomEvent)
    stage.clock.sleep(301)  # the queue accepts the key again
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    assert stage.sent() == [state]


def test_a_reading_without_a_count_is_not_sent_and_holds_nobody_back(stage: Stage) -> None:
    stage.write(likes=5)
    stage.stream()
    assert stage.sent() == []
    stage.write(viewers=2)
    stage.stream()
    (state,) = stage.sent()
    assert isinstance(state, RoomState)
    assert (json.loads(state.data)["viewers"], json.loads(state.data)["connections"]) == (2, 2)


def test_the_followers_of_a_channel_are_nobodys_viewers(stage: Stage) -> None:
    youtube = channel_reading(9_000)
    stage.stats.record(youtube)
    stage.stream()
    assert (stage.sent(), stage.alerts()) == ([], [])
    assert live_channel(youtube.subject) is None
    assert live_channel(Subject("rep", "live:17")) is None
    assert count_from(youtube) is None


# -- what they passed


def test_a_peak_is_announced_to_the_room_before_the_count(stage: Stage) -> None:
    stage.count(9)
    event, state = stage.count(60)
    assert isinstance(event, RoomEvent)
    assert isinstance(state, RoomState)
    assert (event.room, event.event) == ("channel:demo", "viewers:milestone")
    assert event.key == "channel:live:demo/viewers/all-time/50"
    assert event.fresh_until == event.at + timedelta(minutes=10)
    assert json.loads(event.data) == {
        "channelId": "demo",
        "milestone": "channel:live:demo/viewers/all-time/50",
        "threshold": 50,
        "label": "50",
        "viewers": 60,
        "alsoPassed": [{"threshold": 10, "label": "10"}, {"threshold": 25, "label": "25"}],
        "title": "50 viewers at once",
        "description": "60 are watching now.",
        "emoji": "👀",
        "achievedAt": "2026-11-20T12:00:04.000Z",
    }


def test_a_first_count_may_be_a_peak(stage: Stage) -> None:
    assert [type(one) for one in stage.count(10)] == [RoomEvent, RoomState]


def test_a_count_that_falls_and_returns_is_no_new_peak(stage: Stage) -> None:
    sent = [one for viewers in (30, 3, 0, 30, 99, 30, 100) for one in stage.count(viewers)]
    assert [one.key.rpartition("/")[2] for one in sent if isinstance(one, RoomEvent)] == ["25", "50", "100"]


def test_peaks_are_in_the_history_of_milestones(stage: Stage, api: Api) -> None:
    stage.count(26)
    stage.clock.sleep(60)
    (item,) = api("GET", "/api/milestones", query={"subject": "channel:live:demo"}).json["items"]
    assert (item["rule"], item["label"], item["value"], item["name"]) == ("viewers", "25", 26, "Demo stream")


def test_only_the_channels_that_the_operator_named_are_announced_by_telegram(stage: Stage) -> None:
    begin_with(live_channels={"demo": "Demo stream"})
    stage.count(12)
    stage.count(12, channel="somebody-elses")
    assert stage.alerts() == ["Demo stream: 10"]


@pytest.mark.parametrize("queue", ["broadcast", "notify"])
def test_whichever_queue_fails_a_peak_is_announced_to_all_by_the_retry(stage: Stage, queue: str) -> None:
    begin_with(live_channels={"demo": "Demo stream"})
    stage.write(viewers=12, connections=12)
    changes = stage.aws.changes()
    live: Any = FUNCTIONS["detect_milestone"].dependencies.detection._announcers["channel:live"]
    with failing(
        live._broadcast._sqs, "SendMessageBatch", when=lambda call: f"/{queue}" in call["QueueUrl"]
    ) as refused:
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context())["batchItemFailures"]
    assert len(refused) == 1
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    assert [type(one) for one in stage.sent()] == [RoomEvent, RoomState]
    assert stage.alerts() == ["Demo stream: 10"]


@pytest.mark.parametrize(("named", "alerts"), [({}, []), ({"demo": "Demo stream"}, ["Demo stream: 10"])])
def test_an_operator_announces_a_peak_again_to_the_same_recipients(
    stage: Stage, named: dict[str, str], alerts: list[str]
) -> None:
    event, _ = stage.count(12)
    stage.clock.sleep(301)  # the queue accepts the key again
    clients = Clients.of_the_account()
    variables = dict(os.environ) | {"INITIAL_SETTINGS": json.dumps({"live_channels": named})}
    configuration = {"Environment": {"Variables": variables}}
    events: Any = clients.functions.meta.events
    events.register(
        "before-call.lambda.GetFunctionConfiguration", lambda **_: (SimpleNamespace(status_code=200), configuration)
    )
    outputs = {
        "AudienceTable": "audience_table",
        "SettingsTable": "settings_table",
        "MilestonesTable": "milestones_table",
        "BroadcastQueueUrl": os.environ["BROADCAST_QUEUE_URL"],
        "NotifyQueueUrl": os.environ["NOTIFY_QUEUE_URL"],
        "DetectMilestoneFunction": "detect",
    }
    assert isinstance(event, RoomEvent)
    announce(Stack("Cairn", clients, outputs, ""), event.key)
    assert stage.sent() == [event]
    assert stage.alerts() == alerts
