"""When a message is tried again, and when an endpoint is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.webhooks.circuit import (
    FAILURES,
    LAST_PROBE,
    LONGEST_RETRY_AFTER,
    Rules,
    closed_until,
    is_dead,
    is_held_out,
    lane_of,
    next_attempt,
    pause_of,
)
from cairn.webhooks.model import Endpoint, Health, event_id

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RULES = Rules()
SECOND = timedelta(seconds=1)
ENDPOINT = Endpoint(id="ep_000000000000", url="", format="standard", events=("*",), secrets=())


@pytest.mark.parametrize("tries", range(1, 9))
@pytest.mark.parametrize("luck", [0.0, 0.5, 0.999])
def test_each_retry_comes_after_its_pause_give_or_take_a_fifth(tries: int, luck: float) -> None:
    pause = RULES.retry_schedule[tries] * SECOND
    due = next_attempt(RULES, tries, NOW, 500, None, lambda: luck)
    assert due
    assert 0.8 * pause <= due - NOW <= 1.2 * pause


def test_after_the_last_retry_there_is_none() -> None:
    assert next_attempt(RULES, len(RULES.retry_schedule), NOW, 500, None, lambda: 0.5) is None


@pytest.mark.parametrize("written", ["120", " 120 ", format_datetime(NOW + 120 * SECOND, usegmt=True)])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_in_seconds_and_as_a_date(status: int, written: str) -> None:
    assert pause_of(status, written, NOW) == 120 * SECOND


@pytest.mark.parametrize("written", ["999999999999999", format_datetime(NOW + timedelta(days=365), usegmt=True)])
def test_a_pause_without_end_is_cut(written: str) -> None:
    assert pause_of(429, written, NOW) == LONGEST_RETRY_AFTER


@pytest.mark.parametrize("written", ["-5", "soon", "", "1.5", "١٢", format_datetime(NOW - SECOND, usegmt=True), "0"])
def test_what_is_no_pause_to_come_makes_no_retry_earlier(written: str) -> None:
    due = next_attempt(RULES, 2, NOW, 503, written, lambda: 0.5)
    assert due == NOW + 60 * SECOND


def test_429_without_a_pause_waits_a_minute() -> None:
    assert pause_of(429, None, NOW) == 60 * SECOND
    assert pause_of(500, "600", NOW) == timedelta(0)


@given(failures=st.integers(1, 1000))
def test_the_circuit_opens_after_failures_in_a_row_and_probes_come_at_least_every_half_an_hour(failures: int) -> None:
    until = closed_until(Health(failures=failures, failing_since=NOW), NOW, 500, None)
    if failures < FAILURES:
        assert until is None
    else:
        assert until
        assert timedelta(0) < until - NOW <= LAST_PROBE


@pytest.mark.parametrize(
    ("failures", "days", "dead"), [(FAILURES, 5, True), (FAILURES - 1, 50, False), (1000, 4.9, False), (0, 0, False)]
)
def test_an_endpoint_is_dead_after_five_days_of_many_failures(failures: int, days: float, dead: bool) -> None:
    health = Health(failures=failures, failing_since=NOW - timedelta(days=days) if failures else None)
    assert is_dead(health, NOW, RULES) == dead


@given(key=st.integers(0, 10**6), lanes=st.integers(1, 20))
def test_an_event_is_always_in_the_same_lane(key: int, lanes: int) -> None:
    event_key = event_id(NOW, str(key))[4:]
    assert 0 <= lane_of(event_key, lanes) < lanes
    assert lane_of(event_key, lanes) == lane_of(event_key, lanes)


def test_the_hold_out_group_has_its_percentage_of_subjects_and_always_the_same() -> None:

    for percentage in (0, 10, 50, 100):
        endpoint = replace(ENDPOINT, hold_out=percentage)
        held = [is_held_out(endpoint, f"user:{number}") for number in range(10_000)]
        assert abs(sum(held) / 100 - percentage) < 2
        assert held == [is_held_out(endpoint, f"user:{number}") for number in range(10_000)]
    assert not is_held_out(replace(ENDPOINT, hold_out=100), None)
