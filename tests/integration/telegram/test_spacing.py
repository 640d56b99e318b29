"""Two alerts to a chat keep Telegram's limits: one message a second, and in a group twenty a minute."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from cairn.aws import sqs
from cairn.clock import now
from cairn.messages import Alert
from cairn.readings.milestones import Milestones
from cairn.telegram.subscribers import Subscribers
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms
from testing.readings import channel_milestone


@pytest.mark.parametrize(("chat", "seconds"), [("77", 1), ("-1007", 3)])
def test_two_alerts_to_a_chat_are_as_far_apart_as_telegram_asks(
    aws: Cloud, platforms: FakePlatforms, chat: str, seconds: float
) -> None:
    Subscribers(aws.table("AUDIENCE_TABLE")).add(chat, "group", "Fans", now())
    sent_at = []
    for threshold in (1000, 2500):
        milestone = channel_milestone(threshold)
        Milestones(aws.table("MILESTONES_TABLE")).record(milestone)
        sqs.queue(os.environ["NOTIFY_QUEUE_URL"]).send([Alert(milestone)])
        FUNCTIONS["notify"]({"Records": aws.messages("NOTIFY_QUEUE_URL")}, Context())
        sent_at.append(now())
    assert [one for one, _ in platforms.sent] == [chat, chat]
    first, second = sent_at
    assert timedelta(seconds=seconds) <= second - first < timedelta(seconds=seconds + 0.3)
