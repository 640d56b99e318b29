"""An agency whose creators earn money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.agency import AgencySite, agency_site


@pytest.fixture(scope="module")
def one_account() -> Iterator[AgencySite]:
    """One for all tests of a file, since creating one takes longer than most of them."""
    with agency_site() as made:
        yield made


@pytest.fixture
def site(one_account: AgencySite) -> AgencySite:
    """With an agency that has no creators yet."""
    one_account.clock.reset()
    one_account.agency_id = one_account.agency()
    return one_account
