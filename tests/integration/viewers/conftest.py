"""A fresh account for each test; and one for all tests of a file that do not depend on what others leave behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.clock import controlled_clock
from testing.cloud import Cloud, cloud
from testing.meter import Meter, metered
from testing.platforms import FakePlatforms
from testing.viewer_site import PromptSite, Site


@pytest.fixture
def site(aws: Cloud) -> Site:
    return PromptSite()


@pytest.fixture(scope="module")
def shared() -> Iterator[Cloud]:
    """Not for a file whose other tests have an account of their own."""
    with controlled_clock(), cloud(FakePlatforms().transport()) as made:
        yield made


@pytest.fixture
def meter(aws: Cloud) -> Iterator[Meter]:
    with metered() as made:
        yield made
