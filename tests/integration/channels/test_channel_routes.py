"""The channels' routes as a whole: their answers, their writes, and their calls to the platforms."""

from __future__ import annotations

import pytest

from cairn.clock import now
from cairn.model import Reading, Subject
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.platforms import FakePlatforms, counts
from testing.readings import channel_reading
from tests.integration.channels.tracking import CATS, DOGS, ENCODED, GOOD, PATH, STALE_AFTER, busy_platforms


@pytest.fixture
def platforms() -> FakePlatforms:
    return busy_platforms()


def test_a_channel_is_shown_as_the_design_says(api: Api) -> None:
    answer = api("POST", "/api/channels", GOOD)
    assert answer.status == 201
    assert answer.json == {
        "id": f"youtube:{CATS}",
        "platform": "youtube",
        "handle": f"@{CATS}",
        "name": CATS,
        "page": f"https://www.youtube.com/channel/{CATS}",
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


def test_once_its_baseline_is_taken_a_channel_shows_what_it_passed_last_and_not_when(api: Api, aws: Cloud) -> None:
    api("POST", "/api/channels", GOOD)
    aws.flow()
    assert api("GET", PATH).json["lastMilestone"] == {"threshold": 5000, "label": "5K", "achievedAt": None}


def test_a_milestone_that_was_announced_has_its_instant(api: Api, aws: Cloud, clock: ControlledClock) -> None:
    api("POST", "/api/channels", GOOD)
    aws.flow()
    clock.sleep(60)
    write(aws, 10_100)
    assert api("GET", PATH).json["lastMilestone"]["achievedAt"] == "2026-11-20T12:01:00.000Z"


def test_the_next_milestone_is_one_that_can_still_be_announced(api: Api, aws: Cloud, clock: ControlledClock) -> None:
    """A count that fell below what it had passed: passing it again announces nothing."""
    api("POST", "/api/channels", GOOD)
    aws.flow()
    for count in (10_100, 9_900):
        clock.sleep(60)
        write(aws, count)
    assert api("GET", PATH).json["nextMilestone"] == {"threshold": 25_000, "label": "25K"}


def write(aws: Cloud, count: int) -> None:
    """Store a reading of the channel, and detect what it passed."""
    subject = Subject("channel", f"youtube:{CATS}")
    assert Stats(aws.table("STATS_TABLE")).record(channel_reading(count, subject=subject))
    aws.flow()


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


def test_a_chosen_name_is_kept(api: Api) -> None:
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
    assert "youtube has no channel '@nobody'" in answer.error
    assert api("GET", "/api/channels").json == {"items": [], "nextCursor": None}


def test_the_list_goes_on_where_it_stopped(api: Api) -> None:
    ids = [api("POST", "/api/channels", body).json["id"] for body in (GOOD, GOOD | {"handle": DOGS})]
    ids.append(api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"}).json["id"])
    catch_up()
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
    catch_up()
    assert api("GET", "/api/channels").json["items"] == []
    assert api("DELETE", PATH).status == 404
    (milestone,) = api("GET", "/api/milestones").json["items"]
    assert milestone["label"] == "10K"


def test_a_channel_that_comes_back_starts_silently_and_repeats_nothing(
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
    catch_up()
    assert [item["label"] for item in api("GET", "/api/milestones").json["items"]] == ["10K"]
    clock.sleep(60)
    platforms.youtube[CATS] = counts("9000")
    api("POST", f"{PATH}/refresh")
    clock.sleep(60)
    platforms.youtube[CATS] = counts("76000")
    api("POST", f"{PATH}/refresh")
    aws.flow()
    catch_up()
    assert [item["label"] for item in api("GET", "/api/milestones").json["items"]] == ["75K", "10K"]


def test_a_hidden_count_is_null_and_reported_as_hidden(api: Api, aws: Cloud, platforms: FakePlatforms) -> None:
    platforms.youtube[CATS] = counts("0") | {"hiddenSubscriberCount": "true"}
    channel = api("POST", "/api/channels", GOOD).json
    assert (channel["subscribers"], channel["views"]) == (None, 7)
    assert channel["trouble"]["code"] == "hidden_count"
    assert channel["nextMilestone"] is None
    aws.flow()
    assert api("GET", "/api/milestones").json["items"] == []


def test_an_unknown_channel_is_shown_with_a_health_issue_and_recovers(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    del platforms.youtube[CATS]
    clock.sleep(60)
    with_issue = api("POST", f"{PATH}/refresh").json
    assert with_issue["trouble"] == {
        "code": "unknown_channel",
        "message": "YouTube no longer has a channel with this id",
        "since": "2026-11-20T12:01:00.000Z",
    }
    assert with_issue["asOf"] == "2026-11-20T12:00:00.000Z"
    assert with_issue["subscribers"] == 9500
    clock.sleep(STALE_AFTER)
    again = api("POST", f"{PATH}/refresh").json
    assert again["trouble"]["since"] == "2026-11-20T12:01:00.000Z"
    assert again["stale"] is True
    platforms.youtube[CATS] = counts("9500")
    clock.sleep(60)
    recovered = api("POST", f"{PATH}/refresh").json
    assert (recovered["trouble"], recovered["stale"]) == (None, False)


def test_a_reading_from_another_writer_is_shown_like_any_other(api: Api, aws: Cloud, clock: ControlledClock) -> None:
    api("POST", "/api/channels", GOOD)
    clock.sleep(60)
    subject = Subject("channel", f"youtube:{CATS}")
    Stats(aws.table("STATS_TABLE")).record(Reading(subject, "Cats", {"subscribers": 12_000}, now(), "import", "t"))
    channel = api("GET", PATH).json
    assert (channel["subscribers"], channel["views"], channel["precision"]) == (12_000, None, 1)
