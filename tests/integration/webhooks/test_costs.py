"""What a delivered message costs in write units, by DynamoDB's published rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from testing.functions import FUNCTIONS
from testing.meter import Meter, metered
from testing.webhook_site import Receiver, WebhookSite, in_turn, ok, status, webhook_site

DATA = {"order": "A-1001", "items": [f"item number {number:03}, in the colour red" for number in range(24)]}
"""A body of about 1 KB."""


@pytest.fixture
def site() -> Iterator[WebhookSite]:
    with webhook_site() as made:
        yield made


@pytest.fixture
def meter(site: WebhookSite) -> Iterator[Meter]:
    with metered() as made:
        FUNCTIONS.forget()  # so that new clients are metered
        yield made


def test_an_event_of_1_kb_delivered_at_the_first_try_costs_four_write_units_with_its_indexes(
    site: WebhookSite, meter: Meter
) -> None:
    endpoint = site.endpoint()
    site.publish(data=DATA)
    site.settle()
    with meter.measuring() as usage:
        site.publish(data=DATA)
        site.settle()
    assert 1000 <= len(site.receiver(endpoint).received[-1].content) <= 1200
    assert usage.write_units <= 4


def test_each_further_endpoint_costs_one_write_unit(site: WebhookSite, meter: Meter) -> None:
    def cost() -> float:
        with meter.measuring() as usage:
            site.publish(data=DATA)
            site.settle()
        return usage.write_units

    site.endpoint()
    one = cost()
    site.endpoint()
    assert cost() - one == 1


def test_an_answer_of_4_kb_costs_what_it_is_long_and_a_retry_its_place_among_what_is_due(
    site: WebhookSite, meter: Meter
) -> None:
    plain = Receiver()
    site.endpoint(plain)
    with meter.measuring() as base:
        site.publish(data=DATA)
        site.settle()
    plain.respond = lambda _: httpx.Response(200, content=b"x" * 5000)
    with meter.measuring() as long:
        site.publish(data=DATA)
        site.settle()
    assert long.write_units - base.write_units == math.ceil((4096 + 80) / 1024)
    plain.respond = in_turn(status(500), ok)
    with meter.measuring() as retried:
        site.publish(data=DATA)
        site.run(timedelta(minutes=1))
    assert retried.write_units - base.write_units <= 8


def test_without_endpoints_an_event_costs_no_write(site: WebhookSite, meter: Meter) -> None:
    with meter.measuring() as usage:
        site.publish(data=DATA)
        site.settle()
    assert usage.write_units == 0
