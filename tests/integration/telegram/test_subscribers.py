"""The subscribers: one subscription a chat, counted with every change, kept when Telegram moves the chat."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.clock import now
from cairn.telegram.subscribers import Subscribers
from testing.clock import ControlledClock
from testing.cloud import Cloud


@pytest.fixture
def subscribers(aws: Cloud) -> Subscribers:
    return Subscribers(aws.table("AUDIENCE_TABLE"))


def add(subscribers: Subscribers, *chats: str) -> None:
    for chat in chats:
        subscribers.add(chat, "private", "Ada", now())


def keys(subscribers: Subscribers, after: str | None = None, through: str | None = None) -> list[str]:
    return [one.key for one in subscribers.between(after, through)]


def test_a_chat_subscribes_once_and_is_counted_once(subscribers: Subscribers) -> None:
    assert subscribers.add("77", "private", "Ada", now())
    assert not subscribers.add("77", "private", "Ada", now())
    assert subscribers.count() == 1
    one = subscribers.get("77")
    assert one
    assert (one.key, one.chat_id, one.type, one.title, one.since) == ("77", "77", "private", "Ada", now())


def test_a_chat_unsubscribes_once_and_may_come_back(subscribers: Subscribers) -> None:
    assert not subscribers.remove("77")
    add(subscribers, "77")
    assert subscribers.remove("77")
    assert not subscribers.remove("77")
    assert (subscribers.count(), subscribers.get("77")) == (0, None)
    assert subscribers.add("77", "private", "Ada", now())
    assert subscribers.count() == 1


def test_a_group_that_migrates_keeps_its_place(subscribers: Subscribers) -> None:
    subscribers.add("-5", "group", "Cats", now())
    assert subscribers.migrate("-5", "-1005")
    for chat in ("-5", "-1005"):
        one = subscribers.get(chat)
        assert one
        assert (one.key, one.chat_id, one.type) == ("-5", "-1005", "supergroup")
    assert subscribers.count() == 1
    assert not subscribers.add("-1005", "supergroup", "Cats", now())
    assert subscribers.migrate("-5", "-1005")
    assert subscribers.migrate("-1005", "-1006")
    assert keys(subscribers) == ["-5"]
    assert subscribers.remove("-1006")
    assert (subscribers.count(), keys(subscribers)) == (0, [])


def test_a_group_that_migrated_may_leave_and_come_back(subscribers: Subscribers) -> None:
    subscribers.add("-5", "group", "Cats", now())
    subscribers.migrate("-5", "-1005")
    assert subscribers.remove("-1005")
    assert subscribers.add("-1005", "supergroup", "Cats", now())
    one = subscribers.get("-1005")
    assert one
    assert one.chat_id == "-1005"
    assert subscribers.count() == 1


def test_a_group_that_was_not_subscribed_migrates_into_nothing(subscribers: Subscribers) -> None:
    assert not subscribers.migrate("-5", "-1005")
    assert (subscribers.count(), keys(subscribers)) == (0, [])
    assert subscribers.add("-1005", "supergroup", "Cats", now())


def test_a_group_that_subscribed_under_both_ids_is_one(subscribers: Subscribers) -> None:
    add(subscribers, "-5", "-1005")
    assert not subscribers.migrate("-5", "-1005")
    assert keys(subscribers) == ["-1005"]
    assert subscribers.count() == 1


def test_a_range_holds_the_subscriptions_after_one_key_up_to_another(subscribers: Subscribers) -> None:
    add(subscribers, "1", "10", "2", "-5", "3")
    assert keys(subscribers) == ["-5", "1", "10", "2", "3"]
    assert keys(subscribers, "1", "2") == ["10", "2"]
    assert keys(subscribers, "2", None) == ["3"]
    assert keys(subscribers, None, "1") == ["-5", "1"]
    subscribers.remove("1")
    assert keys(subscribers, "1", "2") == ["10", "2"]


def test_a_chat_that_is_gone_is_kept_for_thirty_days(subscribers: Subscribers, clock: ControlledClock) -> None:
    add(subscribers, "77", "78")
    assert subscribers.suspend("77", "Forbidden: bot was blocked by the user", now())
    assert not subscribers.suspend("77", "again", now())
    assert (subscribers.count(), keys(subscribers), subscribers.get("77")) == (1, ["78"], None)
    (one,) = subscribers.suspensions(now())
    assert (one.subscriber.chat_id, one.reason, one.at) == ("77", "Forbidden: bot was blocked by the user", now())
    clock.sleep(30 * 86_400 + 1)
    assert subscribers.suspensions(now()) == []


def test_a_suspended_chat_is_resumed_as_it_was(subscribers: Subscribers) -> None:
    subscribers.add("-5", "group", "Cats", now())
    subscribers.migrate("-5", "-1005")
    before = subscribers.get("-1005")
    assert subscribers.suspend("-1005", "gone", now())
    assert not subscribers.resume("78")
    assert subscribers.resume("-1005")
    assert not subscribers.resume("-1005")
    assert subscribers.get("-1005") == before
    assert (subscribers.count(), subscribers.suspensions(now())) == (1, [])


def test_a_suspended_chat_may_subscribe_again_or_leave_for_good(subscribers: Subscribers) -> None:
    add(subscribers, "77", "78")
    for chat in ("77", "78"):
        subscribers.suspend(chat, "gone", now())
    assert subscribers.add("77", "private", "Ada", now())
    assert subscribers.remove("78")
    assert not subscribers.remove("78")
    assert (subscribers.count(), keys(subscribers), subscribers.suspensions(now())) == (1, ["77"], [])


def test_a_hold_is_on_the_subscription_and_subscribes_nobody(subscribers: Subscribers) -> None:
    add(subscribers, "77")
    subscribers.hold("77", now() + timedelta(hours=1))
    subscribers.hold("78", now() + timedelta(hours=1))
    assert [one.held_until for one in subscribers.between(None, None)] == [now() + timedelta(hours=1)]
