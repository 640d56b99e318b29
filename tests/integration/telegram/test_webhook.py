"""The bot's conversation: how Telegram authenticates, what each command does, and nothing done or sent twice."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cairn.telegram.subscribers import Subscribers
from functions.telegram_webhook import replies
from functions.telegram_webhook.command_handler import CHAT_PAUSE, GROUP_PAUSE, MAX_WAIT
from functions.telegram_webhook.handler import MAX_BYTES
from testing.adversarial_dynamodb import catch_up
from testing.api import Api, telegram
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms
from tests.unit.telegram.test_commands import anything, updates

CATS = "UC" + "c" * 22
PRIVATE = {"id": 77, "type": "private", "first_name": "Ada"}
GROUP = {"id": -5, "type": "group", "title": "Cat friends"}
CHANNEL = {"id": -1001, "type": "channel", "title": "News"}
_ids = count(1)


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={CATS: {"subscriberCount": "9500", "viewCount": "1", "videoCount": "2"}})


@pytest.fixture
def subscribers(aws: Cloud) -> Subscribers:
    return Subscribers(aws.table("AUDIENCE_TABLE"))


def message(text: str | None, chat: dict[str, Any] = PRIVATE, kind: str = "message", **more: object) -> dict[str, Any]:
    body = {"message_id": 1, "date": 1, "chat": chat} | ({"text": text} if text is not None else {}) | more
    return {"update_id": next(_ids), kind: body}


def kicked(chat: dict[str, Any], status: str = "kicked") -> dict[str, Any]:
    change = {"chat": chat, "old_chat_member": {"status": "member"}, "new_chat_member": {"status": status}}
    return {"update_id": next(_ids), "my_chat_member": change}


def received(aws: Cloud, platforms: FakePlatforms, clock: ControlledClock) -> list[tuple[str, str]]:
    """What the bot has sent since the last call, once its pauses are over."""
    for _ in range(8):
        aws.flow()
        clock.sleep(5)
    sent, platforms.sent = platforms.sent, []
    return sent


@pytest.mark.parametrize("secret", [None, "", "hus", "hushh", "HUSH", "hush ", "☃", "x" * 5000])
def test_a_caller_without_the_secret_is_not_telegram(secret: str | None, subscribers: Subscribers) -> None:
    answer = telegram(message("/start"), secret)
    assert answer.status == 401
    assert subscribers.count() == 0


def test_a_bot_without_a_secret_listens_to_nobody(aws: Cloud, subscribers: Subscribers) -> None:
    import boto3

    boto3.client("secretsmanager").put_secret_value(SecretId="telegram_secret", SecretString="{}")
    for secret in (None, "", "hush"):
        assert telegram(message("/start"), secret).status == 401
    assert subscribers.count() == 0


def test_start_subscribes_and_answers(
    aws: Cloud, subscribers: Subscribers, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    answer = telegram(message("/start any text after it is nobody's business"))
    assert (answer.status, answer.json) == (200, {"ok": True})
    one = subscribers.get("77")
    assert one
    assert (one.type, one.title) == ("private", "Ada")
    assert received(aws, platforms, clock) == [("77", replies.SUBSCRIBED)]


def test_start_twice_changes_nothing_and_says_so(
    aws: Cloud, subscribers: Subscribers, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    telegram(message("/start"))
    received(aws, platforms, clock)
    telegram(message("/start"))
    assert subscribers.count() == 1
    assert received(aws, platforms, clock) == [("77", replies.ALREADY_SUBSCRIBED)]


def test_stop_unsubscribes_and_stop_again_says_so(
    aws: Cloud, subscribers: Subscribers, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    telegram(message("/start"))
    received(aws, platforms, clock)
    telegram(message("/stop"))
    assert subscribers.count() == 0
    assert received(aws, platforms, clock) == [("77", replies.UNSUBSCRIBED)]
    telegram(message("/stop"))
    assert received(aws, platforms, clock) == [("77", replies.NOT_SUBSCRIBED)]


def test_status_shows_each_channel_with_its_milestones(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    telegram(message("/status"))
    assert received(aws, platforms, clock) == [("77", replies.NOTHING_TRACKED)]
    api("POST", "/api/channels", {"platform": "youtube", "handle": CATS, "name": "Cats & <b>"})
    aws.flow()
    catch_up()
    telegram(message("/status"))
    assert received(aws, platforms, clock) == [("77", "<b>Cats &amp; &lt;b&gt;</b>: 9,500 – last 5K, next 10K")]
    clock.sleep(3600)
    telegram(message("/status"))
    assert "9,500 (old)" in received(aws, platforms, clock)[0][1]


@pytest.mark.parametrize("text", ["/help", "/help@cairn_bot", "hello?", "/unknown"])
def test_help_answers_its_command_and_anything_unknown(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, text: str
) -> None:
    telegram(message(text))
    assert received(aws, platforms, clock) == [("77", replies.HELP)]


def test_a_group_addresses_the_bot_by_its_name_and_chatter_is_ignored(
    aws: Cloud, subscribers: Subscribers, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    telegram(message("hello everybody", GROUP))
    assert received(aws, platforms, clock) == []
    telegram(message("/start@cairn_bot", GROUP))
    assert received(aws, platforms, clock) == [("-5", replies.SUBSCRIBED)]
    one = subscribers.get("-5")
    assert one
    assert one.type == "group"


def test_a_channel_subscribes_by_a_post(aws: Cloud, platforms: FakePlatforms, clock: ControlledClock) -> None:
    telegram(message("/start", CHANNEL, "channel_post"))
    assert received(aws, platforms, clock) == [("-1001", replies.SUBSCRIBED)]


@pytest.mark.parametrize("status", ["kicked", "left"])
@pytest.mark.parametrize("chat", [PRIVATE, GROUP, CHANNEL])
def test_a_bot_that_is_removed_no_longer_notifies_the_chat(
    aws: Cloud, subscribers: Subscribers, platforms: FakePlatforms, clock: ControlledClock, chat: Any, status: str
) -> None:
    telegram(message("/start", chat))
    received(aws, platforms, clock)
    for _ in range(2):
        assert telegram(kicked(chat, status)).status == 200
    assert subscribers.count() == 0
    assert received(aws, platforms, clock) == []


def test_a_group_that_becomes_a_supergroup_stays_subscribed(aws: Cloud, subscribers: Subscribers) -> None:
    telegram(message("/start", GROUP))
    assert telegram(message(None, GROUP, migrate_to_chat_id=-1005)).status == 200
    one = subscribers.get("-1005")
    assert one
    assert (one.chat_id, one.key) == ("-1005", "-5")
    assert subscribers.count() == 1


@pytest.mark.parametrize("text", ["/start", "/stop", "/status", "hello"])
def test_an_update_that_is_redelivered_is_answered_once(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, text: str
) -> None:
    update = message(text)
    for _ in range(3):
        assert telegram(update).status == 200
        clock.sleep(1)
    assert len(received(aws, platforms, clock)) == 1
    telegram(update)
    assert received(aws, platforms, clock) == []


@pytest.mark.parametrize(("chat", "pause"), [(PRIVATE, CHAT_PAUSE), (GROUP, GROUP_PAUSE)])
def test_too_many_commands_are_answered_at_telegrams_pace_and_then_no_more(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, chat: dict[str, Any], pause: timedelta
) -> None:
    for _ in range(60):
        assert telegram(message("/help", chat)).status == 200
    assert len(received(aws, platforms, clock)) == MAX_WAIT // pause + 1
    clock.sleep(60)
    telegram(message("/help", chat))
    assert len(received(aws, platforms, clock)) == 1


def test_a_chat_that_floods_the_bot_keeps_nobody_else_waiting(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    for _ in range(30):
        telegram(message("/help"))
    telegram(message("/help", {"id": 78, "type": "private"}))
    aws.flow()
    assert [chat for chat, _ in platforms.sent] == ["77", "78"]


@pytest.mark.parametrize("raw", ["", "{", "not JSON", "[" * 100_000, b"\xff", "1" * 5000])
def test_malformed_json_is_rejected(aws: Cloud, raw: str | bytes) -> None:
    assert telegram(None, raw=raw).status == 400


def test_an_update_that_is_too_long_is_not_read(aws: Cloud) -> None:
    assert telegram(None, raw="x" * (MAX_BYTES + 1)).status == 413
    assert telegram(None, raw=("ж" * MAX_BYTES).encode()).status == 413


@pytest.mark.parametrize(
    "update",
    [
        message("/start", {"id": 1, "type": "private", "first_name": "\ud83d"}),
        {"update_id": "\ud800", "message": {"chat": PRIVATE, "text": "/start"}},
        {"update_id": 10**200, "message": {"chat": PRIVATE, "text": "/help"}},
        {"message": {"chat": PRIVATE, "text": "/help"}},
        message("/start", {"id": 2**62, "type": ""}),
        message("/start", GROUP, migrate_to_chat_id=True),
        message(None, GROUP, migrate_to_chat_id=2**70),
    ],
)
def test_a_strange_update_is_accepted_all_the_same(aws: Cloud, update: object) -> None:
    assert telegram(update).status == 200
    aws.flow()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(update=anything | updates)
def test_any_json_is_accepted(aws: Cloud, update: object) -> None:
    assert telegram(update).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_allowed(aws: Cloud, method: str) -> None:
    from testing.api import event
    from testing.cloud import Context

    answer = FUNCTIONS["telegram_webhook"](event(method, "/api/telegram/webhook"), Context())
    assert answer["statusCode"] in (404, 405)


def test_the_secret_and_the_texts_of_people_reach_no_log(aws: Cloud, logs: Written) -> None:
    telegram(message("/start my password is swordfish"))
    telegram(message("/start"), "hushhush")
    assert "swordfish" not in logs.text
    assert "hush" not in logs.text
    commands = [line for line in logs.lines if line["message"] == "command"]
    assert [(line["command"], line["chat_id"]) for line in commands] == [("start", "77")]
    assert all(line["trace_id"] for line in commands)


@given(st.text(max_size=20))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_word_is_the_secret(aws: Cloud, secret: str) -> None:
    if secret != "hush":
        assert telegram(message("/help"), secret.encode(errors="replace").decode()).status == 401


def test_who_subscribes_or_unsubscribes_is_in_the_audit_trail_once(aws: Cloud, logs: Written) -> None:
    for text in ("/start", "/start", "/status", "/stop", "/stop"):
        telegram(message(text))
    telegram(message("/stop"), "not the secret")
    by_chat = {"kind": "telegram", "id": "77", "name": ""}
    assert [(line["action"], line["actor"], line["targets"], line["outcome"]) for line in logs.audit] == [
        ("subscribe", by_chat, ["subscriber:77"], "done"),
        ("unsubscribe", by_chat, ["subscriber:77"], "done"),
        ("POST /api/telegram/webhook", {"kind": "anonymous", "id": "", "name": ""}, [], "refused"),
    ]
    assert {line["from"] for line in logs.audit} == {"127.0.0.1"}
