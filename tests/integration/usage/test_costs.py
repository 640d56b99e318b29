"""What a usage event costs in calls and units, by DynamoDB's published rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.item_sizes import item_size
from testing.meter import Meter, metered
from testing.product import Product


@pytest.fixture
def meter(product: Product) -> Iterator[Meter]:
    with metered() as made:
        FUNCTIONS.forget()  # so that new clients are metered
        product.tracked()
        yield made


@pytest.fixture
def busy(product: Product, clock: ControlledClock) -> Product:
    """A user with everything: all types, features, and days on end."""
    for _ in range(6):
        for kind in ("reply", "meme", "suggestion", "like", "retweet"):
            product.tracked(kind=kind, count=100)
        clock.sleep(24 * 3600)
    for feature in range(8):
        product.tracked(kind="feature", feature=f"feature_{feature}")
    product.tracked()
    return product


def test_a_plain_event_is_one_read_and_one_write_of_two_units(meter: Meter, busy: Product) -> None:
    with meter.measuring() as usage:
        busy.tracked()
    assert dict(usage.calls) == {("dynamodb", "GetItem"): 1, ("dynamodb", "PutItem"): 1}
    assert usage.write_units <= 2
    assert usage.read_units <= 1


def test_an_event_with_an_id_is_one_read_and_one_transaction_of_six_units(meter: Meter, busy: Product) -> None:
    with meter.measuring() as usage:
        busy.tracked(id="e1")
    assert dict(usage.calls) == {("dynamodb", "GetItem"): 1, ("dynamodb", "TransactWriteItems"): 1}
    assert usage.write_units <= 6


def test_a_repeat_makes_no_further_call(meter: Meter, busy: Product) -> None:
    busy.tracked(id="e1")
    with meter.measuring() as usage:
        busy.tracked(id="e1")
    assert dict(usage.calls) == {("dynamodb", "GetItem"): 1, ("dynamodb", "TransactWriteItems"): 1}


def test_a_refused_event_writes_nothing(meter: Meter, busy: Product) -> None:
    with meter.measuring() as usage:
        assert busy.track(count=-1000).status == 400
    assert (dict(usage.calls), usage.write_units) == ({("dynamodb", "GetItem"): 1}, 0)


def test_a_users_item_stays_below_two_kilobytes(busy: Product, aws: Cloud) -> None:
    (item,) = stored("STATS_TABLE").items()
    assert item_size(item) < 2048
