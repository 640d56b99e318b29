"""What viewers cost: their own calls, the counts they share, and the design that comes to mind first; not timed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bench.account import NOTHING, Work
from bench.audience import CHANNEL, LASTING, TAB, Audience, Passed, audience
from bench.figures import Figure, Section, at_most
from bench.naive import index_reads, naive
from cairn.clock import now
from cairn.viewers.counting import HIGHEST_LEVEL, PER_SHARD
from cairn.viewers.counts import ViewerCounts
from testing.meter import read_blocks
from testing.viewer_site import Site
from testing.websocket_client import Client

BY_SOCKET, BY_HEARTBEAT = 4, 125
"""Budgets: write units of a viewer-hour."""
HOUR, BEAT_SECONDS, TIME_OUT_SECONDS, PING_SECONDS, INTERVAL_SECONDS = 3600, 30, 60, 300, 2
BEATS, PINGS, INTERVALS = HOUR // BEAT_SECONDS, HOUR // PING_SECONDS - 1, HOUR // INTERVAL_SECONDS
SIZES, COMPUTED = (10, 1_000, 10_000, 100_000), (1_000_000,)
MANY = 1_000
"""Viewers of the channel whose count is asked for, and told."""
ASKERS, LAMBDAS = (1, 10, 1_000), 20
MAKING_SECONDS = 0.5
"""How long a count of a large channel may take."""
CHANGES = 6
"""In so many intervals in a row somebody comes or goes."""
STILL_SECONDS = 600
NEARLY = 0.01
"""How far what is computed may be from what is measured: shards are not quite equal."""
FRESH_SECONDS = 0.6
"""After so long a Lambda looks the last count up again."""
ELSEWHERE = "203.0.113.77"
NAIVE_ID = "viewer0000000000000000"


@dataclass(frozen=True, slots=True)
class Viewing:
    """A viewer's hour."""

    own: Work
    """What the viewer's calls use in a channel that others just had counted."""
    alone: Work
    """All that the hour uses in a channel of nobody else."""


@dataclass(frozen=True, slots=True)
class Naively:
    """The same hours by the other design."""

    socket: Work
    heartbeat: Work
    """Without a single count."""
    reads: Mapping[int, float]
    """Units of a count, by the number of viewers."""


@dataclass(frozen=True, slots=True)
class ViewersSpent:
    """What the costs of viewers are made of."""

    socket: Viewing
    heartbeat: Viewing
    naively: Naively
    still: Passed
    """An hour in which nobody comes, goes or asks."""
    change: Passed
    """An interval in which somebody comes or goes, among MANY sockets."""
    asked: Work
    """A request that finds the count made."""
    made: Work
    """A count of MANY that found nothing new."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """What reading them uses."""

    made: Mapping[int, Work]
    """One count, by the number of viewers."""
    computed: Mapping[int, float]
    """Read units of those that are too large to be tried."""
    shared: Mapping[int, Work]
    """An interval, by how many ask in it."""
    meanwhile: Work
    """As many as can ask while somebody else makes the count, in MAKING_SECONDS."""
    unknown: Work


def measure() -> tuple[Section, ViewersSpent]:
    socket, heartbeat = _viewing(_by_socket), _viewing(_by_heartbeat)
    counts = _counts()
    asked, made = _answers()
    spent = ViewersSpent(socket, heartbeat, _naively(), _still(), _change(), asked, made)
    return _section(spent, counts), spent


# -- a viewer's hour


def _viewing(by: Callable[[Audience], tuple[Work, Work]]) -> Viewing:
    with audience() as there:
        Site().join(CHANNEL)
        own, _ = by(there)
    with audience() as there:
        alone, led_to = by(there)
        led_to += there.run(TIME_OUT_SECONDS).whole
        _insist(there.site.count(CHANNEL) == (0, 0))
    return Viewing(own, alone + led_to)


def _by_socket(there: Audience) -> tuple[Work, Work]:
    """The viewer's own calls, and what they and the hour led to."""
    client = Client(TAB[1:], address=ELSEWHERE)
    own = there.measured(client.connect)
    own += there.measured(lambda: client.join(f"channel:{CHANNEL}"))
    led_to = there.run(PING_SECONDS).whole
    for _ in range(PINGS):
        own += there.measured(lambda: client.send(action="ping"))
        led_to += there.run(PING_SECONDS).whole
    return own + there.measured(client.disconnect), led_to


