"""When a channel is counted, what its reading says of the day, and over how many partition keys it grows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from cairn.clock import now
from cairn.errors import NotYetError
from cairn.messages import CountViewers
from cairn.model import Number
from cairn.readings.stats import Stats
from cairn.viewers.counting import Counting
from cairn.viewers.counts import CountState
from cairn.viewers.subjects import viewer_subject
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import FUNCTIONS
from testing.interleaving import before_next_write
from testing.viewer_site import Site


@pytest.fixture
def counting(aws: Cloud) -> Counting:
    made: Counting = FUNCTIONS["count_viewers"].dependencies.counting
    return made


def request(at: datetime) -> CountViewers:
    return CountViewers("demo", at, check=False, trace_id="t")


def metrics(aws: Cloud) -> Mapping[str, Number]:
    reading = Stats(aws.table("STATS_TABLE")).get(viewer_subject("demo"))
    assert reading
    return reading.metrics


def state(counting: Counting) -> CountState:
    found = counting._counts.get("demo", now())
    assert found
    return found


def test_the_peak_of_a_day_is_that_of_the_day_and_of_those_who_were_present_when_it_began(
    site: Site, aws: Cloud, counting: Counting, clock: ControlledClock
) -> None:
    def watched_by(viewers: int) -> tuple[Number, Number]:
        """Viewers and the day's peak, once so many have joined and left again but for one."""
        tabs = [site.join() for _ in range(viewers)]
        for leaving in ([], tabs[1:]):
            for tab in leaving:
                site.leave(tab)
            clock.sleep(2)
            site.count()
        return metrics(aws)["viewers"], metrics(aws)["peak"]

    assert watched_by(3) == (1, 3)
    clock.sleep(3600)
    assert watched_by(2) == (1, 3)
    clock.sleep(86_400)
    assert watched_by(2) == (1, 2)
    site.join()
    clock.sleep(2)
    site.count()
    assert metrics(aws)["viewers"] == 2
    clock.sleep(86_400)
    assert watched_by(1) == (1, 2)


def test_a_count_that_is_requested_just_after_a_change_waits_for_the_rest_of_its_interval(
    site: Site, counting: Counting, clock: ControlledClock
) -> None:
    site.join()
    changed_at = now()
    clock.sleep(0.5)
    with pytest.raises(NotYetError) as raised:
        counting.handle(request(now()))
    assert raised.value.until == changed_at + timedelta(seconds=2)


def test_a_channel_that_grows_takes_its_next_step_only_when_every_lambda_knows_the_last_one(
    site: Site, counting: Counting, clock: ControlledClock
) -> None:
    counting._per_shard = 1
    for _ in range(17):
        site.join()
    levels = []
    for _ in range(3):
        clock.sleep(2)
        counting.current("demo")
        levels.append(state(counting).level)
    assert levels == [1, 1, 2]


def test_a_count_that_was_overtaken_by_one_of_nobody_leaves_no_viewer_behind(
    site: Site, aws: Cloud, counting: Counting, clock: ControlledClock
) -> None:
    """Nobody would count the channel again."""
    site.join()
    clock.sleep(2)
    site.count()
    Stats(aws.table("STATS_TABLE")).delete(viewer_subject("demo"))
    tab = site.join()
    clock.sleep(2)

    def everybody_leaves() -> None:
        clock.sleep(61)
        assert counting.current("demo").viewers == 0

    heartbeats: Counting = FUNCTIONS["viewer_heartbeat"].dependencies.counting
    with before_next_write(heartbeats._stats._table, everybody_leaves):
        site.count()
    assert metrics(aws)["viewers"] == 0
    assert site.beat(tab).status == 404
