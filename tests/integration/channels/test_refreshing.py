"""Fetching on demand: button, page and sync write what changed, call once, and survive failing platforms."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cairn.channels.registry import Channels
from cairn.clock import now
from cairn.model import Subject
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, cloud
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms, counts
from tests.integration.channels.tracking import (
    CATS,
    DOGS,
    GOOD,
    PATH,
    REFRESH_AGE,
    STALE_AFTER,
    busy_platforms,
    down,
    quota,
    stored,
)


@pytest.fixture
def platforms() -> FakePlatforms:
    return busy_platforms()


def test_an_unchanged_reading_writes_nothing_and_is_seen_to_be_true(
    api: Api, aws: Cloud, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    assert len(stored(aws)) == 1
    clock.sleep(STALE_AFTER + 1)
    assert api("GET", PATH).json["stale"] is True
    refreshed = api("POST", f"{PATH}/refresh").json
    assert stored(aws) == []
    assert refreshed["stale"] is False
    assert refreshed["asOf"] == "2026-11-20T12:15:01.000Z"


def test_the_refresh_button_stores_what_changed(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    stored(aws)
    clock.sleep(1)
    platforms.youtube[CATS] = counts("10100")
    assert api("POST", f"{PATH}/refresh").json["subscribers"] == 10100
    (change,) = stored(aws)
    assert change["dynamodb"]["NewImage"]["source"] == {"S": "refresh"}
    assert change["dynamodb"]["NewImage"]["metrics"]["M"]["subscribers"] == {"N": "10100"}


def test_a_page_fetches_only_past_the_refresh_age(api: Api, platforms: FakePlatforms, clock: ControlledClock) -> None:
    api("POST", "/api/channels", GOOD)
    platforms.calls.clear()
    clock.sleep(REFRESH_AGE)
    api("GET", PATH, query={"refresh": "auto"})
    assert platforms.calls == []
    clock.sleep(1)
    api("GET", PATH, query={"refresh": "never"})
    api("GET", PATH)
    assert platforms.calls == []
    assert api("GET", PATH, query={"refresh": "auto"}).json["asOf"] == "2026-11-20T12:05:01.000Z"
    assert len(platforms.calls) == 1


@pytest.mark.parametrize("hidden", [True, False])
def test_a_channel_that_cannot_be_read_costs_a_page_no_more_calls_than_another(
    api: Api, platforms: FakePlatforms, clock: ControlledClock, hidden: bool
) -> None:
    if hidden:
        platforms.youtube[CATS] = counts("0") | {"hiddenSubscriberCount": "true"}
    api("POST", "/api/channels", GOOD)
    if not hidden:
        del platforms.youtube[CATS]
    clock.sleep(REFRESH_AGE + 1)
    platforms.calls.clear()
    for _ in range(5):
        api("GET", PATH, query={"refresh": "auto"})
        clock.sleep(1)
    assert len(platforms.calls) == 1
    clock.sleep(REFRESH_AGE)
    api("GET", PATH, query={"refresh": "auto"})
    assert len(platforms.calls) == 2


def test_concurrent_requests_cause_one_call(platforms: FakePlatforms) -> None:
    """Eight requests arrive while the first one's call is under way; its result answers all of them."""
    started, waiting = threading.Event(), threading.Semaphore(0)

    def slow() -> httpx.Response:
        started.set()
        for _ in range(7):
            waiting.acquire(timeout=5)
        return httpx.Response(200, json={"items": [{"id": CATS, "statistics": counts("10100")}]})

    with cloud(platforms.transport()) as aws:
        api = Api(aws)
        api("POST", "/api/channels", GOOD)
        began_at = now()
        platforms.broken["youtube"] = slow
        platforms.calls.clear()

        channel = Channels(aws.table("CHANNELS_TABLE")).get(f"youtube:{CATS}")
        assert channel
        fetching = FUNCTIONS["api"].dependencies.fetching
        threads = [
            threading.Thread(
                target=fetching.refresh, args=(channel,), kwargs={"source": "refresh", "requested_at": now()}
            )
            for _ in range(8)
        ]
        threads[0].start()
        assert started.wait(5)
        for thread in threads[1:]:
            thread.start()
            waiting.release()
        for thread in threads:
            thread.join(10)
        assert len(platforms.calls) == 1
        reading = Stats(aws.table("STATS_TABLE")).get(Subject("channel", f"youtube:{CATS}"))
        assert reading
        assert reading.metrics["subscribers"] == 10100
        assert reading.as_of >= began_at


