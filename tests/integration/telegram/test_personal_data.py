"""An erased chat is in no item, also when it was suspended, held or tried again."""

from __future__ import annotations

from datetime import timedelta

from cairn.aws.personal_data import erase_all
from cairn.clock import now
from cairn.telegram.announcement import AnnouncementChat
from cairn.telegram.deliveries import Deliveries, Progress
from cairn.telegram.personal_data import ChatItems
from cairn.telegram.send_slots import SendSlots
from cairn.telegram.subscribers import Subscribers
from testing.cloud import Cloud

CHAT, OTHER = "7777777", "8888888"


def test_a_chat_that_was_suspended_held_and_tried_again_is_erased(aws: Cloud) -> None:
    table = aws.table("AUDIENCE_TABLE")
    subscribers, deliveries = Subscribers(table), Deliveries(table, aws.table("MILESTONES_TABLE"))
    for chat in (CHAT, OTHER):
        subscribers.add(chat, "private", "Ada", now())
    subscribers.suspend(CHAT, "gone", now())
    AnnouncementChat(table, "@cairn").resolve("-1009", now())
    SendSlots(table).is_second_refusal(CHAT, now())
    deliveries.acquire("a", 0, "one", now(), timedelta(0))
    deliveries.record_progress("a", 0, "one", [OTHER], [CHAT])
    deliveries.finish("a", 0, Progress(frozenset({OTHER}), frozenset({CHAT})), None, 2, now())
    deliveries.reopen("a", now())
    deliveries.acquire("a", 0, "two", now(), timedelta(0))
    deliveries.release("a", 0, "two", {CHAT: 3})
    erase_all(lambda: ChatItems(table).of(CHAT))
    items = table.scan()["Items"]
    assert CHAT not in str(items)
    assert OTHER in str(items)
    progress = deliveries.acquire("a", 0, "three", now(), timedelta(0))
    assert progress
    assert (len(progress.retried or ()), progress.counted) == (1, (1, 1))
    assert subscribers.count() == 1
