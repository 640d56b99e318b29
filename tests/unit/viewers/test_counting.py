from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.viewers.count_settings import Pace


@pytest.mark.parametrize("interval", [500, 2_000, 30_000, 60_000])
def test_how_far_a_count_looks_ahead_is_a_matter_of_heartbeats_alone(interval: int) -> None:
    """With more, a count with a long interval would receive every viewer who sends heartbeats, and never finish."""
    assert Pace.of(interval=interval, timeout=60, heartbeat=30_000).look_ahead == timedelta(seconds=29)
