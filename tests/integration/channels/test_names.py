"""A name that changes hands takes no channel's followers, milestones or address along."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from cairn.channels.handles import ONE_IN
from cairn.channels.registry import Channels
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms
from tests.integration.channels.tracking import CATS, GOOD, PATH, STALE_AFTER, busy_platforms

BLUE = "/api/channels/instagram:9"
NEWS = "/api/channels/telegram:-42"


@pytest.fixture
def platforms() -> FakePlatforms:
    return busy_platforms()


@pytest.fixture
def blue(api: Api, aws: Cloud, clock: ControlledClock) -> Any:
    """An Instagram account with 1,234 followers."""
    channel = api("POST", "/api/channels", {"platform": "instagram", "handle": "@blue"}).json
    aws.flow()
    clock.sleep(60)
    return channel


def tick() -> Any:
    return FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())


def until_the_name_is_checked(platforms: FakePlatforms, clock: ControlledClock) -> None:
    platforms.calls.clear()
    while not any(call.endswith("/getChat") for call in platforms.calls):
        clock.sleep(300)
        assert tick()["failed"] == 0


def another_takes_the_name(platforms: FakePlatforms) -> None:
    platforms.instagram["blue"] = {"id": "10", "name": "Another", "followers_count": 990_000}


@pytest.mark.parametrize("refresh", [True, False])
def test_whoever_takes_a_freed_name_gives_the_old_channel_no_followers(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, blue: Any, refresh: bool
) -> None:
    another_takes_the_name(platforms)
    if refresh:
        api("POST", f"{BLUE}/refresh")
    else:
        assert tick()["troubled"] == 1
    aws.flow()
    shown = api("GET", BLUE).json
    assert shown["trouble"]["code"] == "name_taken"
    assert "@blue is the name of another account now" in shown["trouble"]["message"]
    assert (shown["subscribers"], shown["asOf"], shown["page"]) == (1234, blue["asOf"], None)
    assert api("GET", "/api/milestones").json["items"] == []
    clock.sleep(STALE_AFTER)
    assert api("GET", BLUE).json["stale"] is True


def test_a_renamed_account_that_is_added_by_its_new_name_goes_on_where_it_was(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, blue: Any
) -> None:
    another_takes_the_name(platforms)
    tick()
    platforms.instagram["blue.new"] = {"id": "9", "name": "Blue", "followers_count": 2600}
    clock.sleep(60)
    answer = api("POST", "/api/channels", {"platform": "instagram", "handle": "@blue.new"})
    aws.flow()
    assert answer.status == 200
    assert answer.json == blue | {
        "handle": "@blue.new",
        "page": "https://www.instagram.com/blue.new/",
        "subscribers": 2600,
        "asOf": answer.json["asOf"],
        "lastMilestone": answer.json["lastMilestone"],
        "nextMilestone": answer.json["nextMilestone"],
    }
    catch_up()
    assert [milestone["label"] for milestone in api("GET", "/api/milestones").json["items"]] == ["2.5K"]
    clock.sleep(300)
    assert tick()["unchanged"] == 1


def test_a_name_that_returns_to_its_account_is_fetched_again(
    api: Api, platforms: FakePlatforms, clock: ControlledClock, blue: Any
) -> None:
    another_takes_the_name(platforms)
    tick()
    platforms.instagram["blue"] = {"id": "9", "followers_count": 1300}
    clock.sleep(300)
    tick()
    shown = api("GET", BLUE).json
    assert (shown["trouble"], shown["subscribers"], shown["page"]) == (None, 1300, blue["page"])


def test_an_address_is_not_shown_while_its_name_finds_nobody(
    api: Api, platforms: FakePlatforms, clock: ControlledClock, blue: Any
) -> None:
    """A personal account may have the name, which business discovery does not find."""
    found = platforms.instagram.pop("blue")
    tick()
    shown = api("GET", BLUE).json
    assert (shown["trouble"]["code"], shown["page"]) == ("unknown_channel", None)
    platforms.instagram["blue"] = found
    clock.sleep(300)
    tick()
    assert api("GET", BLUE).json["page"] == blue["page"]


def test_an_address_that_is_made_of_the_id_is_always_shown(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    page = api("POST", "/api/channels", GOOD).json["page"]
    del platforms.youtube[CATS]
    clock.sleep(300)
    tick()
    shown = api("GET", PATH).json
    assert (shown["trouble"]["code"], shown["page"]) == ("unknown_channel", page)


def test_the_account_that_took_a_name_is_a_channel_of_its_own(api: Api, platforms: FakePlatforms, blue: Any) -> None:
    another_takes_the_name(platforms)
    answer = api("POST", "/api/channels", {"platform": "instagram", "handle": "@blue"})
    assert (answer.status, answer.json["id"], answer.json["subscribers"]) == (201, "instagram:10", 990_000)
    assert api("GET", BLUE).json["subscribers"] == 1234


def test_a_youtube_channel_is_shown_by_the_handle_that_it_has_now(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", GOOD)
    platforms.handles[CATS] = "@newcats"
    clock.sleep(300)
    calls = len(platforms.calls)
    tick()
    assert len(platforms.calls) == calls + 1
    shown = api("GET", PATH).json
    assert (shown["handle"], shown["page"]) == ("@newcats", f"https://www.youtube.com/channel/{CATS}")


@pytest.mark.parametrize("minutes", [5, 30, 60])
def test_a_telegram_channels_name_is_checked_with_one_count_in_53_whatever_the_schedule(
    api: Api, platforms: FakePlatforms, clock: ControlledClock, minutes: int
) -> None:
    api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"})
    platforms.calls.clear()
    for _ in range(2 * ONE_IN):
        clock.sleep(60 * minutes)
        tick()
    asked = Counter(call.rsplit("/", 1)[1] for call in platforms.calls)
    assert asked == {"getChatMemberCount": 2 * ONE_IN, "getChat": 2}


def test_a_telegram_channel_is_shown_by_the_name_that_it_has_now(
    api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"})
    platforms.usernames[-42] = "new_name"
    until_the_name_is_checked(platforms, clock)
    shown = api("GET", NEWS).json
    assert (shown["handle"], shown["page"]) == ("@new_name", "https://t.me/new_name")
    platforms.usernames[-42] = None
    until_the_name_is_checked(platforms, clock)
    shown = api("GET", NEWS).json
    assert (shown["handle"], shown["page"], shown["subscribers"]) == ("@new_name", None, 777)


@pytest.mark.parametrize("status", [400, 500])
def test_a_name_that_cannot_be_checked_costs_no_count(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, status: int
) -> None:
    api("POST", "/api/channels", {"platform": "telegram", "handle": "@chat42"})
    platforms.members[-42] = 800

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/getChat"):
            platforms.calls.append(request.url.path)
            return httpx.Response(status, json={"ok": False, "description": "no"})
        return platforms.answer(request)

    FUNCTIONS.restart("fetch_stats")
    FUNCTIONS.transport = httpx.MockTransport(answer)
    until_the_name_is_checked(platforms, clock)
    assert api("GET", NEWS).json["subscribers"] == 800
    channel = Channels(aws.table("CHANNELS_TABLE")).get("telegram:-42")
    assert channel
    assert (channel.handle, channel.page) == ("@chat42", "https://t.me/chat42")
