"""Telegram's limits: sliding windows, and a bot that is blocked for as long as the response says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sandbox.limits import Limits, SendLimits
from tests.unit.sandbox.helpers import FakeClock, Sandbox

pytestmark = pytest.mark.anyio
CREW = -2001


async def test_thirty_messages_a_second_pass_and_the_next_blocks_the_whole_bot(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    for chat_id in range(1, 33):
        await sandbox.chat(chat_id)
    assert {(await sandbox.send(chat_id)).status_code for chat_id in range(1, 31)} == {200}
    rejected = await sandbox.send(31)
    assert rejected.status_code == 429
    assert rejected.headers["Retry-After"] == "1"
    assert rejected.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    clock.advance(0.9)
    assert (await sandbox.send(32)).json()["parameters"] == {"retry_after": 1}
    clock.advance(0.1)
    assert (await sandbox.send(32)).status_code == 200


async def test_the_window_of_a_second_slides(sandbox: Sandbox, clock: FakeClock) -> None:
    for chat_id in range(1, 62):
        await sandbox.chat(chat_id)
    clock.advance(0.9)
    assert {(await sandbox.send(chat_id)).status_code for chat_id in range(1, 31)} == {200}
    clock.advance(0.5)
    assert (await sandbox.send(31)).status_code == 429


async def test_a_private_chat_accepts_one_message_a_second(sandbox: Sandbox, clock: FakeClock) -> None:
    await sandbox.chat(1)
    statuses = [(await sandbox.send(1)).status_code for _ in range(2)]
    clock.advance(1)
    assert [*statuses, (await sandbox.send(1)).status_code] == [200, 429, 200]


async def test_a_group_accepts_twenty_a_minute_and_one_more_blocks_every_chat(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    await sandbox.chat(CREW)
    await sandbox.chat(1)
    for _ in range(20):
        assert (await sandbox.send(CREW)).status_code == 200
        clock.advance(1)
    assert (await sandbox.send(CREW)).json()["parameters"] == {"retry_after": 40}
    assert (await sandbox.send(1)).json()["parameters"] == {"retry_after": 40}
    assert (await sandbox.bot("getMe")).status_code == 200
    clock.advance(39.5)
    assert (await sandbox.send(1)).json()["parameters"] == {"retry_after": 1}
    clock.advance(0.5)
    assert (await sandbox.send(CREW)).status_code == 200


async def test_rejected_messages_do_not_count(sandbox: Sandbox) -> None:
    await sandbox.chat(1)
    for _ in range(40):
        await sandbox.send(404)
    assert (await sandbox.send(1)).status_code == 200


async def test_limits_can_be_changed_to_be_within_reach(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", "/limits", {"telegram_messages_a_second": 1})
    await sandbox.chat(1)
    await sandbox.chat(2)
    assert [(await sandbox.send(1)).status_code, (await sandbox.send(2)).status_code] == [200, 429]


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 3)), max_size=120))
def test_no_second_ever_has_more_messages_than_allowed(sends: list[tuple[float, int]]) -> None:
    clock = FakeClock()
    limits = SendLimits(clock, Limits(telegram_messages_a_second=2))
    accepted: list[tuple[float, int]] = []
    for wait, chat in sends:
        clock.advance(wait / 4)
        if not limits.held_for() and not limits.claim(chat, private=True):
            accepted.append((clock.now(), chat))
    for at, chat in accepted:
        within = [other for when, other in accepted if at - 1 < when <= at]
        assert len(within) <= 2
        assert within.count(chat) == 1


@given(st.lists(st.floats(0, 3), max_size=60))
def test_a_sender_who_waits_for_retry_after_is_accepted(waits: list[float]) -> None:
    clock = FakeClock()
    limits = SendLimits(clock, Limits())
    for wait in waits:
        clock.advance(wait)
        clock.advance(limits.claim(1, private=False))
        assert limits.held_for() == 0