def _by_heartbeat(there: Audience) -> tuple[Work, Work]:
    site, tabs, led_to = Site(ELSEWHERE), [], NOTHING
    others = there.queue.messages != []

    def call(what: Callable[[], object]) -> Work:
        if others:
            there.ask()
            there.clock.sleep(FRESH_SECONDS)
        return there.measured(what)

    own = call(lambda: tabs.append(site.join(CHANNEL)))
    for _ in range(BEATS):
        if others:
            there.clock.sleep(BEAT_SECONDS - FRESH_SECONDS)
        else:
            led_to += there.run(BEAT_SECONDS).whole
        own += call(lambda: _insist(site.beat(tabs[0]).status == 200))
    return own + call(lambda: _insist(site.leave(tabs[0]).status == 204)), led_to


# -- counts


def _counts() -> _Counts:
    made, sizes = {}, []
    for viewers in SIZES:
        with audience() as there:
            sizes.append(there.fill(viewers))
            there.clock.sleep(INTERVAL_SECONDS)
            made[viewers] = _counted(there, viewers)
            if viewers == MANY:
                shared = {askers: _shared(there, askers) for askers in ASKERS}
                meanwhile = _meanwhile(there)
    besides = made[SIZES[0]].read_units - _seats_read(SIZES[0], sizes[0])
    computed = {viewers: besides + _seats_read(viewers, sizes[0]) for viewers in (*SIZES, *COMPUTED)}
    _insist(all(math.isclose(computed[viewers], made[viewers].read_units, rel_tol=NEARLY) for viewers in SIZES))
    with audience() as there:
        unknown = there.measured(lambda: Site().count("nobody-ever-watched"))
    return _Counts(made, {viewers: computed[viewers] for viewers in COMPUTED}, shared, meanwhile, unknown)


def _counted(there: Audience, viewers: int) -> Work:
    """A count by a Lambda that has just started."""
    (counting,) = there.lambdas(1)
    return there.measured(lambda: _insist(counting.current(CHANNEL).viewers == viewers))


def _seats_read(viewers: int, size: int) -> int:
    """Units of reading all seats of a channel that has grown to this: what it held on reaching a level stays there."""
    units, level, before = 0, 0, 0
    while before < viewers:
        here = min(viewers, PER_SHARD * 4**level) - before if level < HIGHEST_LEVEL else viewers - before
        units += 4**level * read_blocks(round(here / 4**level) * size)
        before, level = before + here, level + 1
    return units


def _shared(there: Audience, askers: int) -> Work:
    """An interval in which so many ask."""
    there.clock.sleep(INTERVAL_SECONDS)
    return _crowd(there, askers, INTERVAL_SECONDS)


def _meanwhile(there: Audience) -> Work:
    """The most askers, while a function that has taken the turn to count is not done."""
    there.clock.sleep(INTERVAL_SECONDS)
    ViewerCounts(there.made.aws.table("PRESENCE_TABLE")).acquire(
        CHANNEL, "another", now(), timedelta(seconds=INTERVAL_SECONDS)
    )
    return _crowd(there, ASKERS[-1], MAKING_SECONDS)


def _crowd(there: Audience, askers: int, within: float) -> Work:
    """So many who ask, at random, one of a few Lambdas that have just started."""
    chance = random.Random(askers)  # noqa: S311 - guards nothing
    lambdas, began = there.lambdas(LAMBDAS), now()

    def ask_all() -> None:
        for seconds in sorted(chance.uniform(0, within) for _ in range(askers)):
            there.clock.reach(began + timedelta(seconds=seconds))
            _insist(chance.choice(lambdas).current(CHANNEL).viewers == MANY)

    return there.measured(ask_all)


def _answers() -> tuple[Work, Work]:
    """A request that finds the count made, and one that makes it and finds nothing new."""
    with audience() as there:
        there.fill(MANY)
        there.clock.sleep(INTERVAL_SECONDS)
        there.ask()
        there.clock.sleep(FRESH_SECONDS)
        asked = there.measured(lambda: there.site.count(CHANNEL))
        there.clock.sleep(INTERVAL_SECONDS)
        return asked, there.measured(lambda: there.site.count(CHANNEL))


# -- a channel's hour


def _still() -> Passed:
    with audience() as there:
        client = Client(TAB[1:], address=ELSEWHERE)
        client.connect()
        client.join(f"channel:{CHANNEL}")
        there.run(BEAT_SECONDS)
        return there.run(STILL_SECONDS) * (HOUR / STILL_SECONDS)


def _change() -> Passed:
    with audience() as there:
        there.fill(MANY)
        there.clock.sleep(INTERVAL_SECONDS)
        there.ask()
        there.run(BEAT_SECONDS)
        passed = Passed()
        for number in range(CHANGES):
            client = Client(f"{number:012}=", address=ELSEWHERE)
            client.connect()
            client.join(f"channel:{CHANNEL}")
            passed += there.run(INTERVAL_SECONDS)
        return passed * (1 / CHANGES)


