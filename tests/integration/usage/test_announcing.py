"""From what a user does to what the CRM is told: with the right template, whom it is about, and once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from cairn.clock import now
from cairn.readings.stats import to_item
from cairn.webhooks import ghl
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.usage_site import UsageSite, usage_site
from testing.webhook_site import Receiver

DAY = timedelta(days=1)
ADA: dict[str, Any] = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+15555550101"}


@pytest.fixture
def site() -> Iterator[UsageSite]:
    with usage_site() as made:
        yield made


def templates(site: UsageSite) -> list[tuple[str, str | None]]:
    return [(body["event"], body["metadata"]["template"]) for body in site.told]


# -- the conditions of the source's plan


@pytest.mark.parametrize(
    ("before", "count", "value", "template"),
    [
        (0, 1, 1, "first_reply_celebration"),
        (9, 1, 10, "getting_started_congrats"),
        (49, 1, 50, "power_user_emerging"),
        (99, 3, 100, "century_club"),
        (499, 1, 500, "pro_achievement"),
        (999, 1, 1000, "elite_status"),
    ],
)
def test_a_reply_that_passes_a_milestone_gets_its_template_and_the_users_contact(
    site: UsageSite, before: int, count: int, value: int, template: str
) -> None:
    site.put(**ADA)
    if before:
        site.track(count=before)
    site.settle()
    earlier = len(site.told)
    site.track(count=count)
    site.settle()
    (body,) = site.told[earlier:]
    assert body["event"] == "milestone_reached"
    assert body["user"] == {"id": "ada", **ADA}
    metadata = body["metadata"]
    expected = {
        "milestone_type": "replies",
        "milestone_value": value,
        "lifetime_total": before + count,
        "is_first": value == 1,
        "streak_days": 1,
        "feature": None,
        "template": template,
    }
    assert {name: metadata[name] for name in expected} == expected


def test_a_goal_that_is_reached_on_days_in_a_row_gets_the_template_of_its_streak(site: UsageSite) -> None:
    site.put(goal=2, **ADA)
    for _ in range(30):
        site.track(count=2)
        site.settle()
        site.run(DAY)
    goals = site.told_of("daily_goal_achieved")
    assert [body["metadata"]["streak_days"] for body in goals] == list(range(1, 31))
    by_streak = {body["metadata"]["streak_days"]: body["metadata"]["template"] for body in goals}
    assert {days: name for days, name in by_streak.items() if name} == {
        1: "first_goal_achieved",
        7: "week_streak",
        30: "month_streak",
    }
    assert [body["metadata"]["date"] for body in goals][:2] == ["2026-11-20", "2026-11-21"]
    assert {(body["metadata"]["daily_goal"], body["metadata"]["count"]) for body in goals} == {(2, 2)}
    assert all(body["user"]["email"] == ADA["email"] for body in goals)
    streaks = [body for body in site.told_of("milestone_reached") if body["metadata"]["milestone_type"] == "streak"]
    assert streaks == [], "with a goal no day brings two e-mails"


@pytest.mark.parametrize(
    ("type_", "given", "feature", "template"),
    [
        ("meme", {}, "meme", "meme_discovery"),
        ("feature", {"feature": "write_like_me"}, "write_like_me", "style_activated"),
        ("feature", {"feature": "research"}, "research", "fact_checker_unlocked"),
    ],
)
def test_a_feature_that_is_used_for_the_first_time_gets_its_template(
    site: UsageSite, type_: str, given: dict[str, Any], feature: str, template: str
) -> None:
    site.put(**ADA)
    for _ in range(3):
        site.track(type_=type_, **given)
        site.settle()
    (body,) = site.told_of("feature_first_used")
    assert (body["metadata"]["feature"], body["metadata"]["template"]) == (feature, template)
    assert body["user"]["email"] == ADA["email"]
    assert body["metadata"]["is_first"] is True


def test_all_three_formats_say_the_same_and_ghl_has_the_same_keys_each_time(site: UsageSite) -> None:
    standard, flat = site.webhooks.endpoint(), site.webhooks.endpoint(format="ghl")
    site.put(goal=1, **ADA)
    site.track(type_="meme")
    site.track(count=1)
    site.settle()
    bodies = site.webhooks.receiver(flat).bodies()
    assert [body["event"] for body in bodies] == [body["event"] for body in site.told]
    assert all(list(body) == list(ghl.body_keys()) for body in bodies)
    assert {body["email"] for body in bodies} == {ADA["email"]}
    for one, other, source in zip(site.webhooks.receiver(standard).bodies(), bodies, site.told, strict=True):
        metadata = source["metadata"]
        assert one["data"]["template"] == metadata["template"]
        assert (other["template"] or None) == metadata["template"]
        assert one["data"]["contact"]["email"] == ADA["email"]
        for name in ("streak_days", "feature", "is_first", "lifetime_total", "milestone_type", "milestone_value"):
            assert other[name] == ("" if metadata.get(name) is None else metadata[name]), name


def test_a_first_event_with_a_count_of_twelve_is_one_milestone_that_is_first(site: UsageSite) -> None:
    site.track(count=12)
    site.settle()
    (body,) = site.told_of("milestone_reached")
    metadata = body["metadata"]
    assert (metadata["milestone_value"], metadata["lifetime_total"], metadata["is_first"]) == (10, 12, True)
    assert [step["threshold"] for step in metadata["also_passed"]] == [1]


def test_without_a_contact_ghl_is_told_nothing_and_all_others_are(site: UsageSite) -> None:
    flat = site.webhooks.endpoint(Receiver(), format="ghl")
    site.track()
    site.settle()
    assert [body["event"] for body in site.told] == ["milestone_reached", "user_created"]
    assert site.webhooks.receiver(flat).bodies() == []


# -- a user begins


def test_a_user_who_begins_is_told_of_once_with_where_and_from_what(site: UsageSite) -> None:
    site.put(zone="Europe/Lisbon", **ADA)
    site.settle()
    site.track()
    site.settle()
    site.track("grace")
    site.settle()
    created = {body["user"]["id"]: body for body in site.told_of("user_created")}
    assert len(site.told_of("user_created")) == 2
    assert created["ada"]["user"]["email"] == ADA["email"]
    assert {name: created["ada"]["metadata"][name] for name in ("source", "time_zone")} == {
        "source": "api",
        "time_zone": "Europe/Lisbon",
    }
    assert created["grace"]["metadata"]["source"] == "usage"


def test_a_redelivered_stream_tells_nothing_twice(site: UsageSite) -> None:
    account = site.webhooks.account
    site.put(goal=1, **ADA)
    site.track()
    site.track(type_="meme")
    site.settle()
    before = site.told
    account.detection.redeliver()
    site.settle()
    site.run(2 * timedelta(hours=1))
    assert site.told == before


def test_an_operators_new_look_at_a_user_tells_nothing(site: UsageSite) -> None:
    site.put(goal=1, **ADA)
    site.track()
    site.settle()
    site.run(DAY)
    site.track()
    site.settle()
    before = site.told
    image = {key: TypeSerializer().serialize(value) for key, value in to_item(site.reading()).items()}
    record = {"eventID": "redetect", "dynamodb": {"NewImage": image, "SequenceNumber": "1"}}
    answer = FUNCTIONS["detect_milestone"]({"Records": [record], "redetect": True}, Context())
    assert answer == {"batchItemFailures": []}
    site.settle()
    site.run(timedelta(hours=2))
    assert site.told == before


# -- streaks


def at_a_streak_of(site: UsageSite, days: int, **settings: Any) -> None:
    site.put(goal=1, **settings)
    for _ in range(days):
        site.track()
        site.settle()
        site.run(DAY)


def test_a_streak_is_lost_once_the_48_hours_for_late_events_are_over(site: UsageSite) -> None:
    at_a_streak_of(site, 3, **ADA)
    assert now().date() == date(2026, 11, 23)
    site.until(datetime(2026, 11, 25, 23, 59, tzinfo=UTC))
    assert site.told_of("streak_lost") == [], "an event of the 23rd may still come"
    site.until(datetime(2026, 11, 26, 0, 2, tzinfo=UTC), timedelta(minutes=1))
    (body,) = site.told_of("streak_lost")
    assert (body["metadata"]["date"], body["metadata"]["streak_days"]) == ("2026-11-23", 3)
    assert "2026-11-26T00:00" <= body["timestamp"] < "2026-11-26T00:02"
    assert body["user"]["email"] == ADA["email"]
    site.run(5 * DAY, 6 * timedelta(hours=1))
    assert len(site.told_of("streak_lost")) == 1


def test_a_late_event_restores_a_streak_and_nothing_is_lost(site: UsageSite) -> None:
    at_a_streak_of(site, 3, **ADA)
    site.run(DAY)
    site.track(date=date(2026, 11, 23))
    site.settle()
    (body,) = site.told_of("streak_restored")
    assert (body["metadata"]["date"], body["metadata"]["streak_days"]) == ("2026-11-23", 4)
    site.track()
    site.settle()
    site.run(2 * DAY)
    assert site.told_of("streak_lost") == []
    assert [body["metadata"]["streak_days"] for body in site.told_of("daily_goal_achieved")] == [1, 2, 3, 4, 5]


def test_restoring_a_streak_or_undoing_and_redoing_does_not_award_again(site: UsageSite) -> None:
    at_a_streak_of(site, 3)
    site.run(DAY)
    for count in (1, -1, 1, -1, 1):
        site.track(count=count, date=date(2026, 11, 23))
        site.settle()
        site.track(count=count)
        site.settle()
    assert len(site.told_of("streak_restored")) == 1
    dates = [body["metadata"]["date"] for body in site.told_of("daily_goal_achieved")]
    assert sorted(set(dates)) == sorted(dates)
    replies = [body["metadata"]["milestone_value"] for body in site.told_of("milestone_reached")]
    assert sorted(set(replies)) == sorted(replies)


def test_one_freeze_covers_one_day(site: UsageSite) -> None:
    at_a_streak_of(site, 3, freezes=1)
    site.run(3 * DAY + timedelta(hours=1))
    assert (site.habits().freezes, site.habits().frozen) == (0, (date(2026, 11, 23),))
    assert site.told_of("streak_lost") == []
    site.run(DAY)
    (body,) = site.told_of("streak_lost")
    assert (body["metadata"]["date"], body["metadata"]["streak_days"]) == ("2026-11-24", 3)


def test_the_once_a_day_guard_holds_in_utc_plus_14(site: UsageSite) -> None:
    """Where a local day begins ten hours before that of UTC, and ends in the middle of it."""
    site.put(zone="Pacific/Kiritimati", goal=1)
    for _ in range(8 * 6):
        site.track()
        site.settle()
        site.run(4 * timedelta(hours=1))
    dates = [body["metadata"]["date"] for body in site.told_of("daily_goal_achieved")]
    assert dates == sorted(set(dates))
    assert len(dates) in (8, 9)
    assert [body["metadata"]["streak_days"] for body in site.told_of("daily_goal_achieved")] == [
        *range(1, len(dates) + 1)
    ]


def test_nothing_of_a_users_goes_to_a_room_or_to_telegram(site: UsageSite) -> None:
    site.put(goal=1, **ADA)
    site.track(count=1200)
    site.settle()
    site.run(4 * DAY, 6 * timedelta(hours=1))
    assert site.told
    assert site.webhooks.telegram == []
    calls = site.webhooks.account.wire.calls
    assert any(call.startswith("detect_milestone: ") for call in calls)
    assert not [call for call in calls if call.startswith(("broadcast: ", "notify: "))]


# -- the record


def test_the_record_has_the_latest_milestone_and_never_an_older_over_a_newer(site: UsageSite) -> None:
    site.put(**ADA)
    site.track(count=10)
    site.settle()
    site.run(timedelta(hours=1))
    site.track(count=90)
    site.settle()
    latest = site.profile().latest
    assert latest
    assert (latest.type, latest.threshold, latest.label, latest.value) == ("replies", 100, "100", 100)
    site.webhooks.account.detection.redeliver()
    site.settle()
    assert site.profile().latest == latest


def test_the_record_says_when_a_user_was_last_active_and_is_written_once_a_day(site: UsageSite) -> None:
    site.track()
    site.settle()
    assert site.profile().active == date(2026, 11, 20)
    assert site.profile().name is None
    table = site.table("USAGE_TABLE")
    before = table.get_item(Key={"pk": "user#ada", "sk": "profile"})["Item"]
    site.track(count=3)
    site.settle()
    after = table.get_item(Key={"pk": "user#ada", "sk": "profile"})["Item"]
    assert {name for name in after if before.get(name) != after[name]} == set()
    site.run(DAY)
    site.track(date=date(2026, 11, 20))
    site.settle()
    assert site.profile().active == date(2026, 11, 20), "a late event makes nobody active today"
    site.track()
    site.settle()
    assert site.profile().active == date(2026, 11, 21)
