"""The channels' routes, whole: what they answer, what they write, and what they ask the platforms."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cairn.channels import Channels
from cairn.instants import now
from cairn.model import Reading, Subject
from cairn.stats import Stats
from tests.support.api import Api
from tests.support.clock import ControlledClock
from tests.support.cloud import SETTINGS, Cloud, cloud
from tests.support.platforms import FakePlatforms

CATS, DOGS = "UC" + "c" * 22, "UC" + "d" * 22
GOOD = {"platform": "youtube", "handle": CATS}
PATH = f"/api/channels/youtube:{CATS}"
ENCODED = f"/api/channels/youtube%3A{CATS}"
REFRESH_AGE = int(SETTINGS["REFRESH_AGE_SECONDS"])
STALE_AFTER = int(SETTINGS["STALE_AFTER_SECONDS"])


def counts(subscribers: str, views: str = "7", videos: str = "3") -> dict[str, str]:
    return {"subscriberCount": subscribers, "viewCount": views, "videoCount": videos}


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(
        youtube={CATS: counts("9500"), DOGS: counts("120")},
        members={-42: 777},
        instagram={"blue": {"id": "9", "name": "Blue", "followers_count": 1234}},
    )


def down() -> httpx.Response:
    return httpx.Response(503)


def quota() -> httpx.Response:
    return httpx.Response(403, json={"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}})


def stored(aws: Cloud) -> list[dict[str, Any]]:
    """What was written to the stats table since the last look."""
    return aws.changes()


def test_a_channel_is_shown_as_the_design_says(api: Api) -> None:
    answer = api("POST", "/api/channels", GOOD)
    assert answer.status == 201
    assert answer.json == {
        "id": f"youtube:{CATS}",
        "platform": "youtube",
        "handle": f"@{CATS}",
        "name": CATS,
        "subscribers": 9500,
        "views": 7,
        "videos": 3,
        "precision": 10,
        "asOf": "2026-11-20T12:00:00.000Z",
        "stale": False,
        "lastMilestone": None,
        "nextMilestone": {"threshold": 10000, "label": "10K"},
        "trouble": None,
        "addedAt": "2026-11-20T12:00:00.000Z",
    }
    assert answer.headers["content-type"] == "application/json"
    assert api("GET", PATH).json == answer.json


def test_once_its_baseline_is_taken_a_channel_shows_what_it_passed_last(api: Api, aws: Cloud) -> None:
    api("POST", "/api/channels", GOOD)
    aws.flow()
    assert api("GET", PATH).json["lastMilestone"] == {
        "threshold": 5000,
        "label": "5K",
        "achievedAt": "2026-11-20T12:00:00.000Z",
    }


def test_an_id_may_be_percent_encoded(api: Api) -> None:
    channel = api("POST", "/api/channels", GOOD).json
    assert api("GET", ENCODED).json == channel
    assert api("GET", ENCODED, query={"refresh": "auto"}).status == 200
    assert api("POST", f"{ENCODED}/refresh").json["id"] == channel["id"]
    assert api("GET", f"{ENCODED}/history").json["id"] == channel["id"]
    assert api("DELETE", ENCODED).status == 204
    assert api("GET", PATH).status == 404


@pytest.mark.parametrize(
    ("body", "native_id", "subscribers"),
    [
        ({"platform": "telegram", "handle": "@chat42"}, "telegram:-42", 777),
        ({"platform": "instagram", "handle": "@blue"}, "instagram:9", 1234),
    ],
)
def test_each_platform_has_its_channels(api: Api, body: object, native_id: str, subscribers: int) -> None:
    channel = api("POST", "/api/channels", body).json
    assert (channel["id"], channel["subscribers"], channel["precision"]) == (native_id, subscribers, 1)
    assert (channel["views"], channel["videos"]) == (None, None)


def test_a_name_of_ones_own_is_kept(api: Api) -> None:
    assert api("POST", "/api/channels", GOOD | {"name": "  Кошки 🐱 & <b>  "}).json["name"] == "Кошки 🐱 & <b>"


def test_to_track_a_channel_twice_changes_nothing(api: Api, clock: ControlledClock) -> None:
    first = api("POST", "/api/channels", GOOD | {"name": "Cats"})
    clock.sleep(10)
    second = api("POST", "/api/channels", GOOD | {"name": "Other"})
    assert (first.status, second.status) == (201, 200)
    assert second.json == first.json


def test_a_channel_that_the_platform_does_not_know_is_not_found_and_not_tracked(api: Api) -> None:
    answer = api("POST", "/api/channels", {"platform": "youtube", "handle": "@nobody"})
    assert answer.status == 404
    assert "youtube knows no channel '@nobody'" in answer.error
    assert api("GET", "/api/channels").json == {"items": [], "nextCursor": None}


def test_the_list_goes_on_where_it_stopped(api: Api) -> None:
    ids = [api("POST", "/api/channels", body).json["id"] for body in (GOOD, GOOD | {"handle": DOGS})]
    ids.append(api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"}).json["id"])
    seen: list[str] = []
    cursor: dict[str, object] = {}
    for _ in range(4):
        page = api("GET", "/api/channels", query={"limit": 1} | cursor).json
        assert set(page) == {"items", "nextCursor"}
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert sorted(seen) == seen == sorted(ids)


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


def test_those_who_ask_at_the_same_time_cause_one_call(platforms: FakePlatforms) -> None:
    """Eight requests arrive while the first one's call is under way; all are answered by it."""
    began, asked = threading.Event(), threading.Semaphore(0)

    def slow() -> httpx.Response:
        began.set()
        for _ in range(7):
            asked.acquire(timeout=5)
        return httpx.Response(200, json={"items": [{"id": CATS, "statistics": counts("10100")}]})

    with cloud(platforms.transport()) as aws:
        api = Api(aws)
        api("POST", "/api/channels", GOOD)
        began_at = now()
        platforms.broken["youtube"] = slow
        platforms.calls.clear()
        from functions.api import parts

        channel = Channels(aws.table("CHANNELS_TABLE")).get(f"youtube:{CATS}")
        assert channel
        fetching = parts.fetching()
        threads = [
            threading.Thread(target=fetching.refresh, args=(channel,), kwargs={"source": "refresh", "asked_at": now()})
            for _ in range(8)
        ]
        threads[0].start()
        assert began.wait(5)
        for thread in threads[1:]:
            thread.start()
            asked.release()
        for thread in threads:
            thread.join(10)
        assert len(platforms.calls) == 1
        reading = Stats(aws.table("STATS_TABLE")).get(Subject("channel", f"youtube:{CATS}"))
        assert reading
        assert reading.metrics["subscribers"] == 10100
        assert reading.as_of >= began_at


