"""Telegram's channels: exact counts one by one, and errors that concern one channel or the whole platform."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Platform, ShowsProfiles
from cairn.errors import BadInputError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.upstream import MAX_WAIT
from tests.unit.channels.platforms.test_youtube import json_values
from tests.unit.scripted import KEYS, NOON, Script, channel, platforms

TOKEN = KEYS["TELEGRAM_SECRET"]["TELEGRAM_BOT_TOKEN"]


def telegram(*answers: httpx.Response | Exception) -> tuple[Platform, Script]:
    script = Script(list(answers))
    platform = platforms(script).get("telegram")
    assert platform is not None
    return platform, script


def ok(result: object) -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "result": result})


def rejected(status: int, description: str, **parameters: object) -> httpx.Response:
    body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    return httpx.Response(status, json=body)


def test_a_channel_is_one_call_and_its_count_is_exact() -> None:
    platform, script = telegram(ok(12_345))
    assert platform.fetch([channel("telegram", "-1001")]) == {"-1001": ChannelCounts({"subscribers": 12_345})}
    assert script.asked[0].url.path == f"/bot{TOKEN}/getChatMemberCount"
    assert script.asked[0].read() == b'{"chat_id":-1001}'


@pytest.mark.parametrize(
    ("status", "description", "code"),
    [
        (400, "Bad Request: chat not found", "unknown_channel"),
        (403, "Forbidden: bot was kicked from the channel chat", "refused"),
        (400, "Bad Request: group chat was upgraded to a supergroup chat", "refused"),
    ],
)
def test_a_channel_that_telegram_rejects_has_a_health_issue_of_its_own(
    status: int, description: str, code: str
) -> None:
    platform, _ = telegram(rejected(status, description))
    found = platform.fetch([channel("telegram", "-1001")])["-1001"]
    assert isinstance(found, CountsUnavailable)
    assert found.code == code
    assert description in found.message


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("body", [{"message": "Forbidden"}, {"error": "chat not found"}])
def test_an_answer_of_a_proxy_is_not_taken_for_telegrams(status: int, body: dict[str, str]) -> None:
    platform, _ = telegram(httpx.Response(status, json=body))
    with pytest.raises(PlatformUnavailableError):
        platform.fetch([channel("telegram", "-1001")])


def test_too_many_requests_pause_the_platform_for_as_long_as_it_says() -> None:
    platform, script = telegram(rejected(429, "Too Many Requests: retry after 17", retry_after=17))
    with pytest.raises(PlatformPausedError) as raised:
        platform.fetch([channel("telegram", "-1001")])
    assert (raised.value.until - NOON).total_seconds() == 17
    assert len(script.asked) == 1


@pytest.mark.parametrize(("retry_after", "seconds"), [(10**8, MAX_WAIT.total_seconds()), (-5, 0)])
def test_no_answer_pauses_the_platform_for_longer_than_a_day(retry_after: int, seconds: float) -> None:
    platform, _ = telegram(rejected(429, "Too Many Requests", retry_after=retry_after))
    with pytest.raises(PlatformPausedError) as raised:
        platform.fetch([channel("telegram", "-1001")])
    assert (raised.value.until - NOON).total_seconds() == seconds


@pytest.mark.parametrize(
    ("answer", "rejects_the_key"),
    [
        (rejected(401, "Unauthorized"), True),
        (rejected(404, "Not Found"), True),
        (rejected(409, "Conflict"), False),
        (rejected(500, "Internal Server Error"), False),
        (httpx.Response(502), False),
    ],
)
def test_a_wrong_token_is_told_apart_from_a_broken_gateway(answer: httpx.Response, rejects_the_key: bool) -> None:
    platform, _ = telegram(answer)
    with pytest.raises(PlatformUnavailableError) as raised:
        platform.fetch([channel("telegram", "-1001")])
    assert isinstance(raised.value, KeyRejectedError) == rejects_the_key
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("result", ["many", -1, True, None])
def test_a_channel_whose_count_cannot_be_read_has_a_health_issue_of_its_own(result: object) -> None:
    platform, _ = telegram(ok(result))
    found = platform.fetch([channel("telegram", "-1001")])["-1001"]
    assert isinstance(found, CountsUnavailable)
    assert found.code == "refused"


def test_a_token_is_in_no_error() -> None:
    platform, _ = telegram(rejected(404, f"no such path /bot{TOKEN}/getChat"))
    with pytest.raises(PlatformUnavailableError) as raised:
        platform.resolve("@cats")
    assert TOKEN not in str(raised.value)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["ok", "result", "description", "parameters", "error_code"]), json_values),
    st.sampled_from([200, 400, 403, 404, 429]),
)
def test_an_answer_of_any_shape_is_a_count_an_error_or_a_failure_of_the_platform(body: Any, status: int) -> None:
    platform, _ = telegram(httpx.Response(status, json=body))
    for call in (lambda: platform.fetch([channel("telegram", "-1")]), lambda: platform.resolve("@cats")):
        try:
            call()
        except (PlatformPausedError, PlatformUnavailableError, BadInputError):
            continue


@pytest.mark.parametrize("handle", ["@durov", "durov", "https://t.me/durov", "t.me/durov", " @durov "])
def test_a_handle_or_an_address_names_a_channel(handle: str) -> None:
    platform, script = telegram(ok({"id": -1001, "type": "channel", "username": "durov", "title": "Durov's Channel"}))
    profile = platform.resolve(handle)
    assert profile is not None
    assert (profile.native_id, profile.handle, profile.name) == ("-1001", "@durov", "Durov's Channel")
    assert profile.page == "https://t.me/durov"
    assert script.asked[0].read() == b'{"chat_id":"@durov"}'


@pytest.mark.parametrize(
    ("chat", "handle", "page"),
    [
        ({"username": "durov_new"}, "@durov_new", "https://t.me/durov_new"),
        ({}, "@cats", None),
    ],
)
def test_a_channel_is_asked_by_its_id_for_the_name_that_it_has_now(
    chat: dict[str, object], handle: str, page: str | None
) -> None:
    platform, script = telegram(ok({"id": -1001, "type": "channel", "title": "D", **chat}))
    assert isinstance(platform, ShowsProfiles)
    profile = platform.profile(channel("telegram", "-1001", "@cats"))
    assert profile is not None
    assert (profile.handle, profile.page) == (handle, page)
    assert script.asked[0].read() == b'{"chat_id":-1001}'


@pytest.mark.parametrize("answer", [ok({"id": -1002, "username": "other"}), ok(7), rejected(400, "chat not found")])
def test_an_answer_that_says_nothing_of_the_channel_has_no_name_for_it(answer: httpx.Response) -> None:
    platform, _ = telegram(answer)
    assert isinstance(platform, ShowsProfiles)
    assert platform.profile(channel("telegram", "-1001")) is None


@pytest.mark.parametrize("kind", ["private", "group", None])
def test_a_person_has_no_count(kind: str | None) -> None:
    platform, _ = telegram(ok({"id": 77, "type": kind, "username": "ada"}))
    with pytest.raises(BadInputError, match="only public channels and supergroups"):
        platform.resolve("@ada_l")


@pytest.mark.parametrize(
    "handle", ["", "@", "@ab", "1cats", "@a b", "@" + "a" * 33, "https://t.me/+invite", "-1001", "@x/y"]
)
def test_what_cannot_be_a_handle_is_rejected_before_any_call(handle: str) -> None:
    platform, script = telegram(ok({}))
    with pytest.raises(BadInputError, match="handle: must be a Telegram name like @name"):
        platform.resolve(handle)
    assert script.asked == []


def test_an_unknown_handle_resolves_to_nothing() -> None:
    platform, _ = telegram(rejected(400, "Bad Request: chat not found"))
    assert platform.resolve("@nobody") is None
