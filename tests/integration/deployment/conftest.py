"""An account in memory, and a CDK that needs neither Node nor a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from operations.target import context
from testing.deployment import FakeCdk, FakeClients, account


@pytest.fixture
def clients() -> Iterator[FakeClients]:
    with account() as made:
        yield made


@pytest.fixture
def cdk(clients: FakeClients) -> FakeCdk:
    return FakeCdk(clients)


@pytest.fixture
def settings() -> dict[str, Any]:
    return {**context(), "alarm_email": "ops@example.com"}
