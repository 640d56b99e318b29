"""YouTube's real answers: counts as strings, in any order, rounded, hidden, absent, over quota, or broken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Platform
from cairn.errors import BadInputError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from tests.unit.scripted import KEYS, NOON, FakeClock, Script, channel, platforms

CATS, DOGS = "UC" + "c" * 22, "UC" + "d" * 22


def youtube(*answers: httpx.Response | Exception, clock: FakeClock | None = None) -> tuple[Platform, Script]:
    script = Script(list(answers))
    platform = platforms(script, clock).get("youtube")
    assert platform is not None
    return platform, script


def item(native_id: str, subscribers: object = "10400", **statistics: Any) -> dict[str, Any]:
    values = {"viewCount": "7", "subscriberCount": subscribers, "hiddenSubscriberCount": False, "videoCount": "3"}
    return {"kind": "youtube#channel", "id": native_id, "statistics": values | statistics}


def listing(*items: object) -> httpx.Response:
    return httpx.Response(200, json={"kind": "youtube#channelListResponse", "items": list(items)})


def error_answer(
    status: int, reason: str, message: str = "no", headers: dict[str, str] | None = None
) -> httpx.Response:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "domain": "youtube.quota"}]}
    return httpx.Response(status, json={"error": error}, headers=headers)


def test_fifty_channels_are_one_call() -> None:
    ids = [f"UC{number:022d}" for number in range(50)]
    platform, script = youtube(listing(*map(item, ids)))
    counts = platform.fetch([channel("youtube", native_id) for native_id in ids])
    assert platform.group_size == 50
    assert len(script.asked) == 1
    assert script.asked[0].url.path == "/v3/channels"
    assert script.asked[0].url.params["id"].split(",") == ids
    assert set(counts) == set(ids)


def test_answers_are_matched_by_id_and_not_by_order() -> None:
    platform, _ = youtube(listing(item(DOGS, "2"), item(CATS, "1")))
    counts = platform.fetch([channel("youtube", CATS), channel("youtube", DOGS)])
    assert counts == {
        CATS: ChannelCounts({"subscribers": 1, "views": 7, "videos": 3}),
        DOGS: ChannelCounts({"subscribers": 2, "views": 7, "videos": 3}),
    }


def test_a_channel_that_is_not_in_the_answer_is_unknown_and_the_others_are_counted() -> None:
    platform, _ = youtube(listing(item(DOGS)))
    counts = platform.fetch([channel("youtube", CATS), channel("youtube", DOGS)])
    unknown = counts[CATS]
    assert isinstance(unknown, CountsUnavailable)
    assert unknown.code == "unknown_channel"
    assert isinstance(counts[DOGS], ChannelCounts)


def test_an_answer_without_items_is_one_in_which_nothing_was_found() -> None:
    platform, _ = youtube(httpx.Response(200, json={"kind": "youtube#channelListResponse"}))
    assert isinstance(platform.fetch([channel("youtube", CATS)])[CATS], CountsUnavailable)


def test_a_hidden_count_is_unknown_and_not_zero() -> None:
    platform, _ = youtube(listing(item(CATS, "0", hiddenSubscriberCount=True)))
    assert platform.fetch([channel("youtube", CATS)])[CATS] == ChannelCounts({"views": 7, "videos": 3})


@pytest.mark.parametrize(
    ("snippet", "handle"), [({"customUrl": "@newcats"}, "@newcats"), ({}, None), (None, None), ({"customUrl": 5}, None)]
)
def test_the_same_call_says_which_handle_a_channel_has_now(snippet: object, handle: str | None) -> None:
    platform, script = youtube(listing(item(CATS) | {"snippet": snippet}))
    counts = platform.fetch([channel("youtube", CATS)])[CATS]
    assert isinstance(counts, ChannelCounts)
    assert counts.handle == handle
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("shown", "step"),
    [("0", None), ("999", None), ("1000", 10), ("9990", 10), ("10400", 100), ("999000", 1000), ("1230000", 10_000)],
)
def test_the_step_of_rounding_is_known_from_a_thousand_up(shown: str, step: int | None) -> None:
    platform, _ = youtube(listing(item(CATS, shown)))
    counts = platform.fetch([channel("youtube", CATS)])[CATS]
    assert isinstance(counts, ChannelCounts)
    assert counts.precision.get("subscribers") == step


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 21, 8, tzinfo=UTC)),
        (datetime(2026, 7, 20, 12, tzinfo=UTC), datetime(2026, 7, 21, 7, tzinfo=UTC)),
        (datetime(2026, 11, 20, 7, 59, tzinfo=UTC), datetime(2026, 11, 20, 8, tzinfo=UTC)),
        (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), datetime(2026, 11, 21, 8, tzinfo=UTC)),
        (datetime(2026, 3, 8, 8, 30, tzinfo=UTC), datetime(2026, 3, 9, 7, tzinfo=UTC)),  # a day of 23 hours
        (datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 8, 8, tzinfo=UTC)),
        (datetime(2026, 11, 1, 7, 30, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),  # a day of 25 hours
        (datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 1, 1, 8, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("reason", ["quotaExceeded", "dailyLimitExceeded"])
def test_a_spent_quota_pauses_until_midnight_in_california(reason: str, now: datetime, midnight: datetime) -> None:
    platform, script = youtube(error_answer(403, reason), clock=FakeClock(now))
    with pytest.raises(PlatformPausedError) as raised:
        platform.fetch([channel("youtube", CATS)])
    assert raised.value.until == midnight
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "answer", [error_answer(429, "x", headers={"retry-after": "30"}), error_answer(403, "rateLimitExceeded")]
)
def test_a_rate_limit_pauses_for_as_long_as_it_says_or_a_minute(answer: httpx.Response) -> None:
    platform, _ = youtube(answer)
    with pytest.raises(PlatformPausedError) as raised:
        platform.fetch([channel("youtube", CATS)])
    assert (raised.value.until - NOON).total_seconds() == (30 if answer.status_code == 429 else 60)


def test_a_wrong_key_is_a_failure_that_names_no_key() -> None:
    key = KEYS["YOUTUBE_SECRET"]["YOUTUBE_API_KEY"]
    platform, _ = youtube(error_answer(403, "forbidden", f"Consumer 'api_key:{key}' has been suspended."))
    with pytest.raises(PlatformUnavailableError, match=r"has been suspended") as raised:
        platform.fetch([channel("youtube", CATS)])
    assert key not in str(raised.value)
    assert key not in raised.value.reason


@pytest.mark.parametrize("reason", ["keyInvalid", "keyExpired", "accessNotConfigured", "ipRefererBlocked", "forbidden"])
def test_a_rejected_key_is_told_apart_from_a_platform_that_is_down(reason: str) -> None:
    platform, _ = youtube(error_answer(403, reason))
    with pytest.raises(KeyRejectedError):
        platform.fetch([channel("youtube", CATS)])


def test_a_key_that_googles_front_end_rejects_is_recognised_by_its_details() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    error = {"code": 400, "message": "API key not valid.", "errors": [{"reason": "badRequest"}], "details": details}
    platform, _ = youtube(httpx.Response(400, json={"error": error}))
    with pytest.raises(KeyRejectedError, match="API key not valid"):
        platform.fetch([channel("youtube", CATS)])


@pytest.mark.parametrize(("status", "reason"), [(400, "badRequest"), (403, "anything"), (409, "processingFailure")])
def test_a_passing_or_unknown_error_is_a_failure_of_the_platform(status: int, reason: str) -> None:
    platform, script = youtube(error_answer(status, reason))
    with pytest.raises(PlatformUnavailableError) as raised:
        platform.fetch([channel("youtube", CATS), channel("youtube", DOGS)])
    assert not isinstance(raised.value, KeyRejectedError)
    assert len(script.asked) == 1


@pytest.mark.parametrize("reason", ["channelClosed", "channelSuspended", "channelNotFound", "channelForbidden"])
def test_a_channel_that_makes_the_whole_call_fail_is_found_and_the_others_are_counted(reason: str) -> None:
    ids = [f"UC{number:022d}" for number in range(50)]
    bad = {ids[0], ids[17]}

    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.url.params["id"].split(",")
        return error_answer(403, reason, "This channel is closed.") if bad & {*asked} else listing(*map(item, asked))

    script = Script([answer])
    platform = platforms(script).get("youtube")
    assert platform is not None
    counts = platform.fetch([channel("youtube", native_id) for native_id in ids])
    assert {one for one, found in counts.items() if isinstance(found, CountsUnavailable)} == bad
    assert counts[ids[0]] == CountsUnavailable("refused", "YouTube says: This channel is closed.")
    assert len(counts) == 50
    assert len(script.asked) <= 25


def test_a_handle_whose_channel_is_closed_resolves_to_nothing() -> None:
    platform, _ = youtube(error_answer(403, "channelClosed"))
    assert platform.resolve("@cats") is None


@pytest.mark.parametrize("broken", [{"subscriberCount": "many"}, {"viewCount": None}, {"videoCount": "-1"}])
def test_a_channel_whose_counts_cannot_be_read_leaves_the_others_alone(broken: dict[str, object]) -> None:
    platform, _ = youtube(listing(item(CATS) | {"statistics": broken}, item(DOGS)))
    counts = platform.fetch([channel("youtube", CATS), channel("youtube", DOGS)])
    assert isinstance(counts[CATS], CountsUnavailable)
    assert isinstance(counts[DOGS], ChannelCounts)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["id", "statistics", "reason"]), inner),
    max_leaves=5,
)
bodies = st.dictionaries(st.sampled_from(["items", "error", "errors", "kind"]), json_values)
statuses = st.sampled_from([200, 400, 403, 404, 429])


@settings(max_examples=50, deadline=None)
@given(bodies, statuses)
def test_an_answer_of_any_shape_is_a_count_an_error_or_a_failure_of_the_platform(body: Any, status: int) -> None:
    platform, _ = youtube(httpx.Response(status, json=body))
    try:
        counts = platform.fetch([channel("youtube", CATS)])
    except (PlatformPausedError, PlatformUnavailableError):
        return
    assert isinstance(counts[CATS], ChannelCounts | CountsUnavailable)


@settings(max_examples=50, deadline=None)
@given(bodies, statuses)
def test_a_handle_is_looked_up_whatever_is_answered(body: Any, status: int) -> None:
    platform, _ = youtube(httpx.Response(status, json=body))
    try:
        profile = platform.resolve("@cats")
    except (PlatformPausedError, PlatformUnavailableError):
        return
    assert profile is None or isinstance(profile.native_id, str)


def profile_of(native_id: str) -> httpx.Response:
    return listing({"id": native_id, "snippet": {"title": "All Cats", "customUrl": "@allcats"}})


@pytest.mark.parametrize(
    ("handle", "query"),
    [
        ("@allcats", ("forHandle", "@allcats")),
        ("allcats", ("forHandle", "@allcats")),
        ("  @allcats  ", ("forHandle", "@allcats")),
        ("https://www.youtube.com/@allcats", ("forHandle", "@allcats")),
        ("youtube.com/@allcats", ("forHandle", "@allcats")),
        ("http://m.youtube.com/@allcats", ("forHandle", "@allcats")),
        (f"https://youtube.com/channel/{CATS}", ("id", CATS)),
        (CATS, ("id", CATS)),
        ("@кошки", ("forHandle", "@кошки")),
        ("@貓.cat-1_·", ("forHandle", "@貓.cat-1_·")),
    ],
)
def test_a_handle_an_id_or_an_address_names_a_channel(handle: str, query: tuple[str, str]) -> None:
    platform, script = youtube(profile_of(CATS))
    profile = platform.resolve(handle)
    assert profile is not None
    assert (profile.native_id, profile.handle, profile.name) == (CATS, "@allcats", "All Cats")
    assert profile.page == f"https://www.youtube.com/channel/{CATS}"
    params = script.asked[0].url.params
    assert params[query[0]] == query[1]
    assert ("id" in params) != ("forHandle" in params)


HOSTILE = [
    "",
    "@",
    "a b",
    "@a,b",
    "a&key=stolen",
    "../../etc/passwd",
    "@x\x00",
    "@x\ny",
    "https://evil.test/@cats",
    "https://youtube.com.evil.test/@cats",
    "<script>",
    "@" + "a" * 101,
    "🐱",
]


@pytest.mark.parametrize("handle", HOSTILE)
def test_what_cannot_be_a_handle_is_rejected_before_any_call(handle: str) -> None:
    platform, script = youtube(profile_of(CATS))
    with pytest.raises(BadInputError, match="handle: must be a YouTube handle like @name"):
        platform.resolve(handle)
    assert script.asked == []


def test_an_unknown_handle_resolves_to_nothing() -> None:
    platform, _ = youtube(httpx.Response(200, json={"kind": "youtube#channelListResponse"}))
    assert platform.resolve("@nobody") is None
