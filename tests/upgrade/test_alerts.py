"""Telegram alerts across an upgrade: who was told is not told again, and who is left is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.upgrade.fixtures import Fixture, detect, plain, put_all, told_now
from tests.upgrade.scenario import MUTE_CHAT
from tests.upgrade.site import Site

SOON = timedelta(minutes=10)


def test_all_that_was_under_way_is_announced_once(upgraded: Site, fixture: Fixture) -> None:
    """Everything is brought, and everything that may be is brought again."""
    records = fixture.files["stream_records"]
    put_all(upgraded, fixture.messages("delivered"))
    put_all(upgraded, fixture.messages("waiting"))
    detect(upgraded, [*records["processed"], *records["waiting"]])
    detect(upgraded, records["waiting"])
    upgraded.run(upgraded.now + SOON)
    now, before = told_now(upgraded), fixture.told()
    assert set(now) == {tuple(one) for one in fixture.files["announced"]["due"]["alerts"]} | {("Chatroom", "500")}
    for alert, chats in now.items():
        assert not chats & before.get(alert, set()), alert
        assert chats | before.get(alert, set()) == _subscribed(upgraded), alert
    assert upgraded.account.left_behind() == {}


def test_what_was_claimed_and_not_announced_is_announced_once(upgraded: Site, fixture: Fixture) -> None:
    waiting = fixture.files["stream_records"]["waiting"]
    for _ in ("brought", "brought again"):
        detect(upgraded, waiting)
    upgraded.run(upgraded.now + SOON)
    now = told_now(upgraded)
    assert set(now) == {("Pics", "10K"), ("Newsroom", "5K"), ("Dogs", "1K")}
    assert all(chats == _subscribed(upgraded) for chats in now.values())


def test_an_alert_that_is_half_delivered_reaches_the_chats_that_are_left(upgraded: Site, fixture: Fixture) -> None:
    put_all(upgraded, fixture.messages("waiting", "alert_part"))
    put_all(upgraded, fixture.messages("waiting", "alert_part"))
    upgraded.run(upgraded.now + SOON)
    before = fixture.told()["Cats", "25K"]
    assert told_now(upgraded) == {("Cats", "25K"): _subscribed(upgraded) - before}
    tally = _tally(upgraded, "channel:youtube:UCcats", 25_000)
    assert tally == {"total": 34, "delivered": 33, "failed": 1}


def test_a_chat_that_was_in_doubt_before_is_given_up_at_the_next_doubt(upgraded: Site, fixture: Fixture) -> None:
    upgraded.world.mute.add(str(MUTE_CHAT))
    put_all(upgraded, fixture.messages("waiting", "alert_part"))
    upgraded.run(upgraded.now + SOON)
    assert upgraded.world.unanswered == [str(MUTE_CHAT)]
    assert _tally(upgraded, "channel:youtube:UCcats", 25_000) == {"total": 34, "delivered": 32, "failed": 2}


def test_an_alert_that_was_sent_and_not_noted_is_delivered_once(upgraded: Site, fixture: Fixture) -> None:
    put_all(upgraded, fixture.messages("waiting", "alert"))
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    upgraded.run(upgraded.now + SOON)
    assert told_now(upgraded)["Newsroom", "5K"] == _subscribed(upgraded)
    assert _tally(upgraded, "channel:telegram:-1001", 5_000) == {"total": 33, "delivered": 33, "failed": 0}


def test_what_was_announced_is_not_announced_again(upgraded: Site, fixture: Fixture) -> None:
    """Each finished part of an alert stays finished, and no record that was processed claims anything."""
    before = _milestones(upgraded)
    put_all(upgraded, fixture.messages("delivered", "alert_part"))
    detect(upgraded, fixture.files["stream_records"]["processed"])
    upgraded.run(upgraded.now + SOON)
    assert told_now(upgraded) == {}
    assert _milestones(upgraded) == before


def test_nothing_is_sent_while_telegram_holds_the_bot(upgraded: Site, fixture: Fixture) -> None:
    held = {
        datetime.fromtimestamp(int(item["held_until"]) / 1000, UTC)
        for item in plain(upgraded, "AUDIENCE_TABLE")
        if "held_until" in item
    }
    put_all(upgraded, fixture.messages("waiting", "alert"))
    put_all(upgraded, fixture.messages("waiting", "reply"))
    upgraded.run(max(held) - timedelta(seconds=1))
    assert upgraded.world.sent == []
    upgraded.run(max(held) + timedelta(minutes=1))
    assert upgraded.world.sent


def test_a_command_is_answered_once(upgraded: Site, fixture: Fixture) -> None:
    """Its answer was on the queue; and Telegram brings the update again."""
    replies = fixture.messages("waiting", "reply")
    put_all(upgraded, replies)
    for update in fixture.files["invocations"]["answered_updates"]:
        upgraded.telegram(update)
    upgraded.run(upgraded.now + SOON)
    asked = sorted(json.loads(one["body"])["chat_id"] for one in replies)
    assert sorted(chat for chat, _ in upgraded.world.sent) == asked


def test_a_command_that_was_answered_is_not_answered_again(upgraded: Site) -> None:
    """Telegram brings its update once more."""
    answered = [
        (item["pk"].removeprefix("delivery#reply/"), chat)
        for item in plain(upgraded, "AUDIENCE_TABLE")
        if item["pk"].startswith("delivery#reply/") and "finished_at" in item
        for chat in item["delivered"]
    ]
    assert answered
    for update_id, chat in answered:
        message = {"chat": {"id": int(chat), "type": "private"}, "text": "/help"}
        upgraded.telegram({"update_id": int(update_id), "message": message})
    upgraded.run(upgraded.now + SOON)
    assert upgraded.world.sent == []


def test_a_chat_that_migrated_is_still_subscribed_once(upgraded: Site) -> None:
    """Under its new id, by the key that it subscribed with."""
    chat = {"id": -1002001, "type": "supergroup", "title": "Group"}
    upgraded.telegram({"update_id": 9001, "message": {"chat": chat, "text": "/start"}})
    assert len(_subscribed(upgraded)) == _counted(upgraded)
    upgraded.telegram({"update_id": 9002, "message": {"chat": chat, "text": "/stop"}})
    assert "-1002001" not in _subscribed(upgraded)
    assert len(_subscribed(upgraded)) == _counted(upgraded)


def _subscribed(site: Site) -> set[str]:
    return {item["chat_id"] for item in plain(site, "AUDIENCE_TABLE") if item["pk"] == "subscribers"}


def _counted(site: Site) -> int:
    (count,) = [item["how_many"] for item in plain(site, "AUDIENCE_TABLE") if item["pk"] == "counts"]
    return int(count)


def _milestones(site: Site) -> list[object]:
    return sorted(site.items("MILESTONES_TABLE"), key=json.dumps)


def _tally(site: Site, subject: str, threshold: int) -> dict[str, int]:
    (found,) = [
        item
        for item in plain(site, "MILESTONES_TABLE")
        if item["pk"].startswith(subject) and item.get("threshold") == threshold
    ]
    return {name: int(found[name]) for name in ("total", "delivered", "failed")}
