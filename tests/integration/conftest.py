"""A fresh AWS account in this process for each test, with fake platforms and a controlled clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operations.stack import Stack
from testing.api import Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Cloud, cloud
from testing.deployed_stack import deployed_stack
from testing.grants import enforced
from testing.leaderboard import Floor, sales_floor
from testing.platforms import FakePlatforms
from testing.websocket_api import FakePoster, in_place_of_api_gateway


@pytest.fixture(scope="session", autouse=True)
def _roles() -> Iterator[None]:
    """A function does only what its role allows."""
    with enforced():
        yield


@pytest.fixture
def clock() -> Iterator[ControlledClock]:
    with controlled_clock() as controlled:
        yield controlled


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms()


@pytest.fixture
def aws(clock: ControlledClock, platforms: FakePlatforms) -> Iterator[Cloud]:
    with cloud(platforms.transport()) as made:
        yield made


@pytest.fixture
def stack() -> Iterator[Stack]:
    """For operators' commands."""
    with deployed_stack() as made:
        yield made


@pytest.fixture
def api(aws: Cloud) -> Api:
    return Api(aws)


@pytest.fixture
def poster() -> Iterator[FakePoster]:
    """A fake of API Gateway's `@connections`."""
    with in_place_of_api_gateway() as fake:
        yield fake


@pytest.fixture(scope="module")
def one_floor() -> Iterator[Floor]:
    """One account for all tests of a file, since creating one takes longer than most tests."""
    with sales_floor() as made:
        yield made


@pytest.fixture
def floor(one_floor: Floor) -> Floor:
    """A leaderboard without reps."""
    one_floor.empty()
    return one_floor
