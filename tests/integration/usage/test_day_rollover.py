"""What happens to users without an event: found by an index, without reading all users; each stops only itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.clock import iso, now
from functions.day_rollover.handler import RESERVE_SECONDS, RolloverError
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.usage_site import HOUR, UsageSite, usage_site

DAY = timedelta(days=1)


@pytest.fixture
def site() -> Iterator[UsageSite]:
    with usage_site() as made:
        yield made


def roll_over(seconds: float = 60.0) -> dict[str, Any]:
    catch_up()
    answer: dict[str, Any] = FUNCTIONS["day_rollover"]({"source": "schedule"}, Context(seconds))
    return answer


def due(site: UsageSite) -> dict[str, datetime | None]:
    items = site.table("USAGE_TABLE").scan()["Items"]
    ids = [item["pk"].removeprefix("user#") for item in items if item["sk"] == "profile"]
    return {user_id: site.profile(user_id).due_at for user_id in ids}


def test_when_something_is_due_is_noted_with_the_first_event(site: UsageSite) -> None:
    site.track()
    site.settle()
    # Today is met; that tomorrow is not is certain 48 hours after it.
    assert due(site) == {"ada": datetime(2026, 11, 24, tzinfo=UTC)}


def test_somebody_who_goes_on_costs_no_write_a_day_for_it(site: UsageSite) -> None:
    site.track()
    site.settle()
    site.webhooks.account.run(now() + DAY)
    site.track()
    site.settle()
    assert due(site) == {"ada": datetime(2026, 11, 24, tzinfo=UTC)}, "the streak is at stake a day later"
    site.webhooks.account.run(datetime(2026, 11, 24, 0, 1, tzinfo=UTC))
    assert roll_over() == {"due": 1, "changed": 1}
    assert due(site) == {"ada": datetime(2026, 11, 25, tzinfo=UTC)}
    assert roll_over() == {"due": 0, "changed": 0}


def test_only_those_are_read_for_whom_something_is_due(site: UsageSite) -> None:
    for user_id in ("ada", "grace", "mary"):
        site.track(user_id)
    site.settle()
    site.run(2 * HOUR)
    calls = site.webhooks.account.wire.calls
    before = len(calls)
    site.webhooks.account.days.put({"source": "schedule"})
    site.settle()
    assert [call for call in calls[before:] if "Scan" in call or "BatchGetItem" in call] == []
    assert len([call for call in calls[before:] if call.startswith("day_rollover: ")]) <= 3


def test_an_anniversary_is_celebrated_at_the_users_own_midnight(site: UsageSite) -> None:
    site.put("ada", zone="Pacific/Kiritimati")
    site.put("grace", zone="Pacific/Honolulu")
    site.settle()
    assert due(site) == {
        "ada": datetime(2026, 11, 27, 10, tzinfo=UTC),  # 28 November on Kiritimati, a week after the 21st
        "grace": datetime(2026, 11, 27, 10, tzinfo=UTC),  # 27 November on Hawaii, a week after the 20th
    }
    site.until(datetime(2026, 11, 27, 9, 59, tzinfo=UTC), DAY)
    assert site.told_of("milestone_reached") == []
    site.until(datetime(2026, 11, 27, 10, 1, tzinfo=UTC), timedelta(minutes=1))
    found = site.told_of("milestone_reached")
    assert {body["user"]["id"] for body in found} == {"ada", "grace"}
    assert {(body["metadata"]["milestone_type"], body["metadata"]["milestone_value"]) for body in found} == {
        ("days_with_us", 7)
    }
    site.until(datetime(2026, 12, 21, tzinfo=UTC), DAY)
    assert [body["metadata"]["milestone_value"] for body in site.told_of("milestone_reached")] == [7, 7, 30, 30]


def test_one_user_who_fails_stops_only_itself_and_is_tried_again(site: UsageSite, logs: Written) -> None:
    for user_id in ("ada", "grace", "mary"):
        site.put(user_id, goal=1)
        site.track(user_id)
    site.settle()
    site.webhooks.account.run(datetime(2026, 11, 24, tzinfo=UTC))
    table = site.table("STATS_TABLE")
    good = table.get_item(Key={"subject": "user:grace"})["Item"]
    table.put_item(Item={**good, "metrics": "unreadable"})
    with pytest.raises(RolloverError, match="1 users were not rolled over, the first is grace"):
        roll_over()
    assert [line["subject"] for line in logs.lines if line["message"] == "user not rolled over"] == ["user:grace"]
    assert {user: at for user, at in due(site).items() if at} == {
        "ada": datetime(2026, 11, 27, tzinfo=UTC),
        "grace": now() + timedelta(minutes=15),
        "mary": datetime(2026, 11, 27, tzinfo=UTC),
    }
    table.put_item(Item=good)
    assert roll_over() == {"due": 0, "changed": 0}, "it is not tried in each minute"
    site.webhooks.account.run(now() + timedelta(minutes=16))
    assert roll_over() == {"due": 1, "changed": 1}
    site.settle()
    assert {body["user"]["id"] for body in site.told_of("streak_lost")} == {"ada", "grace", "mary"}


def test_a_run_that_has_no_time_left_leaves_the_rest_to_the_next(site: UsageSite) -> None:
    users = [f"user-{number}" for number in range(25)]
    for user_id in users:
        site.track(user_id)
    site.settle()
    site.webhooks.account.run(datetime(2026, 11, 24, tzinfo=UTC))

    class OneGroup(Context):
        asked = 0

        def get_remaining_time_in_millis(self) -> int:
            type(self).asked += 1
            return 60_000 if type(self).asked <= 2 else int(RESERVE_SECONDS * 1000) - 1

    catch_up()
    first = FUNCTIONS["day_rollover"]({"source": "schedule"}, OneGroup())
    assert 0 < first["due"] < 25
    second = roll_over()
    assert first["due"] + second["due"] == 25
    site.settle()
    assert {body["user"]["id"] for body in site.told_of("streak_lost")} == set(users)


def test_a_due_instant_of_somebody_who_is_gone_is_taken_away(site: UsageSite) -> None:
    site.track()
    site.settle()
    site.stats.delete(site.reading().subject)
    site.webhooks.account.run(datetime(2026, 11, 24, tzinfo=UTC))
    assert roll_over() == {"due": 1, "changed": 0}
    assert due(site) == {"ada": None}


def test_what_becomes_due_while_a_user_is_rolled_over_is_not_lost(site: UsageSite) -> None:
    """The announcer's earlier instant stands, although the rollover had computed a later one before."""
    site.track()
    site.settle()
    site.webhooks.account.run(datetime(2026, 11, 24, tzinfo=UTC))
    catch_up()
    (one,) = site.users.due(now())
    earlier = now() + HOUR
    site.users.note("ada", active=None, began=now(), due_at=earlier)
    FUNCTIONS["day_rollover"].dependencies.rollover.roll_over(one)
    assert due(site) == {"ada": earlier}


