"""Two thousand viewers in simulated time, compared with an oracle: how wrong a count can be, and how late."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise

import pytest

from cairn.clock import now
from testing.clock import controlled_clock
from testing.cloud import cloud
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms
from testing.sqs import Fifo, in_place_of_sqs
from testing.websocket_api import in_place_of_api_gateway
from tests.integration.viewers.crowd import LARGE, SECOND, TIMEOUT, Crowd, Seen

VIEWERS = 2000
SMALL = 5
"""Channels besides the large one, each with a tenth of the viewers."""
LATEST = timedelta(seconds=2 + 0.55 + 1)
"""After a change: the interval, the bucket in which the count is requested, and SQS's whole seconds."""


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    """All of it, once: three minutes of joins, four of leaves, and some until all is quiet."""
    with ExitStack() as stack:
        clock = stack.enter_context(controlled_clock())
        stack.enter_context(cloud(FakePlatforms().transport()))
        poster = stack.enter_context(in_place_of_api_gateway())
        fifo = stack.enter_context(
            in_place_of_sqs(Fifo(clock, "count", max_receives=30, hidden=timedelta(minutes=2), recursive=True))
        )
        crowd = Crowd(clock, fifo, poster, random.Random(4))  # noqa: S311 - the same crowd each time
        crowd.watch()
        _spread_early()
        began = now()
        for number in range(VIEWERS):
            _plan(crowd, number)
        crowd.run(began + timedelta(minutes=5.6))
        yield crowd


def _spread_early() -> None:
    """Grow over more partition keys at a twentieth of the size."""

    for counting in (
        FUNCTIONS["count_viewers"].dependencies.counting,
        FUNCTIONS["viewer_heartbeat"].dependencies.counting,
    ):
        counting._per_shard = 60


def _plan(crowd: Crowd, number: int) -> None:
    chance = crowd.chance
    large = number % 2 == 0
    channel = LARGE if large else f"channel{number // 2 % SMALL}"
    viewer = f"viewer{number:024}"
    for tab in range(2 if chance.random() < 0.15 else 1):
        # In the large one, the broadcast of the next changed count finds sockets that were lost.
        ends = ["leave", "leave", "crash"] if large else ["leave", "leave", "crash", "lost"]
        by_socket, end, stays = chance.random() < 0.5, chance.choice(ends), min(100, chance.expovariate(1 / 35))
        crowd.later(
            chance.uniform(0, 160) + 3 * tab,
            lambda by_socket=by_socket, end=end, stays=stays: crowd.arrive(  # type: ignore[misc]  # mypy knows no defaults of lambdas
                channel, viewer, by_socket=by_socket, end=end, stays=stays
            ),
        )


def excess(seen: Seen) -> int:
    return max(abs(counted - real) for counted, real in zip(seen.counted, seen.real, strict=True))


def test_every_count_is_exact_by_definition(crowd: Crowd) -> None:
    """At its instant: heartbeats younger than the timeout and open sockets, no more and no less."""
    wrong = [seen for seen in crowd.seen if not seen.lost and seen.counted != seen.defined]
    assert wrong == []
    assert len(crowd.seen) > 500


def test_a_viewer_who_disconnects_without_notice_is_counted_for_one_timeout_at_most(crowd: Crowd) -> None:
    assert all(seen.oldest < TIMEOUT for seen in crowd.seen)
    assert all(seen.counted >= seen.real for seen in crowd.seen)


def test_sockets_that_were_lost_are_found_within_a_timeout(crowd: Crowd) -> None:
    for seen in crowd.seen:
        assert seen.defined[1] <= seen.counted[1] <= seen.defined[1] + seen.lost


def test_every_change_is_counted_in_time(crowd: Crowd) -> None:
    late = max(_delay(crowd, channel) for channel in crowd.changed)
    print(f"\nlatest count after a change: {late / SECOND:.2f} s")
    assert late <= LATEST


def test_changed_counts_are_an_interval_apart(crowd: Crowd) -> None:
    for channel in crowd.changed:
        counts = [seen for seen in crowd.seen if seen.channel == channel]
        at = [after.at for before, after in pairwise(counts) if before.counted != after.counted]
        assert min(b - a for a, b in pairwise(at)) >= 2 * SECOND


def test_when_all_is_quiet_all_is_right(crowd: Crowd) -> None:
    last = {seen.channel: seen for seen in crowd.seen}
    assert {channel: seen.counted for channel, seen in last.items()} == dict.fromkeys(last, (0, 0))
    worst = max(crowd.seen, key=excess)
    print(
        f"\n{VIEWERS} viewers, {crowd.calls} calls, {len(crowd.seen)} counts; the worst: {excess(worst)} too many of "
        f"{max(worst.real)}, ended up to {max(seen.oldest for seen in crowd.seen) / SECOND:.1f} s before"
    )


def _delay(crowd: Crowd, channel: str) -> timedelta:
    counts = [seen.at for seen in crowd.seen if seen.channel == channel]
    delays, index = [], 0
    for changed in crowd.changed[channel]:
        while index < len(counts) and counts[index] < changed:
            index += 1
        assert index < len(counts), f"{channel}: nothing was counted after {changed}"
        delays.append(counts[index] - changed)
    return max(delays)
