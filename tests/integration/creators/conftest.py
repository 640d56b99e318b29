"""A fresh account with an agency, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.creator_site import CreatorSite, creator_site


@pytest.fixture
def site() -> Iterator[CreatorSite]:
    with creator_site() as made:
        yield made
