"""Telegram lets a chat or the bot wait: the others do not wait for the one, and all for the other."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cairn.errors import NotYetError
from cairn.telegram.bot import (
    RateLimitedError,
)
from cairn.telegram.deliveries import Progress
from functions.notify.pace import LANES, SHORT_HOLD_SECONDS
from functions.notify.part import MAX_TRIES
from tests.unit.scripted import NOON
from tests.unit.telegram.sending import FakeSendSlots, Scenario, chats


def test_a_chat_that_is_held_for_a_moment_comes_last_and_holds_up_nobody() -> None:
    scenario = Scenario(errors={"3": [RateLimitedError(2)]})
    progress = scenario.deliver(chats(5))
    assert progress == Progress(frozenset(chats(5)), frozenset())
    assert scenario.chats == ["1", "2", "4", "5", "3"]
    assert scenario.sent[-1][0] >= 2
    assert scenario.send_slots.held == {}


def test_one_chats_long_hold_holds_neither_the_others_nor_the_bot() -> None:
    scenario = Scenario(errors={"3": [RateLimitedError(3600)]})
    scenario.attempt(chats(5))
    assert scenario.chats == ["1", "2", "4", "5"]
    assert scenario.send_slots.held == {}
    until = scenario.audience.held["3"]
    assert NOON + timedelta(hours=1) <= until <= NOON + timedelta(hours=1, seconds=5)
    tried = len(scenario.tried)
    with pytest.raises(NotYetError) as raised:
        scenario.deliver(chats(5))
    assert raised.value.until == until
    assert len(scenario.tried) == tried
    scenario.clock.advance(3600)
    assert scenario.deliver(chats(5)) == Progress(frozenset(chats(5)), frozenset())


def test_waiting_is_not_counted_as_a_try() -> None:
    scenario = Scenario(always={"3": RateLimitedError(600)})
    for _ in range(MAX_TRIES * 2):
        scenario.attempt(chats(3))
        scenario.clock.advance(601)
    assert scenario.deliveries.tries == {}
    scenario.always.clear()
    assert scenario.deliver(chats(3)) == Progress(frozenset(chats(3)), frozenset())


def test_a_second_chat_that_is_refused_holds_the_bot_for_a_moment() -> None:
    scenario = Scenario(errors={"3": [RateLimitedError(2)], "4": [RateLimitedError(2)]})
    assert scenario.deliver(chats(5)) == Progress(frozenset(chats(5)), frozenset())
    before, after = (time for time, chat in scenario.sent if chat in ("2", "5"))
    assert after - before >= 2


def test_a_second_chat_that_is_refused_holds_the_bot_and_the_other_senders() -> None:
    hold = RateLimitedError(SHORT_HOLD_SECONDS + 30)
    scenario = Scenario(errors={"1": [hold], "2": [hold]})
    with pytest.raises(NotYetError) as raised:
        scenario.deliver(chats(3))
    assert raised.value.until >= NOON + timedelta(seconds=SHORT_HOLD_SECONDS + 30)
    assert set(scenario.send_slots.held.values()) == {raised.value.until}
    assert scenario.deliveries.owner is None
    for number in range(LANES + 1):
        other = Scenario(send_slots=scenario.send_slots)
        with pytest.raises(NotYetError):
            other.deliver(chats(2), number=number)
        assert other.sent == []


def test_a_short_hold_is_not_waited_for_when_time_is_short() -> None:
    scenario = Scenario(errors={"1": [RateLimitedError(3)], "2": [RateLimitedError(3)]}, seconds_left=lambda: 1.0)
    with pytest.raises(NotYetError):
        scenario.deliver(chats(2))


def test_a_clock_that_is_set_back_is_not_waited_for() -> None:
    class SetBack(FakeSendSlots):
        def lease(self, scope: str, now: datetime, length: timedelta, max_wait: timedelta) -> datetime:
            start = super().lease(scope, now, length, max_wait)
            scenario.clock.advance(-3600)
            return start

    scenario = Scenario(send_slots=SetBack())
    scenario.seconds_left = lambda: 1.0 if len(scenario.send_slots.leases) < 2 else 0.0
    scenario.attempt(chats(2))
    assert max(scenario.clock.slept, default=0.0) < 60