def test_whoever_asked_before_a_fetch_began_is_answered_by_it(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(10)
    asked_at = now()
    clock.sleep(1)
    api("POST", f"{PATH}/refresh")
    platforms.calls.clear()
    api("POST", f"{PATH}/refresh", asked_at=asked_at)
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
    assert channels.begin_fetch(channel, "dead", now(), now(), timedelta(seconds=20))
    began = now()
    assert api("POST", f"{PATH}/refresh").status == 200
    assert timedelta(seconds=19) < now() - began < timedelta(seconds=21)
    platforms.youtube[CATS] = counts("9600")
    clock.sleep(1)
    assert api("POST", f"{PATH}/refresh").json["subscribers"] == 9600


def test_a_deleted_channel_is_gone_and_what_it_passed_stays(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(60)
    platforms.youtube[CATS] = counts("10100")
    api("POST", f"{PATH}/refresh")
    aws.flow()
    answer = api("DELETE", PATH)
    assert (answer.status, answer.text) == (204, "")
    assert api("GET", "/api/channels").json["items"] == []
    assert api("DELETE", PATH).status == 404
    (milestone,) = api("GET", "/api/milestones").json["items"]
    assert milestone["label"] == "10K"


def test_a_channel_that_comes_back_begins_in_silence_and_repeats_nothing(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(60)
    platforms.youtube[CATS] = counts("10100")
    api("POST", f"{PATH}/refresh")
    aws.flow()
    api("DELETE", PATH)
    clock.sleep(3600)
    platforms.youtube[CATS] = counts("51000")
    api("POST", "/api/channels", GOOD)
    aws.flow()
    assert [item["label"] for item in api("GET", "/api/milestones").json["items"]] == ["10K"]
    clock.sleep(60)
    platforms.youtube[CATS] = counts("9000")
    api("POST", f"{PATH}/refresh")
    clock.sleep(60)
    platforms.youtube[CATS] = counts("76000")
    api("POST", f"{PATH}/refresh")
    aws.flow()
    assert [item["label"] for item in api("GET", "/api/milestones").json["items"]] == ["75K", "10K"]


def test_a_hidden_count_is_null_and_said_to_be_hidden(api: Api, aws: Cloud, platforms: FakePlatforms) -> None:
    platforms.youtube[CATS] = counts("0") | {"hiddenSubscriberCount": "true"}
    channel = api("POST", "/api/channels", GOOD).json
    assert (channel["subscribers"], channel["views"]) == (None, 7)
    assert channel["trouble"]["code"] == "hidden_count"
    assert channel["nextMilestone"] is None
    aws.flow()
    assert api("GET", "/api/milestones").json["items"] == []


def test_an_unknown_channel_is_shown_in_trouble_and_recovers(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    del platforms.youtube[CATS]
    clock.sleep(60)
    troubled = api("POST", f"{PATH}/refresh").json
    assert troubled["trouble"] == {
        "code": "unknown_channel",
        "message": "YouTube knows no channel with this id any more",
        "since": "2026-11-20T12:01:00.000Z",
    }
    assert troubled["asOf"] == "2026-11-20T12:00:00.000Z"
    assert troubled["subscribers"] == 9500
    clock.sleep(STALE_AFTER)
    again = api("POST", f"{PATH}/refresh").json
    assert again["trouble"]["since"] == "2026-11-20T12:01:00.000Z"
    assert again["stale"] is True
    platforms.youtube[CATS] = counts("9500")
    clock.sleep(60)
    well = api("POST", f"{PATH}/refresh").json
    assert (well["trouble"], well["stale"]) == (None, False)


def test_a_spent_quota_is_answered_429_with_the_time_to_come_back(api: Api, platforms: FakePlatforms) -> None:
    platforms.broken["youtube"] = quota
    api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"})
    answer = api("POST", "/api/channels", GOOD)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) == 20 * 3600  # from noon in UTC to midnight in California
    assert "the day's quota is spent" in answer.error


def test_a_platform_that_paused_is_not_asked_again_until_then(
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


def test_a_platform_that_does_not_answer_is_a_503_for_whoever_adds_a_channel(api: Api, platforms: FakePlatforms) -> None:
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


def test_a_platform_without_keys_is_said_to_have_none(
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
    boto3.client("secretsmanager").put_secret_value(SecretId="youtube_secret", SecretString='{"YOUTUBE_API_KEY": "k\\n"}')
    clock.sleep(301)
    assert api("POST", "/api/channels", GOOD).status == 201


def test_sync_fetches_every_channel_or_those_of_a_platform(api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock) -> None:
    for body in (GOOD, GOOD | {"handle": DOGS}, {"platform": "telegram", "handle": "@chat42"}):
        api("POST", "/api/channels", body)
    stored(aws)
    clock.sleep(60)
    platforms.youtube[CATS] = counts("10100")
    platforms.members[-42] = 778
    answer = api("POST", "/api/sync", {"platform": "youtube"})
    assert answer.json == {"stored": 1, "unchanged": 1, "troubled": 0, "queued": 0, "failed": 0}
    answer = api("POST", "/api/sync", {})
    assert answer.json == {"stored": 1, "unchanged": 2, "troubled": 0, "queued": 0, "failed": 0}
    assert {change["dynamodb"]["NewImage"]["source"]["S"] for change in stored(aws)} == {"sync"}
    assert api("POST", "/api/sync").json["unchanged"] == 3
    assert api("GET", PATH).json["asOf"] == "2026-11-20T12:01:00.000Z"


def test_sync_of_a_platform_that_is_none_names_those_there_are(api: Api) -> None:
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


def test_a_reading_of_somebody_elses_hand_is_shown_like_any_other(api: Api, aws: Cloud, clock: ControlledClock) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(60)
    subject = Subject("channel", f"youtube:{CATS}")
    Stats(aws.table("STATS_TABLE")).record(Reading(subject, "Cats", {"subscribers": 12_000}, now(), "import", "t"))
    channel = api("GET", PATH).json
    assert (channel["subscribers"], channel["views"], channel["precision"]) == (12_000, None, 1)
