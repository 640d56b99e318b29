"""The cost of viewers: their own calls, the counts that they share, and the naive design; counted, not timed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.account import NOTHING, Work
from bench.audience import CHANNEL, LIFETIME, TAB, Audience, Period, simulated_audience
from bench.figures import Figure, Section, at_most
from bench.naive import index_reads, naive_table
from bench.viewer_counts import (
    COMPUTED,
    COUNTING_SECONDS,
    FRESH_SECONDS,
    INTERVAL_SECONDS,
    LAMBDAS,
    MANY,
    REQUESTS,
    SIZES,
    Counts,
    measure_counts,
    measure_requests,
    require,
)
from cairn.clock import now
from testing.viewer_site import Site, count_now
from testing.websocket_client import Client

BY_SOCKET, BY_HEARTBEAT = 4, 125
"""Budgets: write units of a viewer-hour."""
HOUR, BEAT_SECONDS, TIME_OUT_SECONDS = 3600, 30, 60
WATCHING = Path(__file__).parents[1] / "web" / "watching.js"
PING_SECONDS = 60 * int(re.findall(r"#pingEvery = (\d+) \* MINUTE", WATCHING.read_text())[0])
"""How often our pages ping."""
BEATS, PINGS, INTERVALS = HOUR // BEAT_SECONDS, (HOUR - 1) // PING_SECONDS, HOUR // INTERVAL_SECONDS
CHANGES = 6
"""Consecutive intervals in which somebody joins or leaves."""
STILL_SECONDS = 600
OTHER_ADDRESS = "203.0.113.77"
NAIVE_ID = "viewer0000000000000000"


@dataclass(frozen=True, slots=True)
class ViewerHour:
    """The usage of a viewer's hour."""

    own: Work
    """The viewer's own calls, in a channel that has just been counted for others."""
    alone: Work
    """Everything that the hour uses in a channel without other viewers."""


@dataclass(frozen=True, slots=True)
class NaiveUsage:
    """The same hours in the naive design."""

    socket: Work
    heartbeat: Work
    """Without any count."""
    reads: Mapping[int, float]
    """Read units of a count, by the number of viewers."""


@dataclass(frozen=True, slots=True)
class ViewersSpent:
    """The usage that the costs of viewers are computed from."""

    socket: ViewerHour
    heartbeat: ViewerHour
    naive: NaiveUsage
    still: Period
    """An hour in which nobody joins, leaves or requests the count."""
    change: Period
    """An interval in which somebody joins or leaves, among MANY sockets."""
    requested: Work
    """A request that finds a fresh count."""
    counted: Work
    """A count of MANY that finds no change."""


def measure() -> tuple[Section, ViewersSpent]:
    socket, heartbeat = _viewer_hour(_by_socket), _viewer_hour(_by_heartbeat)
    counts = measure_counts()
    requested, counted = measure_requests()
    spent = ViewersSpent(socket, heartbeat, _naive(), _still(), _change(), requested, counted)
    return _section(spent, counts), spent


# -- a viewer's hour


def _viewer_hour(by: Callable[[Audience], tuple[Work, Work]]) -> ViewerHour:
    with simulated_audience() as audience:
        Site().join(CHANNEL)
        count_now(CHANNEL)
        own, _ = by(audience)
    with simulated_audience() as audience:
        alone, caused = by(audience)
        caused += audience.run(TIME_OUT_SECONDS).total
        require(audience.site.count(CHANNEL) == (0, 0))
    return ViewerHour(own, alone + caused)


def _by_socket(audience: Audience) -> tuple[Work, Work]:
    """The viewer's own calls, and what they and the hour caused."""
    client = Client(TAB[1:], address=OTHER_ADDRESS)
    own = audience.measured(client.connect)
    own += audience.measured(lambda: client.join(f"channel:{CHANNEL}"))
    caused = audience.run(PING_SECONDS).total
    for number in range(1, PINGS + 1):
        own += audience.measured(lambda: client.send(action="ping"))
        caused += audience.run(min(PING_SECONDS, HOUR - number * PING_SECONDS)).total
    return own + audience.measured(client.disconnect), caused


def _by_heartbeat(audience: Audience) -> tuple[Work, Work]:
    site, tabs, caused = Site(OTHER_ADDRESS), [], NOTHING
    others = audience.queue.messages != []

    def call(request: Callable[[], object]) -> Work:
        if others:
            audience.request_count()
            audience.clock.sleep(FRESH_SECONDS)
        return audience.measured(request)

    own = call(lambda: tabs.append(site.join(CHANNEL)))
    for _ in range(BEATS):
        if others:
            audience.clock.sleep(BEAT_SECONDS - FRESH_SECONDS)
        else:
            caused += audience.run(BEAT_SECONDS).total
        own += call(lambda: require(site.beat(tabs[0]).status == 200))
    return own + call(lambda: require(site.leave(tabs[0]).status == 204)), caused


# -- a channel's hour


def _still() -> Period:
    with simulated_audience() as audience:
        client = Client(TAB[1:], address=OTHER_ADDRESS)
        client.connect()
        client.join(f"channel:{CHANNEL}")
        audience.run(BEAT_SECONDS)
        return audience.run(STILL_SECONDS) * (HOUR / STILL_SECONDS)


