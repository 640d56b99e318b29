"""Each test runs for what every release recorded, and for what the present code would leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from testing.grants import enforced
from tests.upgrade.fixtures import RELEASES, Fixture, arrived
from tests.upgrade.record import record
from tests.upgrade.site import Site

PRESENT = "present"


@cache
def _present() -> Fixture:
    return Fixture(json.loads(json.dumps(record())), is_present=True)


@pytest.fixture(scope="session", autouse=True)
def _roles() -> Iterator[None]:
    """A function does only what its role allows."""
    with enforced():
        yield


@pytest.fixture(params=[*RELEASES, PRESENT])
def fixture(request: pytest.FixtureRequest) -> Fixture:
    release: Any = request.param
    return _present() if release == PRESENT else Fixture.of(release)


@pytest.fixture
def upgraded(fixture: Fixture) -> Iterator[Site]:
    """The present code in an account that the release left."""
    with arrived(fixture) as site:
        yield site
