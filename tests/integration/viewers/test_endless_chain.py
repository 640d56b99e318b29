"""Each count requests the next one: Lambda has to allow the chain, or a steady audience is no longer counted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from cairn.clock import now
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import InvocationFailedError
from testing.sqs import LONGEST_CHAIN, Fifo, in_place_of_sqs
from testing.websocket_api import in_place_of_api_gateway
from tests.integration.viewers.crowd import LARGE, Crowd

STAYS = timedelta(hours=1)
NOTICED = timedelta(minutes=2)


@pytest.fixture
def crowd(aws: Cloud, clock: ControlledClock) -> Iterator[Crowd]:
    """A viewer who will stay for an hour and then disconnect without notice."""
    queue = Fifo(clock, "count", max_receives=30, hidden=timedelta(minutes=2), recursive=True)
    with in_place_of_api_gateway() as poster, in_place_of_sqs(queue):
        crowd = Crowd(clock, queue, poster, random.Random(1))  # noqa: S311 - the same viewer each time
        crowd.watch()
        crowd.arrive(LARGE, f"viewer{1:024}", by_socket=False, end="crash", stays=STAYS.total_seconds())
        yield crowd


def test_a_viewer_who_disconnects_without_notice_after_an_hour_is_noticed(crowd: Crowd) -> None:
    crowd.run(now() + STAYS + NOTICED)
    assert len(crowd.seen) > 4 * LONGEST_CHAIN
    assert crowd.seen[-1].counted == (0, 0)


def test_without_leave_to_recurse_lambda_ends_the_counting_within_minutes(crowd: Crowd) -> None:
    """The test queue ends a chain where Lambda does, so the test above can fail."""
    crowd.fifo.recursive = False
    began = now()
    with pytest.raises(InvocationFailedError, match="RecursiveInvocationException"):
        crowd.run(began + STAYS + NOTICED)
    assert now() - began < timedelta(minutes=10)
    assert crowd.seen[-1].counted == (1, 1)