@settings(max_examples=8, deadline=None)
@given(
    days=st.lists(st.integers(0, 2), min_size=4, max_size=12),
    zone=st.sampled_from(["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Australia/Lord_Howe"]),
    freezes=st.integers(0, 2),
)
def test_what_is_due_is_what_an_hourly_look_at_everybody_would_find(days: list[int], zone: str, freezes: int) -> None:
    """Each streak that is lost is told within an hour of the end of the 48 hours, in any zone."""
    with usage_site() as site:
        site.put(zone=zone, goal=1, freezes=freezes)
        for count in (*days, 0, 0, 0, 0, 0):
            if count:
                site.track(count=count)
            site.settle()
            site.run(DAY, 3 * HOUR)
        lost = site.told_of("streak_lost")
        assert len({body["metadata"]["date"] for body in lost}) == len(lost)
        habits = site.habits()
        assert [body["metadata"]["date"] for body in lost][-len(habits.lost) :] == [str(one.day) for one in habits.lost]
        assert habits.freezes + len(habits.frozen) == freezes
        assert iso(now()) >= max((body["timestamp"] for body in lost), default="")


def test_dates_of_days_are_the_users(site: UsageSite) -> None:
    site.put(zone="Pacific/Kiritimati", goal=1)
    site.track()
    site.settle()
    assert site.told_of("daily_goal_achieved")[0]["metadata"]["date"] == str(date(2026, 11, 21))
