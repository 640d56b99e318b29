"""The fake backend's creators, and a page whose clock a test holds."""

from __future__ import annotations

import pytest

from tests.browser.backend import Backend
from tests.browser.revenue.agency import agency
from tests.browser.revenue.service import Service


@pytest.fixture
def service(backend: Backend) -> Service:
    """Two agencies with three creators and four months of sales."""
    agency(backend.revenue)
    return backend.revenue
