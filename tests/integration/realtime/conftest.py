"""The broadcast function between a simulated queue and simulated sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.broadcast import BroadcastBench, broadcast_bench
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.websocket_api import FakePoster


@pytest.fixture
def floor(poster: FakePoster, aws: Cloud, clock: ControlledClock) -> Iterator[BroadcastBench]:
    with broadcast_bench(aws, clock, poster) as made:
        yield made
