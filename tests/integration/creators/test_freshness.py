"""On a simulated clock: no creator's figures are older than they may be, and many are brought in time."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
import time_machine

from cairn.clock import now
from cairn.creators.agencies import Agencies
from cairn.creators.limiter import Limiter
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from infra.creators import SYNCS_AT_ONCE
from testing.cloud import Cloud, Context, cloud
from testing.creator_platform import FakeCreatorPlatform, earning
from testing.creator_site import CreatorSite
from testing.functions import Running
from testing.virtual_time import START, VirtualTime

INTERVAL = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
MANY, LAMBDAS = 250, SYNCS_AT_ONCE // 4
"""A quarter of a thousand creators, and of the functions that run at a time."""
ANSWER_SECONDS = 0.4
"""How long the platform takes."""


def test_no_creators_transactions_are_older_than_the_interval_and_a_minute(site: CreatorSite) -> None:
    creators = [site.creator(name) for name in ("Ada", "Mia", "Zoe")]
    site.platform.before = lambda _: site.wait(seconds=2)
    begun = now()
    site.synced(*creators)
    oldest = timedelta(0)
    for minute in range(1, 121):
        site.account.run(begun + minute * MINUTE)
        if minute % 15 == 0:
            site.sweep()
            site.account.run(now() + MINUTE / 2)
        ages = [now() - (site.state(creator).synced_until or begun) for creator in creators]
        oldest = max(oldest, *ages)
    assert INTERVAL - MINUTE <= oldest <= INTERVAL + MINUTE


@contextmanager
def simulated() -> Iterator[tuple[VirtualTime, Cloud]]:
    """Nothing waits: who sleeps lets the others go on."""
    with time_machine.travel(START, tick=False) as traveller:
        virtual = VirtualTime(lambda seconds: traveller.move_to(START.timestamp() + seconds))
        real, vars(time)["sleep"] = time.sleep, lambda seconds: virtual.sleep(seconds) if virtual.is_here else None
        try:
            with cloud(httpx.MockTransport(lambda _: httpx.Response(500))) as aws:
                yield virtual, aws
        finally:
            vars(time)["sleep"] = real


@pytest.mark.undisturbed
def test_creators_at_the_rate_of_a_thousand_are_brought_within_the_interval_and_every_limit() -> None:
    with simulated() as (virtual, aws):
        table = aws.table("CREATORS_TABLE")
        agency = Agencies(table).make("North", now()).agency
        creators = [
            Creators(table).make(
                agency_id=agency.id, name=f"c{number}", platform="fanvue", external_id=f"fv{number}", now=now()
            )
            for number in range(MANY)
        ]
        platform = FakeCreatorPlatform()
        for creator in creators:
            platform.add(creator.external_id, earning(now() - MINUTE))
        limiter = Limiter("fanvue", clock=virtual.clock, sleep=virtual.sleep)
        called = defaultdict[str, list[datetime]](list)

        def answer(external_id: str) -> None:
            limiter.take(external_id)
            called[external_id].append(virtual.clock())
            virtual.sleep(ANSWER_SECONDS)

        platform.before = answer

        def connect(creator: Creator) -> Any:
            return platform.of(creator.external_id)

        lambdas = [Running("sync_transactions", creator_platform=connect) for _ in range(LAMBDAS)]
        lambdas[0]({"source": "schedule"}, Context())
        waiting = deque(aws.messages("CREATORS_QUEUE_URL"))
        assert len(waiting) == MANY

        def work(sandbox: Running) -> None:
            while waiting:
                assert sandbox({"Records": [waiting.popleft()]}, Context(120)) == {"batchItemFailures": []}

        virtual.run(*(lambda sandbox=sandbox: work(sandbox) for sandbox in lambdas))
        took = timedelta(seconds=virtual.seconds())
        states = SyncStates(table).get_many(creator.id for creator in creators)
    assert all(state.synced_until for state in states.values())
    assert took < INTERVAL / 2
    for times in called.values():
        assert len(times) <= 3
        assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(times))
