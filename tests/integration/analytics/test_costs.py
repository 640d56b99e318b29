"""What a dashboard reads: it grows with the days and the creators shown, and not with the transactions.

bench/dashboards.py measures the same with a million of them.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from bench.dashboards import CUT_ZONE, row_size, show
from cairn.clock import now
from testing.agency import agency_site
from testing.agency_load import write_rollups
from testing.meter import Usage, metered

pytestmark = pytest.mark.undisturbed
SIZES = (500, 20_000)


@pytest.fixture(scope="module")
def usages() -> dict[tuple[str, int], Usage]:
    """Of a creator's dashboard of 30 days, by zone and transactions; by `payers`, of so many of them."""
    with agency_site() as site, metered() as meter:
        found = {}
        days = (now().date() - timedelta(days=29), now().date())

        def measured(zone: str, **booked: int) -> Usage:
            creator = site.creator()
            write_rollups(site, creator, days, **{"transactions": SIZES[0], **booked})
            with meter.measuring() as usage:
                show(site, creator, zone)
            return usage

        for size in SIZES:
            for zone in ("UTC", CUT_ZONE):
                found[zone, size] = measured(zone, transactions=size)
        for payers in (10, 400):
            found["payers", payers] = measured("UTC", payers=payers)
        return found


def test_forty_times_the_transactions_are_no_more_reads(usages: dict[tuple[str, int], Usage]) -> None:
    few, many = (usages["UTC", size] for size in SIZES)
    assert many.read_units <= 1.1 * few.read_units
    assert many.total == few.total <= 9
    assert many.write_units == 0
    with agency_site() as site:
        rows = SIZES[1] * row_size(site.creator()) / 4096 / 2
    assert many.read_units < rows / 50


def test_a_zone_that_cuts_days_reads_their_quarters_which_stop_growing(usages: dict[tuple[str, int], Usage]) -> None:
    few, many = (usages[CUT_ZONE, size] for size in SIZES)
    assert many.total == few.total == usages["UTC", SIZES[0]].total + 1
    assert few.read_units < many.read_units
    full = 96 * 7 * 40 * 31 / 4096 / 2  # 40 bytes for each category of each quarter of 31 days
    assert many.read_units < full


def test_payers_are_read_by_themselves_and_grow_with_those_who_pay(usages: dict[tuple[str, int], Usage]) -> None:
    none, few, many = usages["UTC", SIZES[0]], usages["payers", 10], usages["payers", 400]
    assert none.total == few.total == many.total
    assert none.read_units < few.read_units < none.read_units + 5
    assert many.read_units < none.read_units + 100
