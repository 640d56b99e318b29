"""The whole path of a reading, in one process: from the schedule's tick to the message."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest

from testing.adversarial_dynamodb import catch_up
from testing.api import Api, telegram
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms, counts
from testing.subscribers import subscribe
from testing.workspace import begin_with

CATS = "UC" + "c" * 22
PATH = f"/api/channels/youtube:{CATS}"


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={CATS: counts(9500)})


@pytest.fixture(autouse=True)
def tracked(api: Api, aws: Cloud) -> None:
    """Cats on YouTube, with a silent baseline of 9,500."""
    assert api("POST", "/api/channels", {"platform": "youtube", "handle": CATS, "name": "Cats"}).status == 201
    aws.flow()


@pytest.fixture
def counted(aws: Cloud, platforms: FakePlatforms, clock: ControlledClock) -> Any:
    """A tick a minute later that finds this many subscribers, and all that follows from it."""

    def count(subscribers: int) -> None:
        clock.sleep(60)
        platforms.youtube[CATS]["subscriberCount"] = str(subscribers)
        FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())
        aws.flow()

    return count


def labels(api: Api) -> list[str]:
    catch_up()
    return [item["label"] for item in api("GET", "/api/milestones").json["items"]]


def tally(api: Api) -> dict[str, int]:
    catch_up()
    found: dict[str, int] = api("GET", "/api/milestones").json["items"][0]["delivery"]
    return found


def settle(aws: Cloud, clock: ControlledClock, minutes: int = 30) -> None:
    """Let everything that waits be retried until nothing waits."""
    for _ in range(minutes):
        clock.sleep(60)
        aws.flow()


def test_the_first_reading_is_silent(api: Api, platforms: FakePlatforms) -> None:
    assert labels(api) == []
    assert platforms.sent == []


def test_a_count_that_passes_a_threshold_is_sent_to_each_subscriber_once(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any
) -> None:
    subscribe(aws, "77", "78")
    counted(10_100)
    counted(10_100)
    counted(10_200)
    text = "🎉 <b>Cats</b> passed <b>10K</b> subscribers on YouTube!\nNow at 10,100."
    assert platforms.sent == [("77", text), ("78", text)]
    assert labels(api) == ["10K"]
    assert tally(api) == {"total": 2, "delivered": 2, "failed": 0}


def test_a_count_that_falls_and_returns_is_not_announced_again(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any
) -> None:
    subscribe(aws, "77")
    for count in (10_100, 9_900, 10_100, 8_000, 24_900):
        counted(count)
    assert labels(api) == ["10K"]
    assert len(platforms.sent) == 1


def test_a_jump_is_one_message_that_lists_what_it_also_passed(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any
) -> None:
    subscribe(aws, "77")
    counted(101_000)
    assert [text.splitlines()[2] for _, text in platforms.sent] == ["Also passed: 10K, 25K, 50K, 75K."]
    assert labels(api) == ["100K"]


def test_what_was_hidden_and_reappears_is_announced_only_above_its_high_water_mark(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any
) -> None:
    subscribe(aws, "77")
    platforms.youtube[CATS]["hiddenSubscriberCount"] = "true"
    counted(0)
    del platforms.youtube[CATS]["hiddenSubscriberCount"]
    counted(9_600)
    assert labels(api) == []
    counted(10_100)
    assert labels(api) == ["10K"]


@pytest.mark.parametrize("source", ["refresh", "page", "sync"])
def test_every_source_of_a_reading_leads_to_the_message(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, source: str
) -> None:
    subscribe(aws, "77")
    platforms.youtube[CATS]["subscriberCount"] = "10100"
    clock.sleep(3600)
    if source == "refresh":
        api("POST", f"{PATH}/refresh")
    elif source == "page":
        api("GET", PATH, query={"refresh": "auto"})
    else:
        api("POST", "/api/sync")
    aws.flow()
    assert len(platforms.sent) == 1


def test_a_large_audience_is_notified_in_parts_and_each_chat_once(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any, clock: ControlledClock
) -> None:
    chats = [str(1000 + number) for number in range(70)]
    subscribe(aws, *chats)
    counted(10_100)
    settle(aws, clock, 3)
    assert sorted(chat for chat, _ in platforms.sent) == chats
    assert tally(api) == {"total": 70, "delivered": 70, "failed": 0}


def test_a_chat_that_blocked_the_bot_is_unsubscribed_and_counted_as_failed(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any
) -> None:
    subscribe(aws, "77", "78")
    blocked = httpx.Response(
        403, json={"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
    )
    platforms.broken["telegram"] = lambda: platforms.broken.clear() or blocked  # type: ignore[func-returns-value]  # once
    counted(10_100)
    assert [chat for chat, _ in platforms.sent] == ["78"]
    assert tally(api) == {"total": 2, "delivered": 1, "failed": 1}
    assert api("GET", "/api/subscribers").json["total"] == 1


def test_when_telegram_recovers_everybody_is_notified_once(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any, clock: ControlledClock
) -> None:
    subscribe(aws, "77", "78")
    platforms.broken["telegram"] = lambda: httpx.Response(502)
    counted(10_100)
    settle(aws, clock, 3)
    assert platforms.sent == []
    platforms.broken.clear()
    settle(aws, clock)
    assert sorted(chat for chat, _ in platforms.sent) == ["77", "78"]
    assert tally(api) == {"total": 2, "delivered": 2, "failed": 0}


def test_while_the_bot_is_held_nothing_is_sent_and_then_everything(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any, clock: ControlledClock
) -> None:
    subscribe(aws, "77", "78")
    held = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 120}}
    platforms.broken["telegram"] = lambda: httpx.Response(429, json=held)
    counted(10_100)
    calls = len(platforms.calls)
    platforms.broken.clear()
    clock.sleep(100)
    aws.flow()
    assert len(platforms.calls) == calls
    settle(aws, clock, 3)
    assert sorted(chat for chat, _ in platforms.sent) == ["77", "78"]


def test_the_announcement_channel_is_also_notified_and_only_once(
    api: Api, aws: Cloud, platforms: FakePlatforms, counted: Any
) -> None:
    begin_with(telegram_announcement_chat="@cairn_news")
    subscribe(aws, "77")
    counted(10_100)
    counted(25_000)
    assert [chat for chat, _ in platforms.sent] == ["@cairn_news", "77"] * 2
    assert tally(api) == {"total": 2, "delivered": 2, "failed": 0}


def test_without_subscribers_a_milestone_is_still_recorded(api: Api, counted: Any) -> None:
    counted(10_100)
    assert labels(api) == ["10K"]
    assert tally(api) == {"total": 0, "delivered": 0, "failed": 0}


def test_redelivered_streams_and_messages_announce_nothing_again(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:

    subscribe(aws, "77")
    clock.sleep(60)
    platforms.youtube[CATS]["subscriberCount"] = "10100"
    api("POST", f"{PATH}/refresh")
    changes = aws.changes()
    for _ in range(3):
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == {"batchItemFailures": []}
    messages = aws.messages("NOTIFY_QUEUE_URL")
    assert len(messages) == 1
    for message in messages * 3:
        FUNCTIONS["notify"]({"Records": [message]}, Context())
    assert [chat for chat, _ in platforms.sent] == ["77"]
    assert tally(api) == {"total": 1, "delivered": 1, "failed": 0}


def test_a_poison_message_is_retried_later_and_delays_no_other(aws: Cloud, clock: ControlledClock) -> None:
    import boto3

    url = os.environ["NOTIFY_QUEUE_URL"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="poison")
    (message,) = aws.messages("NOTIFY_QUEUE_URL")
    answer = FUNCTIONS["notify"]({"Records": [message]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": message["messageId"]}]}
    assert aws.messages("NOTIFY_QUEUE_URL") == []
    clock.sleep(11)
    assert len(aws.messages("NOTIFY_QUEUE_URL")) == 1


def test_who_subscribes_with_the_bot_is_notified(
    aws: Cloud, platforms: FakePlatforms, counted: Any, clock: ControlledClock
) -> None:
    telegram({"update_id": 1, "message": {"chat": {"id": 77, "type": "private"}, "text": "/start"}})
    aws.flow()
    counted(10_100)
    assert [text.split(" ", 1)[0] for _, text in platforms.sent] == ["🪨", "🎉"]
    telegram({"update_id": 2, "message": {"chat": {"id": 77, "type": "private"}, "text": "/stop"}})
    aws.flow()
    platforms.sent.clear()
    counted(25_000)
    assert platforms.sent == []
