"""Telegram's limits: windows that slide, and a bot that is held for as long as the answer said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sandbox.limits import Limits, SendLimits
from tests.unit.sandbox.helpers import FakeClock, Sandbox

pytestmark = pytest.mark.anyio
CREW = -2001


async def test_thirty_messages_a_second_pass_and_the_next_holds_the_whole_bot(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    for chat_id in range(1, 33):
        await sandbox.chat(chat_id)
    assert {(await sandbox.send(chat_id)).status_code for chat_id in range(1, 31)} == {200}
    refused = await sandbox.send(31)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    clock.advance(0.9)
    assert (await sandbox.send(32)).json()["parameters"] == {"retry_after": 1}
    clock.advance(0.1)
    assert (await sandbox.send(32)).status_code == 200


async def test_the_second_slides_instead_of_starting_anew(sandbox: Sandbox, clock: FakeClock) -> None:
    for chat_id in range(1, 62):
        await sandbox.chat(chat_id)
    clock.advance(0.9)
    assert {(await sandbox.send(chat_id)).status_code for chat_id in range(1, 31)} == {200}
    clock.advance(0.5)
    assert (await sandbox.send(31)).status_code == 429


async def test_a_private_chat_takes_one_message_a_second(sandbox: Sandbox, clock: FakeClock) -> None:
    await sandbox.chat(1)
    statuses = [(await sandbox.send(1)).status_code for _ in range(2)]
    clock.advance(1)
    assert [*statuses, (await sandbox.send(1)).status_code] == [200, 429, 200]


async def test_a_group_takes_twenty_a_minute_and_passing_it_holds_every_chat(
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


async def test_refused_messages_use_nothing_up(sandbox: Sandbox) -> None:
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
def test_whatever_is_sent_no_second_ever_holds_more_than_allowed(sends: list[tuple[float, int]]) -> None:
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
def test_who_waits_as_told_is_let_through(waits: list[float]) -> None:
    clock = FakeClock()
    limits = SendLimits(clock, Limits())
    for wait in waits:
        clock.advance(wait)
        clock.advance(limits.claim(1, private=False))
        assert limits.held_for() == 0
