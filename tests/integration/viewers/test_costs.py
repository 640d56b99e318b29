"""What requests cost: a channel that nobody has ever watched costs one read at most, and never a write."""

from __future__ import annotations

import pytest

from testing.clock import ControlledClock
from testing.meter import Meter
from testing.viewer_site import Site
from testing.workspace import know_settings


@pytest.mark.parametrize(
    ("path", "reads"),
    [
        ("count/unheard-of", 1),
        ("sse/unheard-of", 1),
        ("curve/unheard-of", 1),
        ("curve/unheard-of?hours=24", 1),
        ("channel/unheard-of", 0),
        ("channel/youtube:UC-unheard-of", 1),
        ("count/no%20channel", 0),
        ("channel/%00", 0),
        ("nowhere", 0),
    ],
)
def test_an_unknown_channel_costs_a_read_at_most(site: Site, meter: Meter, path: str, reads: int) -> None:
    path, _, query = path.partition("?")
    know_settings("viewer_heartbeat")
    with meter.measuring() as usage:
        site("GET", path, query=query)
    assert (usage.total, usage.write_units, usage.sqs_requests) == (reads, 0, 0)
    assert usage.read_units <= reads


@pytest.mark.parametrize("name", ["heartbeat", "join", "leave"])
def test_a_request_that_is_rejected_costs_nothing(site: Site, meter: Meter, name: str) -> None:
    with meter.measuring() as usage:
        assert site("POST", name, {"channelId": "demo", "viewerId": "short"}).status == 400
        assert site("POST", name, raw="x" * 3000).status == 413
        assert site("GET", name).status == 405
        assert site("OPTIONS", name).status == 204
    assert usage.total == 0


def test_what_a_page_begins_with_is_read_once_a_minute(site: Site, meter: Meter, clock: ControlledClock) -> None:
    """And the settings once in 30 seconds."""
    know_settings("viewer_heartbeat")
    with meter.measuring() as usage:
        for _ in range(59):
            site("GET", "channel/youtube:UC-unheard-of")
            clock.sleep(1)
    assert usage.total == 1 + 1
    with meter.measuring() as usage:
        clock.sleep(1)
        site("GET", "channel/youtube:UC-unheard-of")
    assert usage.total == 1 + 1


def test_a_flood_of_heartbeats_costs_a_write_in_a_quarter_of_their_interval(
    site: Site, meter: Meter, clock: ControlledClock
) -> None:
    tab = site.join()
    with meter.measuring() as usage:
        for _ in range(300):
            assert site.beat(tab).status == 200
            clock.sleep(0.1)
    assert usage.write_units == 4
