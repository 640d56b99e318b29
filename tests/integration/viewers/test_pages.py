"""What a page needs to start, and the curve it draws."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cairn.aws import dynamodb
from cairn.channels.registry import HIDDEN, Channel, Channels
from cairn.model import Reading
from cairn.readings.history import History
from cairn.readings.stats import Stats
from cairn.viewers.subjects import viewer_subject
from testing.clock import START, ControlledClock
from testing.cloud import Cloud
from testing.readings import viewers_reading
from testing.viewer_site import Site
from testing.workspace import begin_with

CATS = Channel("youtube", "UCcats", "@cats", "Cats", START - timedelta(days=9), page="https://youtube.test/@cats")
NOBODY_FOLLOWS = {
    "channelId": "demo",
    "name": None,
    "webSocketUrl": "ws://sockets.test/live",
    "heartbeatInterval": 30_000,
    "countInterval": 2000,
    "followers": None,
}


def channels() -> Channels:
    return Channels(dynamodb.resource().Table("channels_table"))


def stats() -> Stats:
    return Stats(dynamodb.resource().Table("stats_table"))


def followed(by: int | None, at: datetime, channel: Channel = CATS) -> None:
    """A tracked channel with its reading."""
    channels().add(channel)
    counted = {"subscribers": by} if by is not None else {}
    stats().record(Reading(channel.subject, channel.name, {**counted, "views": 5}, at, "schedule", "t"))


def watched(site: Site, name: str, viewers: int, at: datetime, peak: int | None = None) -> None:
    """A reading of a live channel, as a count leaves it in both tables."""
    most = viewers if peak is None else peak
    metrics: dict[str, int | Decimal] = {"viewers": viewers, "connections": viewers, "peak": most}
    reading = viewers_reading(name, metrics, at)
    stats().record(reading)
    History(dynamodb.resource().Table("history_table")).add(reading, once_a_minute=True)


def page(site: Site, channel: str) -> Any:
    answer = site("GET", f"channel/{channel}")
    assert answer.status == 200
    return answer.json


def test_a_page_receives_the_sockets_url_and_the_heartbeat_interval(site: Site) -> None:
    assert page(site, "demo") == NOBODY_FOLLOWS


def test_a_channel_that_the_operator_named_has_its_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_with(live_channels={"demo": "Demo stream"})
    assert page(site, "demo") == NOBODY_FOLLOWS | {"name": "Demo stream"}
    assert page(site, "other")["name"] is None


def test_the_followers_are_those_of_the_tracked_channel_of_that_id(site: Site) -> None:
    followed(990, START - timedelta(minutes=1))
    assert page(site, "youtube:UCcats")["followers"] == {
        "count": 990,
        "name": "Cats",
        "url": "https://youtube.test/@cats",
        "asOf": "2026-11-20T11:59:00.000Z",
        "stale": False,
    }
    assert page(site, "youtube:UCdogs")["followers"] is None
    assert page(site, "UCcats")["followers"] is None


def test_a_channel_without_an_address_of_its_own_has_none(site: Site) -> None:
    followed(1, START, Channel("youtube", "UCold", "@old", "Old", START))
    assert page(site, "youtube:UCold")["followers"]["url"] is None


def test_a_count_that_is_hidden_is_not_shown(site: Site) -> None:
    followed(990, START)
    channels().record_health_issue(CATS, HIDDEN, "hidden", START)
    assert page(site, "youtube:UCcats")["followers"] is None


def test_a_count_that_is_not_known_is_not_shown(site: Site) -> None:
    channels().add(CATS)
    followed(None, START, Channel("youtube", "UCnone", "@none", "None", START))
    assert page(site, "youtube:UCcats")["followers"] is None
    assert page(site, "youtube:UCnone")["followers"] is None


def test_a_count_that_did_not_change_is_as_old_as_its_last_check(site: Site) -> None:
    followed(990, START - timedelta(days=1))
    channels().record_checked("youtube", 0, [("UCa", "UCz")], START - timedelta(minutes=2), complete=True)
    followers = page(site, "youtube:UCcats")["followers"]
    assert (followers["asOf"], followers["stale"]) == ("2026-11-20T11:58:00.000Z", False)


def test_a_count_grows_stale_while_a_lambda_remembers_it(site: Site, clock: ControlledClock) -> None:
    followed(990, START - timedelta(minutes=14, seconds=30))
    assert page(site, "youtube:UCcats")["followers"]["stale"] is False
    clock.sleep(31)
    assert page(site, "youtube:UCcats")["followers"]["stale"] is True


def test_a_new_count_is_shown_within_a_minute(site: Site, clock: ControlledClock) -> None:
    followed(990, START)
    page(site, "youtube:UCcats")
    followed(1000, START + timedelta(seconds=1))
    clock.sleep(60)
    assert page(site, "youtube:UCcats")["followers"]["count"] == 1000


# -- the curve


def curve(site: Site, **query: object) -> Any:
    answer = site("GET", "curve/demo", query=query)
    assert answer.status == 200
    return answer.json


def test_a_curve_begins_with_nobody_and_is_what_was_counted_oldest_first(site: Site) -> None:
    for minutes, viewers in ((50, 3), (20, 7), (10, 5)):
        watched(site, "demo", viewers, START - timedelta(minutes=minutes), peak=7)
    assert curve(site) == {
        "channelId": "demo",
        "items": [
            {"at": "2026-11-20T11:00:00.000Z", "viewers": 0},
            {"at": "2026-11-20T11:10:00.000Z", "viewers": 3},
            {"at": "2026-11-20T11:40:00.000Z", "viewers": 7},
            {"at": "2026-11-20T11:50:00.000Z", "viewers": 5},
        ],
        "peak": {"viewers": 7, "day": "2026-11-20"},
    }


def test_a_curve_goes_back_as_far_as_is_asked_and_begins_with_what_held_then(site: Site) -> None:
    for hours, viewers in ((25, 1), (23, 2), (5, 3), (0.5, 4)):
        watched(site, "demo", viewers, START - timedelta(hours=hours))
    shown = {hours: [item["viewers"] for item in curve(site, hours=hours)["items"]] for hours in (1, 6, 24)}
    assert shown == {1: [3, 4], 6: [2, 3, 4], 24: [1, 2, 3, 4]}
    assert curve(site) == curve(site, hours=1)


def test_what_held_is_known_to_the_minute(site: Site, clock: ControlledClock) -> None:
    clock.sleep(30)
    for seconds, viewers in ((-70, 1), (20, 2), (40, 3)):  # of the last two, in one minute, the later is kept
        watched(site, "demo", viewers, START - timedelta(hours=1) + timedelta(seconds=seconds))
    items = curve(site)["items"]
    assert [(item["at"][11:19], item["viewers"]) for item in items] == [("11:00:30", 1), ("11:00:40", 3)]


def test_a_count_that_has_not_changed_for_longer_than_that_is_a_level_line(site: Site) -> None:
    watched(site, "demo", 5, START - timedelta(hours=3), peak=9)
    assert curve(site, hours=1)["items"] == [{"at": "2026-11-20T11:00:00.000Z", "viewers": 5}]
    assert curve(site, hours=1)["peak"] == {"viewers": 9, "day": "2026-11-20"}


def test_a_channel_that_nobody_has_ever_watched_has_no_curve(site: Site) -> None:
    assert curve(site) == {"channelId": "demo", "items": [], "peak": None}


def test_a_full_day_has_one_item_a_minute(site: Site, aws: Cloud) -> None:
    history = aws.table("HISTORY_TABLE")
    with history.batch_writer() as batch:
        for minutes in range(1500):
            at = START - timedelta(minutes=minutes)
            item = {"pk": str(viewer_subject("demo")), "sk": f"reading#{at:%Y-%m-%dT%H:%M}:00.000Z"}
            millis = int(at.timestamp() * 1000)
            batch.put_item(item | {"metrics": {"viewers": 1}, "as_of": millis, "expires_at": millis})
    stats().record(viewers_reading("demo", {"viewers": 1, "peak": 1}, START))
    items = curve(site, hours=24)["items"]
    assert len(items) == 1441
    assert items == sorted(items, key=lambda item: item["at"])


def test_yesterdays_peak_is_not_todays(site: Site) -> None:
    watched(site, "demo", 4, START - timedelta(hours=13), peak=90)
    assert curve(site)["peak"] == {"viewers": 4, "day": "2026-11-20"}, "those four were present when the day began"


def test_a_day_on_which_nobody_watched_has_no_peak(site: Site) -> None:
    watched(site, "demo", 0, START - timedelta(days=2), peak=90)
    assert curve(site)["peak"] is None


def test_a_day_is_the_operators(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_with(time_zone="Pacific/Kiritimati")
    watched(site, "demo", 4, START - timedelta(hours=3), peak=90)
    assert curve(site)["peak"] == {"viewers": 4, "day": "2026-11-21"}


@pytest.mark.parametrize("hours", ["0", "25", "-1", "1.5", "1e1", "", "٣", " 3", "99999999999999999999", "1,2", "x"])
def test_hours_are_a_whole_number_from_1_to_24(site: Site, hours: str) -> None:
    answer = site("GET", "curve/demo", query={"hours": hours})
    assert answer.status == 400
    assert answer.json["details"] == [{"field": "hours", "message": "must be a whole number from 1 to 24"}]
