"""Who is told of a creator's milestones: a room, one chat and webhooks, and no subscriber of the bot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from cairn.clock import iso, now
from cairn.messages import Message, RoomEvent, RoomState, WebhookEvent
from cairn.model import Number, Reading, Subject
from cairn.readings.history import History
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.platforms import FakePlatforms
from testing.reverting import revert
from testing.subscribers import subscribe
from testing.workspace import begin_with

ID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
BASELINE: Mapping[str, Number] = {"subscribers": 90, "followers": 10, "revenue": Decimal("950.00")}


@pytest.fixture
def creator(api: Api) -> str:
    agency = api("POST", "/api/agencies", {"name": "North"}).json["id"]
    return str(api("POST", "/api/creators", {"agencyId": agency, "name": "Mia", "externalId": ID}).json["id"])


def read(
    aws: Cloud, creator: str, metrics: Mapping[str, Number], trace_id: str = "t" * 32, *, silent: bool = False
) -> None:
    """A reading of the creator, and what follows from it."""
    reading = Reading(
        Subject("creator", creator),
        "Mia",
        metrics,
        now(),
        "schedule",
        trace_id,
        details={"currency": "USD"},
        silent=silent,
    )
    assert Stats(aws.table("STATS_TABLE")).record(reading)
    aws.flow()


def said(aws: Cloud, kind: type[Message]) -> list[Message]:
    queue = "WEBHOOK_QUEUE_URL" if kind is WebhookEvent else "BROADCAST_QUEUE_URL"
    return [one for one in aws.drain(queue) if isinstance(one, kind)]


def test_a_milestone_is_told_to_the_one_chat_and_never_to_subscribers(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, creator: str
) -> None:
    begin_with(creators_telegram_chat="-100555", telegram_announcement_chat="-100777")
    subscribe(aws, "77")
    read(aws, creator, BASELINE)
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "revenue": Decimal("1012.50")})
    ((chat, text),) = platforms.sent
    assert chat == "-100555"
    assert text == "🎉 <b>Mia</b> passed <b>1K</b> USD in revenue!\nNow at 1,012.50 USD."


def test_without_the_chat_nobody_is_told_by_telegram(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, creator: str
) -> None:
    begin_with(telegram_announcement_chat="-100777")
    subscribe(aws, "77")
    read(aws, creator, BASELINE)
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "subscribers": 120})
    assert platforms.sent == []
    assert len(said(aws, WebhookEvent)) == 1


def test_the_room_is_told_of_the_milestone_and_of_each_change_of_revenue(
    aws: Cloud, clock: ControlledClock, creator: str
) -> None:
    read(aws, creator, BASELINE)
    (first,) = said(aws, RoomState)
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "followers": 20})
    assert aws.drain("BROADCAST_QUEUE_URL") == []
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "followers": 20, "revenue": Decimal("5012.50")}, "f" * 32)
    messages = aws.drain("BROADCAST_QUEUE_URL")
    (event,) = [one for one in messages if isinstance(one, RoomEvent)]
    (state,) = [one for one in messages if isinstance(one, RoomState)]
    assert isinstance(first, RoomState)
    assert (event.room, event.event, state.room, state.event) == (
        "creators",
        "creators:milestone",
        "creators",
        "creators:revenue",
    )
    assert state.key != first.key
    assert json.loads(state.data) == {
        "creatorId": creator,
        "revenue": 5012.5,
        "asOf": iso(now()),
        "traceId": "f" * 32,
    }
    assert json.loads(event.data) == {
        "creatorId": creator,
        "name": "Mia",
        "milestone": f"creator:{creator}/creator_revenue/all-time/5000",
        "metric": "revenue",
        "threshold": 5000,
        "label": "5K",
        "value": 5012.5,
        "alsoPassed": [{"threshold": 1000, "label": "1K"}],
        "title": "5K USD in revenue",
        "description": "Mia passed 5K USD in revenue.",
        "icon": "💰",
        "timestamp": iso(now()),
    }
    assert event.trace_id == state.trace_id == "f" * 32


def test_a_webhook_tells_with_the_same_trace_and_the_milestone_is_listed_with_the_creator(
    aws: Cloud, api: Api, clock: ControlledClock, creator: str
) -> None:
    read(aws, creator, BASELINE)
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "revenue": 1000}, "f" * 32)
    (told,) = said(aws, WebhookEvent)
    assert isinstance(told, WebhookEvent)
    assert (told.event_type, told.subject, told.trace_id) == ("milestone_reached", f"creator:{creator}", "f" * 32)
    catch_up()
    (listed,) = api("GET", f"/api/creators/{creator}/milestones", scopes=("analytics",)).json["items"]
    assert (listed["rule"], listed["threshold"], listed["traceId"]) == ("creator_revenue", 1000, "f" * 32)
    assert api("GET", "/api/milestones").json["items"] == [listed]


def test_the_first_reading_and_what_is_silent_announce_nothing(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, creator: str
) -> None:
    begin_with(creators_telegram_chat="-100555")
    read(aws, creator, {**BASELINE, "revenue": 700_000})
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "revenue": 5_000_000}, silent=True)
    assert platforms.sent == []
    assert said(aws, RoomEvent) == []
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "revenue": 10_000_000})
    assert len(platforms.sent) == 1


def test_an_operator_takes_a_milestone_back_with_the_true_value_and_it_is_told_again_when_it_is_true(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, creator: str
) -> None:
    begin_with(creators_telegram_chat="-100555")
    read(aws, creator, BASELINE)
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "subscribers": 9_999})
    aws.drain("BROADCAST_QUEUE_URL")
    aws.drain("WEBHOOK_QUEUE_URL")
    clock.sleep(120)
    reached = [one for one in platforms.sent if "subscribers" in one[1]]
    assert len(reached) == 1
    catch_up()
    (milestone,) = Api(aws)("GET", f"/api/creators/{creator}/milestones").json["items"]
    name = milestone["id"]
    assert [one.id for one in revert(name, value=95)] == [name]
    (taken_back,) = said(aws, RoomEvent)
    assert isinstance(taken_back, RoomEvent)
    assert (taken_back.room, taken_back.event) == ("creators", "milestone:reverted")
    (event,) = said(aws, WebhookEvent)
    assert isinstance(event, WebhookEvent)
    assert event.event_type == "milestone_reverted"
    aws.flow()
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "subscribers": 96})
    clock.sleep(60)
    read(aws, creator, {**BASELINE, "subscribers": 120})
    assert "<b>100</b> subscribers" in platforms.sent[-1][1]


def test_the_values_with_which_a_day_ended_are_kept_for_ever_and_no_single_readings(
    aws: Cloud, clock: ControlledClock, creator: str
) -> None:
    read(aws, creator, BASELINE)
    clock.sleep(24 * 3600)
    read(aws, creator, {**BASELINE, "followers": 20})
    subject = Subject("creator", creator)
    table = aws.table("HISTORY_TABLE")
    days = History(table).days(subject, date(2026, 11, 1), date(2026, 11, 30))
    assert {day: dict(point.metrics) for day, point in days.items()} == {date(2026, 11, 20): dict(BASELINE)}
    items = table.query(
        KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": str(subject)}, ConsistentRead=True
    )["Items"]
    assert [(one["sk"], "expires_at" in one) for one in items] == [("day#2026-11-20", False)]
