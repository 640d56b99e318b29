"""A socket that sends too much is refused, and closed when it goes on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from functions.ws_connect.frame_limits import BURST, MAX_REMEMBERED, PATIENCE, PER_SECOND, FrameLimits, Verdict

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def flood(limits: FrameLimits, frames: int, at: datetime = NOON, connection_id: str = "c") -> Counter[str]:
    return Counter(limits.take(connection_id, 1, at).value for _ in range(frames))


def test_a_flood_is_admitted_for_a_burst_then_refused_then_closed() -> None:
    found = flood(FrameLimits(), 10_000)
    assert found == {"admitted": BURST, "refused": PATIENCE, "close": 1, "closed": 10_000 - BURST - PATIENCE - 1}


def test_other_sockets_are_not_affected() -> None:
    limits = FrameLimits()
    flood(limits, 1000)
    assert flood(limits, 10, connection_id="d") == {"admitted": 10}


def test_a_socket_that_waits_is_admitted_again() -> None:
    limits = FrameLimits()
    assert flood(limits, BURST + PATIENCE)["refused"] == PATIENCE
    assert flood(limits, 10, NOON + timedelta(seconds=10)) == {"admitted": 10}
    assert flood(limits, 1000, NOON + timedelta(seconds=10))["admitted"] == 10 * PER_SECOND - 10


def test_a_client_at_its_usual_pace_never_waits() -> None:
    limits = FrameLimits()
    assert {limits.take("c", 1, NOON + timedelta(minutes=5 * number)) for number in range(24)} == {Verdict.ADMITTED}


def test_a_lambda_remembers_so_many_sockets_and_no_more() -> None:
    limits = FrameLimits()
    for number in range(MAX_REMEMBERED + 5):
        limits.take(f"c{number}", 1, NOON)
    assert len(limits._buckets) == MAX_REMEMBERED


def test_a_socket_that_goes_on_is_not_forgotten_for_others() -> None:
    limits = FrameLimits()
    flood(limits, BURST)
    for number in range(MAX_REMEMBERED + 5):
        limits.take(f"c{number}", 1, NOON)
        if number % 1000 == 0:
            assert limits.take("c", 1, NOON) is Verdict.REFUSED
