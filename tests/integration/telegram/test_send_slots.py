"""Time is leased stretch by stretch: no two overlap, nobody waits for long, and a hold is everybody's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.clock import now
from cairn.errors import NotYetError
from cairn.telegram.send_slots import BOT, SendSlots
from testing.clock import ControlledClock
from testing.cloud import Cloud

SECOND = timedelta(seconds=1)
PATIENCE = timedelta(seconds=3)


@pytest.fixture
def slots(aws: Cloud) -> SendSlots:
    return SendSlots(aws.table("AUDIENCE_TABLE"))


def test_stretches_follow_each_other_without_a_gap(slots: SendSlots) -> None:
    starts = [slots.lease(BOT, now(), SECOND, PATIENCE) for _ in range(4)]
    assert starts == [now(), now() + SECOND, now() + 2 * SECOND, now() + 3 * SECOND]


def test_a_stretch_that_is_too_far_away_is_not_taken(slots: SendSlots, clock: ControlledClock) -> None:
    for _ in range(4):
        slots.lease(BOT, now(), SECOND, PATIENCE)
    with pytest.raises(NotYetError) as raised:
        slots.lease(BOT, now(), SECOND, PATIENCE)
    assert raised.value.until == now() + SECOND
    clock.sleep(1)
    assert slots.lease(BOT, now(), SECOND, PATIENCE) == now() + 3 * SECOND


def test_time_that_nobody_took_is_gone(slots: SendSlots, clock: ControlledClock) -> None:
    slots.lease(BOT, now(), SECOND, PATIENCE)
    clock.sleep(60)
    assert slots.lease(BOT, now(), SECOND, PATIENCE) == now()
    assert slots.lease(BOT, now(), SECOND, PATIENCE) == now() + SECOND


def test_a_stretch_is_never_shorter_than_asked_for(slots: SendSlots) -> None:
    slots.lease(BOT, now(), timedelta(microseconds=34_188), PATIENCE)
    assert slots.lease(BOT, now(), SECOND, PATIENCE) - now() == timedelta(milliseconds=35)


def test_each_has_a_line_of_its_own(slots: SendSlots) -> None:
    slots.lease("chat#77", now(), SECOND, PATIENCE)
    assert slots.lease(BOT, now(), SECOND, PATIENCE) == now()
    assert slots.lease("chat#78", now(), SECOND, PATIENCE) == now()


def test_while_the_bot_is_held_nobody_gets_a_stretch(slots: SendSlots, clock: ControlledClock) -> None:
    until = now() + timedelta(seconds=30)
    slots.hold(BOT, now(), until)
    slots.hold(BOT, now(), now() + SECOND)
    with pytest.raises(NotYetError) as raised:
        slots.lease(BOT, now(), SECOND, PATIENCE)
    assert raised.value.until == until
    clock.reach(until)
    assert slots.lease(BOT, now(), SECOND, PATIENCE) == now()


def test_a_hold_that_comes_while_stretches_are_taken_counts_too(slots: SendSlots) -> None:
    slots.lease(BOT, now(), SECOND, PATIENCE)
    slots.hold(BOT, now(), now() + timedelta(seconds=30))
    with pytest.raises(NotYetError) as raised:
        slots.lease(BOT, now(), SECOND, PATIENCE)
    assert raised.value.until == now() + timedelta(seconds=30)