def test_a_request_made_before_a_fetch_started_is_answered_by_it(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(10)
    requested_at = now()
    clock.sleep(1)
    api("POST", f"{PATH}/refresh")
    platforms.calls.clear()
    api("POST", f"{PATH}/refresh", asked_at=requested_at)
    assert platforms.calls == []
    clock.sleep(1)
    api("POST", f"{PATH}/refresh")
    assert len(platforms.calls) == 1


def test_a_fetch_whose_function_died_holds_nobody_up_for_long(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(10)
    channels = Channels(aws.table("CHANNELS_TABLE"))
    channel = channels.get(f"youtube:{CATS}")
    assert channel
    assert channels.acquire_fetch(channel, "dead", now(), now(), timedelta(seconds=20))
    began = now()
    assert api("POST", f"{PATH}/refresh").status == 200
    assert timedelta(seconds=19) < now() - began < timedelta(seconds=21)
    platforms.youtube[CATS] = counts("9600")
    clock.sleep(1)
    assert api("POST", f"{PATH}/refresh").json["subscribers"] == 9600


def test_a_spent_quota_is_answered_429_with_the_time_to_come_back(api: Api, platforms: FakePlatforms) -> None:
    platforms.broken["youtube"] = quota
    api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"})
    answer = api("POST", "/api/channels", GOOD)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) == 20 * 3600  # from noon in UTC to midnight in California
    assert "the daily quota is used up" in answer.error


def test_a_paused_platform_is_not_called_again_until_then(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    platforms.broken["youtube"] = quota
    clock.sleep(60)
    assert api("POST", f"{PATH}/refresh").json["subscribers"] == 9500
    platforms.calls.clear()
    del platforms.broken["youtube"]
    platforms.youtube[CATS] = counts("9600")
    clock.sleep(60)
    assert api("POST", f"{PATH}/refresh").json["subscribers"] == 9500
    assert api("POST", "/api/channels", GOOD | {"handle": DOGS}).status == 429
    assert platforms.calls == []
    clock.sleep(20 * 3600)
    assert api("POST", f"{PATH}/refresh").json["subscribers"] == 9600


def test_a_platform_that_does_not_answer_is_a_503_when_a_channel_is_added(api: Api, platforms: FakePlatforms) -> None:
    platforms.broken["youtube"] = down
    answer = api("POST", "/api/channels", GOOD)
    assert answer.status == 503
    assert "youtube does not answer" in answer.error
    assert api("GET", "/api/channels").json["items"] == []


def test_a_platform_that_fails_leaves_the_stored_reading_and_says_how_old_it_is(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    platforms.broken["youtube"] = down
    clock.sleep(STALE_AFTER + 1)
    answer = api("POST", f"{PATH}/refresh")
    assert answer.status == 200
    assert (answer.json["subscribers"], answer.json["stale"]) == (9500, True)


def test_a_platform_without_keys_is_reported_as_such(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    import boto3

    for secret in ("{}", '{"YOUTUBE_API_KEY": ""}', '{"YOUTUBE_API_KEY": " \\n"}'):
        boto3.client("secretsmanager").put_secret_value(SecretId="youtube_secret", SecretString=secret)
        clock.sleep(301)
        answer = api("POST", "/api/channels", GOOD)
        assert answer.status == 400
        assert "youtube has no keys yet" in answer.error
    assert platforms.calls == []
    boto3.client("secretsmanager").put_secret_value(
        SecretId="youtube_secret", SecretString='{"YOUTUBE_API_KEY": "k\\n"}'
    )
    clock.sleep(301)
    assert api("POST", "/api/channels", GOOD).status == 201


def test_sync_fetches_every_channel_or_those_of_a_platform(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    for body in (GOOD, GOOD | {"handle": DOGS}, {"platform": "telegram", "handle": "@chat42"}):
        api("POST", "/api/channels", body)
    stored(aws)
    clock.sleep(60)
    platforms.youtube[CATS] = counts("10100")
    platforms.members[-42] = 778
    answer = api("POST", "/api/sync", {"platform": "youtube"})
    assert answer.json == {"stored": 1, "unchanged": 1, "troubled": 0, "queued": 0, "failed": 0}
    catch_up()
    answer = api("POST", "/api/sync", {})
    assert answer.json == {"stored": 1, "unchanged": 2, "troubled": 0, "queued": 0, "failed": 0}
    assert {change["dynamodb"]["NewImage"]["source"]["S"] for change in stored(aws)} == {"sync"}
    catch_up()
    assert api("POST", "/api/sync").json["unchanged"] == 3
    assert api("GET", PATH).json["asOf"] == "2026-11-20T12:01:00.000Z"


def test_sync_of_an_unknown_platform_names_the_known_ones(api: Api) -> None:
    answer = api("POST", "/api/sync", {"platform": "myspace"})
    assert answer.status == 400
    assert answer.error == "platform: one of instagram, telegram, youtube"


@pytest.mark.parametrize("failure", [down, quota, lambda: httpx.Response(200, json={"items": 5})])
def test_one_failing_platform_leaves_the_others_alone(
    api: Api, platforms: FakePlatforms, clock: ControlledClock, failure: Any
) -> None:
    for body in (GOOD, {"platform": "telegram", "handle": "@chat42"}, {"platform": "instagram", "handle": "@blue"}):
        api("POST", "/api/channels", body)
    platforms.broken["youtube"] = failure
    platforms.members[-42] = 778
    platforms.instagram["blue"]["followers_count"] = 1235
    clock.sleep(60)
    answer = api("POST", "/api/sync", {})
    assert answer.json == {"stored": 2, "unchanged": 0, "troubled": 0, "queued": 0, "failed": 1}