def _change() -> Period:
    with simulated_audience() as audience:
        audience.fill(MANY)
        audience.clock.sleep(INTERVAL_SECONDS)
        audience.request_count()
        audience.run(BEAT_SECONDS)
        total = Period()
        for number in range(CHANGES):
            client = Client(f"{number:012}=", address=OTHER_ADDRESS)
            client.connect()
            client.join(f"channel:{CHANNEL}")
            total += audience.run(INTERVAL_SECONDS)
        return total * (1 / CHANGES)


# -- the naive design


def _naive() -> NaiveUsage:
    with simulated_audience() as audience, naive_table() as table:
        beats = NOTHING
        for _ in range(BEATS + 1):
            until = now() + timedelta(seconds=TIME_OUT_SECONDS)
            beats += audience.measured(lambda until=until: table.beat(NAIVE_ID, CHANNEL, until))  # type: ignore[misc]  # mypy does not support defaults of lambdas
            audience.clock.sleep(BEAT_SECONDS)
        leave = audience.measured(lambda: table.leave(NAIVE_ID))
        socket = audience.measured(lambda: table.beat(NAIVE_ID, CHANNEL, now() + LIFETIME))
        counted = audience.measured(lambda: require(table.count(CHANNEL, now()) == 1))
        socket += audience.measured(lambda: table.leave(NAIVE_ID))
    reads = {viewers: index_reads(NAIVE_ID, CHANNEL, until, viewers) for viewers in (1, *SIZES, *COMPUTED)}
    require(counted.read_units == reads[1])
    return NaiveUsage(socket, beats + leave, reads)


def _section(spent: ViewersSpent, counts: Counts) -> Section:
    socket, heartbeat, naive = spent.socket, spent.heartbeat, spent.naive
    still, change, concurrent = spent.still.total, spent.change, counts.concurrent
    reads = {viewers: work.read_units for viewers, work in counts.measured.items()}
    return Section(
        "Viewers",
        f"Measured in simulated time, through the functions. A viewer-hour by socket is a connect, a join, {PINGS} "
        f"pings and a disconnect; by heartbeat, a join, {BEATS} beats and a leave. Each is measured in a channel that "
        "has just been counted for others, and in a channel without other viewers, with all counts and reads that it "
        "causes. They are compared with the naive design: one item per connection, an index by channel and expiry in "
        "which each heartbeat moves the item's entry, and a query of it for each request. The presence slots of more "
        f"than {SIZES[-1]:,} viewers are computed from the smaller channels. Requests arrive at random in one interval "
        f"of {INTERVAL_SECONDS} s at one of {LAMBDAS} Lambdas that have just started, for a channel of {MANY:,} "
        "viewers.",
        (
            at_most("a viewer-hour by socket", socket.own.write_units, BY_SOCKET, unit="WRU"),
            at_most("a viewer-hour by heartbeat", heartbeat.own.write_units, BY_HEARTBEAT, unit="WRU"),
            Figure("the naive design, by socket", f"{naive.socket.write_units:g} WRU"),
            Figure("the naive design, by heartbeat", f"{naive.heartbeat.write_units:g} WRU"),
            Figure("all writes of an hour alone in a channel, by socket", f"{socket.alone.write_units:g} WRU"),
            Figure("all writes of an hour alone in a channel, by heartbeat", f"{heartbeat.alone.write_units:g} WRU"),
            Figure("a channel's own hour, if nobody joins, leaves or requests the count", f"{still.write_units:g} WRU"),
            Figure(
                f"a channel's own hour, if somebody joins or leaves every {INTERVAL_SECONDS} s",
                f"{INTERVALS * change.total.write_units:,.0f} WRU",
            ),
            *(
                Figure(f"one count of {viewers:,}", f"{reads[viewers]:,g} RRU; naive {naive.reads[viewers]:,g}")
                for viewers in SIZES
            ),
            *(
                Figure(f"one count of {viewers:,}, computed", f"{units:,g} RRU; naive {naive.reads[viewers]:,g}")
                for viewers, units in counts.computed.items()
            ),
            Figure(f"broadcasting a changed count to {MANY:,} sockets", _used(change.broadcast)),
            *(_share(requests, work, naive.reads[MANY]) for requests, work in counts.shared.items()),
            Figure(
                f"{REQUESTS[-1]:,} requests in {COUNTING_SECONDS:g} s, while the count is being made",
                f"{concurrent.read_units / REQUESTS[-1]:,.2f} RRU each, {concurrent.write_units:g} WRU in total",
            ),
            at_most("a request for a channel that nobody watches", counts.unknown.calls, 1, unit="read"),
            at_most("the same, writes", counts.unknown.write_units, 0, unit="WRU"),
        ),
    )


def _share(requests: int, interval: Work, naive_reads: float) -> Figure:
    each = interval.read_units / requests
    return Figure(
        f"{requests:,} {'request' if requests == 1 else 'requests'} in an interval",
        f"{each:,.2f} RRU each, {interval.write_units:g} WRU in total; naive {naive_reads:g} RRU each",
    )


def _used(work: Work) -> str:
    return f"{work.calls:.3g} AWS calls, {work.read_units:.3g} RRU, {work.write_units:.3g} WRU"