# -- the other design


def _naively() -> Naively:
    with audience() as there, naive() as table:
        beats = NOTHING
        for _ in range(BEATS + 1):
            until = now() + timedelta(seconds=TIME_OUT_SECONDS)
            beats += there.measured(lambda until=until: table.beat(NAIVE_ID, CHANNEL, until))  # type: ignore[misc]  # mypy knows no defaults of lambdas
            there.clock.sleep(BEAT_SECONDS)
        left = there.measured(lambda: table.leave(NAIVE_ID))
        socket = there.measured(lambda: table.beat(NAIVE_ID, CHANNEL, now() + LASTING))
        counted = there.measured(lambda: _insist(table.count(CHANNEL, now()) == 1))
        socket += there.measured(lambda: table.leave(NAIVE_ID))
    reads = {viewers: index_reads(NAIVE_ID, CHANNEL, until, viewers) for viewers in (1, *SIZES, *COMPUTED)}
    _insist(counted.read_units == reads[1])
    return Naively(socket, beats + left, reads)


def _insist(done: bool) -> None:
    if not done:
        raise RuntimeError("viewers were refused, or counted wrong")


def _section(spent: ViewersSpent, counts: _Counts) -> Section:
    socket, heartbeat, naively = spent.socket, spent.heartbeat, spent.naively
    still, change, meanwhile = spent.still.whole, spent.change, counts.meanwhile
    found = {viewers: work.read_units for viewers, work in counts.made.items()}
    return Section(
        "Viewers",
        f"In simulated time, by the functions themselves. A viewer-hour by socket is an opening, a join, {PINGS} pings "
        f"and a close; by heartbeat a join, {BEATS} beats and a leave; in a channel that others just had counted, and "
        f"then all alone, with every count and look that it leads to. Beside them the design that comes to mind first: "
        "an item a connection, an index by channel and expiry whose entry each heartbeat moves, and a query of it for "
        f"whoever asks. Seats of more than {SIZES[-1]:,} viewers are computed, by what is true of fewer. Askers come "
        f"at random in one interval of {INTERVAL_SECONDS} s to one of {LAMBDAS} Lambdas that have just started, in a "
        f"channel of {MANY:,}.",
        (
            at_most("a viewer-hour by socket", socket.own.write_units, BY_SOCKET, unit="WRU"),
            at_most("a viewer-hour by heartbeat", heartbeat.own.write_units, BY_HEARTBEAT, unit="WRU"),
            Figure("the naive design, by socket", f"{naively.socket.write_units:g} WRU"),
            Figure("the naive design, by heartbeat", f"{naively.heartbeat.write_units:g} WRU"),
            Figure("all that an hour alone in a channel writes, by socket", f"{socket.alone.write_units:g} WRU"),
            Figure("all that an hour alone in a channel writes, by heartbeat", f"{heartbeat.alone.write_units:g} WRU"),
            Figure("a channel's own hour, when nobody comes, goes or asks", f"{still.write_units:g} WRU"),
            Figure(
                f"a channel's own hour, when somebody comes or goes every {INTERVAL_SECONDS} s",
                f"{INTERVALS * change.whole.write_units:,.0f} WRU",
            ),
            *(
                Figure(f"one count of {viewers:,}", f"{found[viewers]:,g} RRU; naive {naively.reads[viewers]:,g}")
                for viewers in SIZES
            ),
            *(
                Figure(f"one count of {viewers:,}, computed", f"{units:,g} RRU; naive {naively.reads[viewers]:,g}")
                for viewers, units in counts.computed.items()
            ),
            Figure(f"telling a changed count to {MANY:,} sockets", _used(change.told)),
            *(_share(askers, work, naively.reads[MANY]) for askers, work in counts.shared.items()),
            Figure(
                f"{ASKERS[-1]:,} askers in {MAKING_SECONDS:g} s, while the count is being made",
                f"{meanwhile.read_units / ASKERS[-1]:,.2f} RRU each, {meanwhile.write_units:g} WRU in all",
            ),
            at_most("asking for a channel that nobody watches", counts.unknown.calls, 1, unit="read"),
            at_most("the same, writes", counts.unknown.write_units, 0, unit="WRU"),
        ),
    )


def _share(askers: int, interval: Work, naive_reads: float) -> Figure:
    each = interval.read_units / askers
    return Figure(
        f"{askers:,} {'asker' if askers == 1 else 'askers'} in an interval",
        f"{each:,.2f} RRU each, {interval.write_units:g} WRU in all; naive {naive_reads:g} RRU each",
    )


def _used(work: Work) -> str:
    return f"{work.calls:.3g} AWS calls, {work.read_units:.3g} RRU, {work.write_units:.3g} WRU"
