"""Each platform fails with its own errors, for as long as requested, and without effect on the others."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from local.sandbox import SANDBOX_TELEGRAM_TOKEN
from tests.unit.sandbox.helpers import FakeClock, Sandbox

pytestmark = pytest.mark.anyio
ADA = 1001
COUNTS = "business_discovery.username(lakeside){followers_count}"
CALLS: dict[str, Callable[[Sandbox], Awaitable[httpx.Response]]] = {
    "youtube": lambda sandbox: sandbox.youtube(part="id", id="UC1"),
    "telegram": lambda sandbox: sandbox.bot("getMe"),
    "instagram": lambda sandbox: sandbox.instagram(COUNTS),
    "fanvue": lambda sandbox: sandbox.fanvue("/users/me"),
}


async def lost(call: Awaitable[httpx.Response]) -> None:
    """The transport requires complete responses: a dropped connection is an AssertionError."""
    with pytest.raises(AssertionError):
        await call


@pytest.fixture(params=list(CALLS))
async def platform(request: pytest.FixtureRequest, sandbox: Sandbox) -> str:
    await sandbox.channel("instagram", "lakeside")
    return str(request.param)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("broken", {"youtube": 503, "telegram": 502, "instagram": 500, "fanvue": 503}),
        ("quota", {"youtube": 403, "telegram": 429, "instagram": 403, "fanvue": 429}),
        ("rate_limited", {"youtube": 403, "telegram": 429, "instagram": 400, "fanvue": 429}),
    ],
)
async def test_a_failure_answers_as_its_platform_does(
    sandbox: Sandbox, platform: str, mode: str, expected: dict[str, int]
) -> None:
    await sandbox.fail(platform, mode, retry_after=7)
    answer = await CALLS[platform](sandbox)
    assert answer.status_code == expected[platform]
    assert answer.json()
    if mode == "rate_limited":
        assert answer.headers["Retry-After"] == "7"


async def test_a_failure_stops_only_its_own_platform(sandbox: Sandbox, platform: str) -> None:
    await sandbox.fail(platform, "broken")
    for name, call in CALLS.items():
        assert ((await call(sandbox)).status_code == 200) == (name != platform)


async def test_a_failure_ends_after_its_requests_its_seconds_or_a_delete(
    sandbox: Sandbox, platform: str, clock: FakeClock
) -> None:
    async def fails() -> bool:
        return (await CALLS[platform](sandbox)).status_code != 200

    await sandbox.fail(platform, "broken", requests=2)
    assert [await fails() for _ in range(3)] == [True, True, False]
    await sandbox.fail(platform, "broken", seconds=10)
    assert await fails()
    clock.advance(10)
    assert not await fails()
    await sandbox.fail(platform, "broken")
    assert await fails()
    await sandbox.control("DELETE", f"/platforms/{platform}/failure")
    assert not await fails()


async def test_slow_answers_late_and_right(sandbox: Sandbox, platform: str, clock: FakeClock) -> None:
    await sandbox.fail(platform, "slow", delay=2.5)
    assert (await CALLS[platform](sandbox)).status_code == 200
    assert clock.slept == [2.5]


async def test_a_timeout_hangs_and_drops_the_connection(sandbox: Sandbox, platform: str, clock: FakeClock) -> None:
    await sandbox.fail(platform, "timeout")
    await lost(CALLS[platform](sandbox))
    assert clock.slept == [60]
    (logged,) = (await sandbox.control("GET", f"/requests?platform={platform}")).json()["requests"]
    assert logged["status"] is None


async def test_a_malformed_answer_is_not_json(sandbox: Sandbox, platform: str) -> None:
    await sandbox.fail(platform, "malformed")
    answer = await CALLS[platform](sandbox)
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(ValueError, match="Unterminated"):
        answer.json()


async def test_telegrams_rate_limit_blocks_the_bot_beyond_the_one_request(sandbox: Sandbox, clock: FakeClock) -> None:
    await sandbox.chat(ADA)
    await sandbox.fail("telegram", "rate_limited", requests=1, retry_after=7)
    assert (await sandbox.send(ADA)).json()["parameters"] == {"retry_after": 7}
    clock.advance(3)
    assert (await sandbox.send(ADA)).json()["parameters"] == {"retry_after": 4}
    clock.advance(4)
    assert (await sandbox.send(ADA)).status_code == 200
    refused = (await sandbox.control("GET", "/telegram/refused")).json()["refused"]
    assert [(attempt["status"], attempt["chat_id"]) for attempt in refused] == [(429, "1001"), (429, "1001")]


async def test_ending_telegrams_failure_unblocks_the_bot(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    await sandbox.fail("telegram", "rate_limited", retry_after=600)
    await sandbox.send(ADA)
    await sandbox.control("DELETE", "/platforms/telegram/failure")
    assert (await sandbox.send(ADA)).status_code == 200


async def test_an_answer_lost_after_accepting_leaves_the_message_sent(sandbox: Sandbox, clock: FakeClock) -> None:
    await sandbox.chat(ADA)
    await sandbox.control("POST", "/telegram/fail_next", {"method": "sendMessage", "after_accepting": True})
    assert (await sandbox.bot("getMe")).status_code == 200
    await lost(sandbox.send(ADA, "once"))
    clock.advance(1)
    assert (await sandbox.send(ADA, "again")).status_code == 200
    assert [message["text"] for message in await sandbox.sent()] == ["once", "again"]


async def test_an_answer_is_lost_only_of_a_message_that_was_accepted(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    await sandbox.control("POST", "/telegram/fail_next", {"after_accepting": True})
    assert (await sandbox.send(404)).status_code == 400
    await lost(sandbox.send(ADA))
    assert len(await sandbox.sent()) == 1


async def test_a_status_after_accepting_is_answered_although_the_message_arrived(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    order = {"status": 500, "description": "Internal Server Error", "after_accepting": True}
    await sandbox.control("POST", "/telegram/fail_next", order)
    assert (await sandbox.send(ADA)).json() == {"ok": False, "error_code": 500, "description": "Internal Server Error"}
    assert len(await sandbox.sent()) == 1


async def test_a_failure_before_accepting_sends_nothing(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    await sandbox.control(
        "POST", "/telegram/fail_next", {"times": 2, "status": 503, "description": "Service Unavailable"}
    )
    assert [(await sandbox.send(ADA)).status_code for _ in range(3)] == [503, 503, 200]
    assert len(await sandbox.sent()) == 1
    refused = (await sandbox.control("GET", "/telegram/refused")).json()["refused"]
    assert [attempt["status"] for attempt in refused] == [503, 503]


async def test_a_connection_dropped_before_accepting_is_remembered_without_a_status(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    await sandbox.control("POST", "/telegram/fail_next", {})
    await lost(sandbox.send(ADA))
    (refused,) = (await sandbox.control("GET", "/telegram/refused")).json()["refused"]
    assert refused["status"] is None


async def test_the_log_of_requests_contains_no_key(sandbox: Sandbox) -> None:
    for call in CALLS.values():
        await call(sandbox)
    answer = await sandbox.control("GET", "/requests")
    assert [logged["platform"] for logged in answer.json()["requests"]] == list(CALLS)
    assert answer.json()["requests"][1]["path"] == "/telegram/bot<token>/getMe"
    for secret in (SANDBOX_TELEGRAM_TOKEN, "sandbox-youtube-key", "sandbox-instagram-token"):
        assert secret not in answer.text
