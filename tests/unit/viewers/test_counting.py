from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.viewers.count_settings import Pace
from cairn.workspace.document import Workspace


@pytest.mark.parametrize("interval", [500, 2_000, 30_000, 60_000])
def test_how_far_a_count_looks_ahead_is_a_matter_of_heartbeats_alone(interval: int) -> None:
    """With more, a count with a long interval would receive every viewer who sends heartbeats, and never finish."""
    workspace = Workspace(viewer_count_update_interval=interval, viewer_timeout=60, viewer_heartbeat_interval=30_000)
    assert Pace.of(workspace).look_ahead == timedelta(seconds=29)
