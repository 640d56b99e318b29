"""The cost of counting a channel's viewers, and of the requests that share a count; counted, not timed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bench.account import Work
from bench.audience import CHANNEL, Audience, simulated_audience
from cairn.clock import now
from cairn.viewers.counting import MAX_LEVEL, PER_SHARD
from cairn.viewers.counts import ViewerCounts
from testing.item_sizes import read_blocks
from testing.viewer_site import Site

INTERVAL_SECONDS = 2
SIZES, COMPUTED = (10, 1_000, 10_000, 100_000), (1_000_000,)
MANY = 1_000
"""Viewers of the channel whose count is requested and broadcast."""
REQUESTS, LAMBDAS = (1, 10, 1_000), 20
COUNTING_SECONDS = 0.5
"""How long a count of a large channel may take."""
TOLERANCE = 0.01
"""How far a computed figure may be from the measured one: shards differ slightly in size."""
FRESH_SECONDS = 0.6
"""After this time a Lambda reads the last count again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The usage of counts, and of requests for them."""

    measured: Mapping[int, Work]
    """One count, by the number of viewers."""
    computed: Mapping[int, float]
    """Read units of counts that are too large to measure."""
    shared: Mapping[int, Work]
    """An interval, by the number of requests in it."""
    concurrent: Work
    """Requests during the COUNTING_SECONDS in which another function makes the count."""
    unknown: Work


def measure_counts() -> Counts:
    measured, sizes = {}, []
    for viewers in SIZES:
        with simulated_audience() as audience:
            sizes.append(audience.fill(viewers))
            audience.clock.sleep(INTERVAL_SECONDS)
            measured[viewers] = _counted(audience, viewers)
            if viewers == MANY:
                shared = {requests: _shared(audience, requests) for requests in REQUESTS}
                concurrent = _concurrent(audience)
    overhead = measured[SIZES[0]].read_units - _slot_reads(SIZES[0], sizes[0])
    computed = {viewers: overhead + _slot_reads(viewers, sizes[0]) for viewers in (*SIZES, *COMPUTED)}
    require(all(math.isclose(computed[viewers], measured[viewers].read_units, rel_tol=TOLERANCE) for viewers in SIZES))
    with simulated_audience() as audience:
        unknown = audience.measured(lambda: Site().count("nobody-ever-watched"))
    return Counts(measured, {viewers: computed[viewers] for viewers in COMPUTED}, shared, concurrent, unknown)


def _counted(audience: Audience, viewers: int) -> Work:
    """A count by a Lambda that has just started."""
    (counting,) = audience.lambdas(1)
    return audience.measured(lambda: require(counting.current(CHANNEL).viewers == viewers))


def _slot_reads(viewers: int, size: int) -> int:
    """Read units of all presence slots of a channel that has grown: slots stay at the level where they were taken."""
    units, level, counted = 0, 0, 0
    while counted < viewers:
        added = min(viewers, PER_SHARD * 4**level) - counted if level < MAX_LEVEL else viewers - counted
        units += 4**level * read_blocks(round(added / 4**level) * size)
        counted, level = counted + added, level + 1
    return units


def _shared(audience: Audience, requests: int) -> Work:
    """An interval with this many requests."""
    audience.clock.sleep(INTERVAL_SECONDS)
    return _random_requests(audience, requests, INTERVAL_SECONDS)


def _concurrent(audience: Audience) -> Work:
    """The most requests, while another function has acquired the count and is not done."""
    audience.clock.sleep(INTERVAL_SECONDS)
    ViewerCounts(audience.account.aws.table("PRESENCE_TABLE")).acquire(
        CHANNEL, "another", now(), timedelta(seconds=INTERVAL_SECONDS)
    )
    return _random_requests(audience, REQUESTS[-1], COUNTING_SECONDS)


def _random_requests(audience: Audience, requests: int, within: float) -> Work:
    """Requests at random times to random Lambdas that have just started."""
    chance = random.Random(requests)  # noqa: S311 - guards nothing
    lambdas, start = audience.lambdas(LAMBDAS), now()

    def request_all() -> None:
        for seconds in sorted(chance.uniform(0, within) for _ in range(requests)):
            audience.clock.advance_to(start + timedelta(seconds=seconds))
            require(chance.choice(lambdas).current(CHANNEL).viewers == MANY)

    return audience.measured(request_all)


def measure_requests() -> tuple[Work, Work]:
    """A request that finds a fresh count, and one that counts and finds no change."""
    with simulated_audience() as audience:
        audience.fill(MANY)
        audience.clock.sleep(INTERVAL_SECONDS)
        audience.request_count()
        audience.clock.sleep(FRESH_SECONDS)
        requested = audience.measured(lambda: audience.site.count(CHANNEL))
        audience.clock.sleep(INTERVAL_SECONDS)
        return requested, audience.measured(lambda: audience.site.count(CHANNEL))


def require(condition: bool) -> None:
    if not condition:
        raise RuntimeError("viewers were rejected or miscounted")
