"""Calls stay within what the platform's headers say, or else 100 a minute and one a second, a bucket for each path."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.creators.limiter import LONGEST_WAIT, MAX_BUCKETS, MAX_WINDOW, Limiter
from cairn.errors import PlatformPausedError
from tests.unit.scripted import NOON, FakeClock


def limiter(clock: FakeClock) -> Limiter:
    return Limiter("fanvue", clock=clock, sleep=clock.sleep)


def said(remaining: object, reset: object) -> dict[str, str]:
    return {"x-ratelimit-limit": "200", "x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset)}


def test_where_nothing_is_said_a_call_a_second() -> None:
    clock = FakeClock()
    limits = limiter(clock)
    for _ in range(3):
        limits.take("one")
    assert clock.slept == [1.0, 1.0]
    limits.take("two")
    assert len(clock.slept) == 2, "another bucket"


def test_where_nothing_is_said_a_hundred_in_a_minute() -> None:
    clock = FakeClock()
    limits = limiter(clock)
    times = []
    for _ in range(150):
        limits.take("one")
        times.append(clock())
        clock.advance(0.4)
    for last, first in zip(times[100:], times, strict=False):
        assert last - first >= timedelta(minutes=1)


def test_what_the_headers_say_counts_until_their_reset() -> None:
    clock = FakeClock()
    limits = limiter(clock)
    limits.take("one")
    limits.learn("one", said(2, int(NOON.timestamp()) + 60))
    limits.take("one")
    limits.take("one")
    assert clock.slept == [], "as many as are left, at once"
    with pytest.raises(PlatformPausedError) as paused:
        limits.take("one")
    assert paused.value.until == NOON + timedelta(seconds=60)
    clock.advance(57)
    limits.take("one")
    assert clock.slept == [3.0]


def test_a_reset_in_seconds_from_now_is_understood_too() -> None:
    clock = FakeClock()
    limits = limiter(clock)
    limits.learn("one", said(0, 4))
    limits.take("one")
    assert clock.slept == [4.0]


def test_a_short_wait_is_waited_for_and_a_long_one_is_left_to_later() -> None:
    clock = FakeClock()
    limits = limiter(clock)
    limits.pause("one", NOON + LONGEST_WAIT)
    limits.take("one")
    assert clock.slept == [LONGEST_WAIT.total_seconds()]
    limits.pause("two", clock() + LONGEST_WAIT + timedelta(milliseconds=1))
    with pytest.raises(PlatformPausedError):
        limits.take("two")


@pytest.mark.parametrize(
    ("remaining", "reset"),
    [("", ""), ("many", "soon"), ("-1", "10"), ("1", ""), ("1.5", "10"), ("", "10"), ("²", "1")],
)
def test_headers_that_cannot_be_read_say_nothing(remaining: str, reset: str) -> None:
    clock = FakeClock()
    limits = limiter(clock)
    limits.learn("one", said(remaining, reset))
    limits.take("one")
    limits.take("one")
    assert clock.slept == [1.0]


@pytest.mark.parametrize("reset", [10**18, 99_999, 10**40, 0])
def test_an_absurd_reset_stops_a_creator_for_no_more_than_an_hour(reset: int) -> None:
    clock = FakeClock()
    limits = limiter(clock)
    limits.learn("one", said(0, reset))
    clock.advance(MAX_WINDOW.total_seconds())
    limits.take("one")
    assert clock.slept == []


def test_buckets_do_not_pile_up() -> None:
    limits = limiter(FakeClock())
    for number in range(MAX_BUCKETS + 10):
        limits.take(str(number))
    assert len(limits._buckets) == MAX_BUCKETS
