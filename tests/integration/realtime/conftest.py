"""The broadcast function between a simulated queue and simulated sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.broadcast import Hall, hall
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.websocket_api import FakePoster


@pytest.fixture
def floor(poster: FakePoster, aws: Cloud, clock: ControlledClock) -> Iterator[Hall]:
    with hall(aws, clock, poster) as made:
        yield made
