"""Instagram's business discovery: limits reported as codes and percentages, and handles of any form."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Platform
from cairn.channels.registry import NAME_TAKEN
from cairn.errors import BadInputError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from tests.unit.channels.platforms.test_youtube import json_values
from tests.unit.scripted import KEYS, NOON, Script, channel, platforms

TOKEN = KEYS["INSTAGRAM_SECRET"]["INSTAGRAM_ACCESS_TOKEN"]


def instagram(*answers: httpx.Response | Exception) -> tuple[Platform, Script]:
    script = Script(list(answers))
    platform = platforms(script).get("instagram")
    assert platform is not None
    return platform, script


def discovered(headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
    return httpx.Response(200, json={"business_discovery": fields, "id": "1784"}, headers=headers)


def rejected(code: int, message: str = "no", status: int = 400, **more: object) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "code": code, **more}})


def test_an_account_is_one_call_by_its_name() -> None:
    platform, script = instagram(discovered(followers_count=267_793, id="9"))
    assert platform.fetch([channel("instagram", "9", "@blue.bottle")]) == {"9": ChannelCounts({"subscribers": 267_793})}
    url = script.asked[0].url
    assert url.path == "/v25.0/1784"
    assert url.params["fields"] == "business_discovery.username(blue.bottle){followers_count}"
    assert url.params["access_token"] == TOKEN


def test_the_followers_of_an_account_that_took_a_freed_name_are_not_the_old_ones() -> None:
    platform, _ = instagram(discovered(followers_count=990_000, id="10"))
    found = platform.fetch([channel("instagram", "9", "@blue.bottle")])["9"]
    assert isinstance(found, CountsUnavailable)
    assert found.code == NAME_TAKEN
    assert "@blue.bottle is the name of another account now" in found.message


def test_an_account_without_a_count_is_unknown_and_not_zero() -> None:
    platform, _ = instagram(discovered(id="9"))
    assert platform.fetch([channel("instagram", "9")]) == {"9": ChannelCounts({})}


@pytest.mark.parametrize("code", [4, 9, 17, 32, 341, 368, 613, 80_000, 80_002, 80_014])
def test_a_limit_comes_as_a_code_and_pauses_for_an_hour(code: int) -> None:
    platform, _ = instagram(rejected(code, "(#4) Application request limit reached"))
    with pytest.raises(PlatformPausedError, match="request limit reached") as raised:
        platform.fetch([channel("instagram", "9")])
    assert (raised.value.until - NOON).total_seconds() == 3600


USAGE = {
    "x-app-usage": json.dumps({"call_count": 100, "total_time": 1, "total_cputime": 1}),
    "x-business-use-case-usage": json.dumps({"1784": [{"type": "instagram", "call_count": 5, "total_time": 100}]}),
}


@pytest.mark.parametrize("header", USAGE)
def test_when_a_limit_is_used_up_no_other_account_is_requested(header: str) -> None:
    platform, script = instagram(discovered({header: USAGE[header]}, followers_count=5, id="9"))
    assert platform.fetch([channel("instagram", "9")]) == {"9": ChannelCounts({"subscribers": 5})}
    with pytest.raises(PlatformPausedError):
        platform.fetch([channel("instagram", "10")])
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "usage", ["", "[]", "null", "{", '{"call_count": "x"}', '{"call_count": 99}', '{"call_count": {}}']
)
@pytest.mark.parametrize("header", USAGE)
def test_a_usage_header_that_says_nothing_stops_nothing(header: str, usage: str) -> None:
    platform, script = instagram(discovered({header: usage}, followers_count=5, id="9"))
    for _ in range(2):
        platform.fetch([channel("instagram", "9")])
    assert len(script.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        rejected(110),
        rejected(24),
        rejected(803),
        rejected(100, error_subcode=33),
        rejected(100, error_subcode=2207013),
    ],
)
def test_a_private_or_unknown_account_has_a_health_issue_of_its_own(answer: httpx.Response) -> None:
    platform, _ = instagram(answer)
    found = platform.fetch([channel("instagram", "9")])["9"]
    assert isinstance(found, CountsUnavailable)
    assert found.code == "unknown_channel"
    assert platform.resolve("@nobody") is None


@pytest.mark.parametrize("code", [10, 100, 200, 299])
def test_an_account_that_may_not_be_read_has_a_health_issue_of_its_own(code: int) -> None:
    platform, _ = instagram(rejected(code, "(#10) Application does not have permission for this action"))
    found = platform.fetch([channel("instagram", "9")])["9"]
    assert found == CountsUnavailable(
        "refused", "Instagram says: (#10) Application does not have permission for this action"
    )


def test_an_account_whose_count_cannot_be_read_has_a_health_issue_of_its_own() -> None:
    platform, _ = instagram(discovered(id="9", followers_count="many"))
    found = platform.fetch([channel("instagram", "9")])["9"]
    assert isinstance(found, CountsUnavailable)
    assert found.code == "refused"


@pytest.mark.parametrize("code", [3, 102, 190])
def test_a_rejected_key_is_told_apart_from_a_platform_that_is_down(code: int) -> None:
    platform, _ = instagram(rejected(code))
    with pytest.raises(KeyRejectedError):
        platform.fetch([channel("instagram", "9")])


@pytest.mark.parametrize("code", [1, 2, -1, 99_999])
def test_a_passing_or_unknown_error_is_a_failure_of_the_platform_and_says_nothing_of_the_account(code: int) -> None:
    platform, _ = instagram(rejected(code, "An unexpected error has occurred."))
    with pytest.raises(PlatformUnavailableError, match="unexpected error") as raised:
        platform.fetch([channel("instagram", "9")])
    assert not isinstance(raised.value, KeyRejectedError)


def test_an_expired_token_is_a_failure_that_names_no_token() -> None:
    platform, _ = instagram(rejected(190, f"Error validating access token {TOKEN}", 401))
    with pytest.raises(KeyRejectedError, match="Error validating") as raised:
        platform.fetch([channel("instagram", "9")])
    assert TOKEN not in str(raised.value)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["business_discovery", "error", "id"]), json_values),
    st.sampled_from([200, 400, 401, 403, 429]),
)
def test_an_answer_of_any_shape_is_a_count_an_error_or_a_failure_of_the_platform(body: Any, status: int) -> None:
    platform, _ = instagram(httpx.Response(status, json=body))
    for call in (lambda: platform.fetch([channel("instagram", "9")]), lambda: platform.resolve("@cats")):
        try:
            call()
        except (PlatformPausedError, PlatformUnavailableError):
            continue


@pytest.mark.parametrize(
    "handle", ["@blue.bottle", "blue.bottle", "https://www.instagram.com/blue.bottle/", " @blue.bottle"]
)
def test_a_name_or_an_address_names_an_account(handle: str) -> None:
    platform, script = instagram(discovered(id="9", username="blue.bottle", name="Blue Bottle"))
    profile = platform.resolve(handle)
    assert profile is not None
    assert (profile.native_id, profile.handle, profile.name) == ("9", "@blue.bottle", "Blue Bottle")
    assert profile.page == "https://www.instagram.com/blue.bottle/"
    assert "username(blue.bottle)" in script.asked[0].url.params["fields"]


@pytest.mark.parametrize("handle", ["", "@", "a)b", "x){followers_count},id", "@" + "a" * 31, "a b", "@é", "a/b"])
def test_a_handle_that_could_change_the_query_is_rejected_before_any_call(handle: str) -> None:
    platform, script = instagram(discovered(id="9"))
    with pytest.raises(BadInputError, match="handle: must be an Instagram name like @name"):
        platform.resolve(handle)
    assert script.asked == []
