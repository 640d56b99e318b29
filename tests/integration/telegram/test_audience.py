"""Who is notified: each chat once, also the announcement channel when it subscribes too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest

from cairn.clock import now
from cairn.errors import NotYetError, UnfinishedError
from cairn.model import Subject
from cairn.telegram.announcement import AnnouncementChat
from cairn.telegram.bot import Bot
from cairn.telegram.subscribers import Subscribers
from functions.notify.audience import ANNOUNCEMENT, CREATORS, Audience, Recipient
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.readings import CATS
from tests.unit.scripted import Answer, Script

CHANNEL = "-1009"
KNOWN = httpx.Response(200, json={"ok": True, "result": {"id": int(CHANNEL), "type": "channel"}})
UNKNOWN = httpx.Response(400, json={"ok": False, "error_code": 400, "description": "Bad Request: chat not found"})
HELD = httpx.Response(
    429,
    json={"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 9}},
)
DOWN = httpx.Response(502, text="<html>")


@pytest.fixture
def subscribers(aws: Cloud) -> Subscribers:
    return Subscribers(aws.table("AUDIENCE_TABLE"))


def subscribe(subscribers: Subscribers, *chats: str) -> None:
    for chat in chats:
        subscribers.add(chat, "private", "Ada", now())


class Stage:
    """An announcement channel, and what Telegram says of it."""

    def __init__(self, aws: Cloud, configured: str, *answers: Answer) -> None:
        self.script = Script(list(answers))
        self.announcement = AnnouncementChat(aws.table("AUDIENCE_TABLE"), configured)
        self.audience = Audience(
            subscribers=Subscribers(aws.table("AUDIENCE_TABLE")),
            announcement=self.announcement,
            creators=AnnouncementChat(aws.table("AUDIENCE_TABLE"), "@agency"),
            bot=Bot(self.script.client(), "http://telegram.test", "1:A"),
            clock=now,
        )

    def recipients(self, after: str | None = None, through: str | None = None) -> Sequence[Recipient]:
        return self.audience.recipients(CATS, after, through)

    def chats(self) -> list[tuple[str, str]]:
        return [(one.key, one.chat_id) for one in self.recipients()]


def test_a_channel_that_also_subscribes_is_one_recipient(aws: Cloud, subscribers: Subscribers) -> None:
    subscribe(subscribers, CHANNEL, "77")
    stage = Stage(aws, "@cairn", KNOWN)
    assert stage.chats() == [(ANNOUNCEMENT, CHANNEL), ("77", "77")]
    assert [one.key for one in stage.recipients(None, "5")] == [ANNOUNCEMENT]
    assert [one.key for one in stage.recipients("-2", None)] == ["77"]
    assert Stage(aws, CHANNEL, DOWN).chats() == [(ANNOUNCEMENT, CHANNEL), ("77", "77")]


def test_the_progress_of_an_older_attempt_is_known_under_the_subscriptions_key(
    aws: Cloud, subscribers: Subscribers
) -> None:
    subscribe(subscribers, CHANNEL)
    assert Stage(aws, "@cairn", KNOWN).recipients()[0].other_keys == {CHANNEL}


def test_a_name_is_resolved_once_a_day(aws: Cloud, clock: ControlledClock) -> None:
    stage = Stage(aws, "@cairn", KNOWN)
    for _ in range(3):
        stage.recipients()
    assert len(stage.script.asked) == 1
    clock.sleep(86_401)
    assert stage.chats() == [(ANNOUNCEMENT, CHANNEL)]
    assert len(stage.script.asked) == 2


@pytest.mark.parametrize("later", [DOWN, HELD, UNKNOWN])
def test_an_id_that_was_known_is_used_while_telegram_gives_no_other(
    aws: Cloud, clock: ControlledClock, later: httpx.Response
) -> None:
    stage = Stage(aws, "@cairn", KNOWN, later)
    stage.recipients()
    clock.sleep(86_401)
    assert stage.chats() == [(ANNOUNCEMENT, CHANNEL)]


@pytest.mark.parametrize(("answer", "error"), [(DOWN, UnfinishedError), (HELD, NotYetError)])
def test_while_the_id_is_unknown_nobody_is_notified_who_might_be_notified_twice(
    aws: Cloud, subscribers: Subscribers, answer: httpx.Response, error: type[Exception]
) -> None:
    subscribe(subscribers, CHANNEL)
    with pytest.raises(error):
        Stage(aws, "@cairn", answer).recipients()


def test_a_name_that_telegram_does_not_know_is_tried_as_it_is(aws: Cloud, clock: ControlledClock) -> None:
    stage = Stage(aws, "@misspelt", UNKNOWN)
    assert stage.chats() == stage.chats() == [(ANNOUNCEMENT, "@misspelt")]
    assert len(stage.script.asked) == 1
    clock.sleep(3_601)
    stage.chats()
    assert len(stage.script.asked) == 2


def test_a_group_that_migrates_stays_one_recipient(aws: Cloud, subscribers: Subscribers) -> None:
    subscribe(subscribers, "-5", "77")
    stage = Stage(aws, "-5", DOWN)
    (announcement, _) = stage.recipients()
    assert stage.audience.migrate(announcement, "-1005")
    assert stage.chats() == [(ANNOUNCEMENT, "-1005"), ("77", "77")]


def test_a_group_that_is_also_subscribed_under_its_new_id_is_notified_there(
    aws: Cloud, subscribers: Subscribers
) -> None:
    subscribe(subscribers, "-1005")
    stage = Stage(aws, "-5", DOWN)
    announcement = stage.recipients()[0]
    assert not stage.audience.migrate(announcement, "-1005")
    assert stage.chats() == [(ANNOUNCEMENT, "-5"), ("-1005", "-1005")]


def test_a_hold_of_the_channel_is_remembered(aws: Cloud) -> None:
    stage = Stage(aws, "@cairn", KNOWN)
    stage.audience.hold(stage.recipients()[0], now() + timedelta(hours=1))
    (announcement,) = stage.recipients()
    assert (announcement.chat_id, announcement.held_until) == (CHANNEL, now() + timedelta(hours=1))


def test_of_what_creators_earn_one_chat_is_told_and_no_subscriber(aws: Cloud, subscribers: Subscribers) -> None:
    subscribe(subscribers, CHANNEL, "77")
    stage = Stage(aws, "@cairn", KNOWN)
    (only,) = stage.audience.recipients(Subject("creator", "mia"), None, None)
    assert (only.key, only.chat_id) == (CREATORS, CHANNEL)
    stage.audience.hold(only, now() + timedelta(hours=1))
    (held,) = stage.audience.recipients(Subject("creator", "mia"), None, None)
    assert held.held_until == now() + timedelta(hours=1)
    assert all(one.held_until is None for one in Stage(aws, "@cairn", KNOWN).recipients())
    assert stage.audience.migrate(only, "77"), "it is told also when it subscribed under its new id"
    (moved,) = stage.audience.recipients(Subject("creator", "mia"), None, None)
    assert moved.chat_id == "77"


def test_without_a_chat_nobody_is_told_of_what_creators_earn(aws: Cloud, subscribers: Subscribers) -> None:
    subscribe(subscribers, "77")
    audience = Audience(
        subscribers=subscribers,
        announcement=AnnouncementChat(aws.table("AUDIENCE_TABLE"), "-100"),
        creators=None,
        bot=Bot(Script([]).client(), "http://telegram.test", "1:A"),
        clock=now,
    )
    assert audience.recipients(Subject("creator", "mia"), None, None) == []
