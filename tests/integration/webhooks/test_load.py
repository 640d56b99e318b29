"""Small twins of `make bench`'s loads: one bad endpoint harms nobody else, and failures are made up for in time."""

from __future__ import annotations

from statistics import median

import pytest

from bench.webhooks import SLOWED_BUDGET, SOON_SECONDS, beside, now_and_then

pytestmark = pytest.mark.undisturbed


def test_a_dead_and_a_slow_endpoint_slow_nobody_else_and_lose_nothing() -> None:
    with_others, alone = beside(40, others=True), beside(40, others=False)
    for name, latencies in alone.latencies.items():
        assert median(with_others.latencies[name]) <= SLOWED_BUDGET * median(latencies)
        assert with_others.p99(name) <= SLOWED_BUDGET * alone.p99(name)
    assert (with_others.lost, with_others.repeated, with_others.failures) == (0, 0, 0)
    assert with_others.most_at_once <= 5


def test_what_a_receiver_fails_to_take_is_delivered_within_minutes_and_once() -> None:
    run = now_and_then(100)
    (latencies,) = run.latencies.values()
    assert (run.lost, run.repeated, run.failures) == (0, 0, 0)
    assert sum(latency <= SOON_SECONDS for latency in latencies) >= 0.95 * len(latencies)
    assert max(latencies) > 5  # some were tried again
