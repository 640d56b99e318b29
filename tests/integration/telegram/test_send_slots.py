"""Time is leased in intervals: no two overlap, nobody waits for long, and a hold applies to every sender."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.clock import now
from cairn.errors import NotYetError
from cairn.telegram.send_slots import BOT, SendSlots
from testing.clock import ControlledClock
from testing.cloud import Cloud

SECOND = timedelta(seconds=1)
MAX_WAIT = timedelta(seconds=3)


@pytest.fixture
def send_slots(aws: Cloud) -> SendSlots:
    return SendSlots(aws.table("AUDIENCE_TABLE"))


def test_intervals_follow_each_other_without_a_gap(send_slots: SendSlots) -> None:
    starts = [send_slots.lease(BOT, now(), SECOND, MAX_WAIT) for _ in range(4)]
    assert starts == [now(), now() + SECOND, now() + 2 * SECOND, now() + 3 * SECOND]


def test_an_interval_that_is_too_far_away_is_not_leased(send_slots: SendSlots, clock: ControlledClock) -> None:
    for _ in range(4):
        send_slots.lease(BOT, now(), SECOND, MAX_WAIT)
    with pytest.raises(NotYetError) as raised:
        send_slots.lease(BOT, now(), SECOND, MAX_WAIT)
    assert raised.value.until == now() + SECOND
    clock.sleep(1)
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now() + 3 * SECOND


def test_time_that_nobody_leased_is_gone(send_slots: SendSlots, clock: ControlledClock) -> None:
    send_slots.lease(BOT, now(), SECOND, MAX_WAIT)
    clock.sleep(60)
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now()
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now() + SECOND


def test_an_interval_is_never_shorter_than_requested(send_slots: SendSlots) -> None:
    send_slots.lease(BOT, now(), timedelta(microseconds=34_188), MAX_WAIT)
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) - now() == timedelta(milliseconds=35)


def test_each_scope_has_its_own_send_slots(send_slots: SendSlots) -> None:
    send_slots.lease("chat#77", now(), SECOND, MAX_WAIT)
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now()
    assert send_slots.lease("chat#78", now(), SECOND, MAX_WAIT) == now()


@pytest.mark.parametrize("holds", [(30,), (1, 30), (30, 1), (30, 30)])
def test_while_the_bot_is_held_nobody_gets_an_interval_and_the_longest_hold_counts(
    send_slots: SendSlots, clock: ControlledClock, holds: tuple[int, ...]
) -> None:
    until = now() + timedelta(seconds=30)
    for seconds in holds:
        send_slots.hold(BOT, now(), now() + timedelta(seconds=seconds))
    with pytest.raises(NotYetError) as raised:
        send_slots.lease(BOT, now(), SECOND, MAX_WAIT)
    assert raised.value.until == until
    clock.advance_to(until)
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now()


def test_a_hold_is_not_forgotten_before_it_ends(aws: Cloud, send_slots: SendSlots) -> None:
    """Telegram has asked bots to wait for a day."""
    until = now() + timedelta(days=1)
    send_slots.hold(BOT, now(), until)
    (item,) = aws.table("AUDIENCE_TABLE").scan()["Items"]
    assert item["expires_at"] > until.timestamp()


def test_a_hold_that_comes_while_intervals_are_leased_counts_too(send_slots: SendSlots) -> None:
    send_slots.lease(BOT, now(), SECOND, MAX_WAIT)
    send_slots.hold(BOT, now(), now() + timedelta(seconds=30))
    with pytest.raises(NotYetError) as raised:
        send_slots.lease(BOT, now(), SECOND, MAX_WAIT)
    assert raised.value.until == now() + timedelta(seconds=30)


def test_an_interval_that_only_a_wrong_clock_can_have_leased_is_taken(send_slots: SendSlots) -> None:
    send_slots.lease(BOT, now() + timedelta(hours=1), SECOND, MAX_WAIT)
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now()
    assert send_slots.lease(BOT, now(), SECOND, MAX_WAIT) == now() + SECOND


def test_a_second_chat_that_is_refused_within_a_minute_is_noticed(
    send_slots: SendSlots, clock: ControlledClock
) -> None:
    assert not send_slots.is_second_refusal("77", now())
    assert not send_slots.is_second_refusal("77", now())
    assert send_slots.is_second_refusal("78", now())
    clock.sleep(61)
    assert not send_slots.is_second_refusal("78", now())
