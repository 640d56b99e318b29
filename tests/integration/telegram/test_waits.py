"""A message that waits is replaced by a delayed copy, and SQS does not count the wait."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws import sqs
from cairn.clock import now
from cairn.messages import Alert, AlertPart, Message, Reply
from cairn.model import Reversal
from cairn.readings.milestones import Milestones
from cairn.telegram.send_slots import BOT, SendSlots
from functions.notify.notifier import LONGEST_WAIT
from functions.notify.pace import LANES
from testing.clock import START, ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms
from testing.readings import channel_milestone
from testing.subscribers import subscribe

DONE: dict[str, list[object]] = {"batchItemFailures": []}
HOUR = timedelta(hours=1)


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms()


@pytest.fixture(autouse=True)
def held(aws: Cloud) -> None:
    """The bot is held for an hour, and there is a milestone for the one subscriber."""
    for lane in range(LANES):
        SendSlots(aws.table("AUDIENCE_TABLE")).hold(f"{BOT}#{lane}", now(), now() + HOUR)
    Milestones(aws.table("MILESTONES_TABLE")).record(MILESTONE)
    subscribe(aws, "77")


MILESTONE = channel_milestone(1000, at=START)
MESSAGES: list[Any] = [
    Alert(MILESTONE),
    AlertPart(MILESTONE, 0, None, None, 1),
    Reply("1", "77", "hello", START, "t"),
]


def notify(aws: Cloud, message: Message | None = None) -> list[dict[str, Any]]:
    """Process a message, or what is visible; the answers."""
    if message:
        sqs.queue(os.environ["NOTIFY_QUEUE_URL"]).send([message])
    answers = []
    for record in aws.messages("NOTIFY_QUEUE_URL"):
        answers.append(FUNCTIONS["notify"]({"Records": [record]}, Context()))
        if answers[-1] == DONE:
            aws.delete("NOTIFY_QUEUE_URL", record)
    return answers


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_a_wait_is_no_failure_and_the_message_is_sent_in_the_end(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, message: Message
) -> None:
    began = now()
    assert notify(aws, message) == [DONE]
    receives = 0
    while now() - began < HOUR + timedelta(minutes=1):
        clock.sleep(60)
        for record in aws.messages("NOTIFY_QUEUE_URL"):
            assert record["attributes"]["ApproximateReceiveCount"] == "1"
            assert not platforms.sent
            assert FUNCTIONS["notify"]({"Records": [record]}, Context()) == DONE
            aws.delete("NOTIFY_QUEUE_URL", record)
            receives += 1
    assert [chat for chat, _ in platforms.sent] == ["77"]
    assert receives <= 5


@pytest.mark.parametrize("message", MESSAGES[:2], ids=lambda message: message.type)
def test_what_was_reverted_while_it_waited_is_not_announced(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, message: Message
) -> None:
    notify(aws, message)
    Milestones(aws.table("MILESTONES_TABLE")).revert([MILESTONE], [], Reversal(now(), "grace", "never true"))
    for _ in range(90):
        clock.sleep(60)
        assert notify(aws) in ([], [DONE])
    assert platforms.sent == []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_after_days_waiting_counts_as_failing(aws: Cloud, message: Any) -> None:
    waited = replace(message, since=now() - LONGEST_WAIT - timedelta(seconds=1))
    (answer,) = notify(aws, waited)
    assert answer["batchItemFailures"]


def test_how_long_an_alert_has_waited_is_a_metric(aws: Cloud, logs: Written) -> None:
    notify(aws, replace(MESSAGES[0], since=now() - HOUR))
    assert logs.metrics["PostponedFor"] == [3600 + 900]


def test_a_copy_that_is_delivered_twice_notifies_once(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    notify(aws, MESSAGES[0])
    notify(aws, MESSAGES[0])
    for _ in range(70):
        clock.sleep(60)
        notify(aws)
    assert [chat for chat, _ in platforms.sent] == ["77"]
    assert aws.messages("NOTIFY_QUEUE_URL") == []
