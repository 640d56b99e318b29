"""The function that plans an alert in several parts also delivers the first: that one waits for no other message."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cairn.aws import sqs
from cairn.clock import now
from cairn.messages import Alert, AlertPart
from cairn.readings.milestones import Milestones
from cairn.telegram.send_slots import BOT, SendSlots
from functions.notify.pace import LANES
from testing.clock import START, ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms
from testing.readings import channel_milestone
from testing.subscribers import subscribe

DONE: dict[str, Any] = {"batchItemFailures": []}
MILESTONE = channel_milestone(1000, at=START)
CHATS = [str(1000 + number) for number in range(70)]
"""Three parts, of 18, 18, 18 and 16 chats."""


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms()


@pytest.fixture(autouse=True)
def planned(aws: Cloud) -> None:
    Milestones(aws.table("MILESTONES_TABLE")).record(MILESTONE)
    subscribe(aws, *CHATS)


def notify(aws: Cloud) -> Any:
    """Process the alert, and only it."""
    sqs.queue(os.environ["NOTIFY_QUEUE_URL"]).send([Alert(MILESTONE)])
    (record,) = aws.messages("NOTIFY_QUEUE_URL")
    aws.delete("NOTIFY_QUEUE_URL", record)
    return FUNCTIONS["notify"]({"Records": [record]}, Context())


def parts(aws: Cloud) -> list[int]:
    """The numbers of the parts in the queue."""
    messages = aws.drain("NOTIFY_QUEUE_URL")
    assert all(isinstance(message, AlertPart) for message in messages)
    return sorted(message.number for message in messages if isinstance(message, AlertPart))


def told(platforms: FakePlatforms) -> list[str]:
    return sorted(chat for chat, _ in platforms.sent)


def test_the_first_part_is_delivered_at_once_and_the_others_have_messages(aws: Cloud, platforms: FakePlatforms) -> None:
    assert notify(aws) == DONE
    assert told(platforms) == CHATS[:18]
    assert parts(aws) == [1, 2, 3]


def test_an_alert_that_comes_again_sends_all_parts_and_notifies_nobody_again(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    """The attempt before may have died before it had sent all messages."""
    notify(aws)
    aws.drain("NOTIFY_QUEUE_URL")
    assert notify(aws) == DONE
    assert told(platforms) == CHATS[:18]
    for record in (records := aws.messages("NOTIFY_QUEUE_URL")):
        clock.sleep(10)
        assert FUNCTIONS["notify"]({"Records": [record]}, Context()) == DONE
    assert len(records) == 4
    assert told(platforms) == CHATS


def failing(_: Cloud, platforms: FakePlatforms) -> None:
    platforms.broken["telegram"] = lambda: httpx.Response(502)


def holding(aws: Cloud, _: FakePlatforms) -> None:
    for lane in range(LANES):
        SendSlots(aws.table("AUDIENCE_TABLE")).hold(f"{BOT}#{lane}", now(), now().replace(hour=13))


@pytest.mark.parametrize("trouble", [failing, holding])
def test_a_first_part_that_cannot_be_delivered_gets_a_message_of_its_own(
    aws: Cloud,
    platforms: FakePlatforms,
    clock: ControlledClock,
    logs: Written,
    trouble: Callable[[Cloud, FakePlatforms], None],
) -> None:
    """The alert itself does not come again: it would send the other parts once more at each retry."""
    trouble(aws, platforms)
    assert notify(aws) == DONE
    platforms.broken.clear()
    clock.sleep(3600)
    assert parts(aws) == [0, 1, 2, 3]
    assert any(line["message"] in ("part failed and will be retried", "message postponed") for line in logs.lines)
