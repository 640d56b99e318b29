"""Audiences: fetched for everybody every five minutes, beside the revenue, and one who fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.clock import now, to_millis
from cairn.creators.agencies import Agencies
from cairn.creators.audiences import BATCH_SIZE, LANES, Audiences, Outcome
from cairn.creators.model import Creator
from cairn.creators.platforms import Audience
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from cairn.errors import KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.messages import FetchBatch, Message
from cairn.model import Reading
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.virtual_time import VirtualTime

COUNTS = Audience(120, 900, 44, 10, "p=3")
MINUTE = timedelta(minutes=1)


class Queue:
    def __init__(self) -> None:
        self.sent: list[FetchBatch] = []

    def send(self, messages: Sequence[Message]) -> None:
        for one in messages:
            assert isinstance(one, FetchBatch)
            self.sent.append(one)


@dataclass
class Account:
    """A creator's account at the platform."""

    answer: Audience | Exception = COUNTS
    asked: list[str] = field(default_factory=list)

    def audience(self, hints: str) -> Audience:
        self.asked.append(hints)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Site:
    def __init__(self, aws: Cloud) -> None:
        self.table = aws.table("CREATORS_TABLE")
        self.creators, self.states = Creators(self.table), SyncStates(self.table)
        self.stats = Stats(aws.table("STATS_TABLE"))
        self.agency = Agencies(self.table).make("North", now()).agency.id
        self.accounts: dict[str, Account] = {}
        self.queue = Queue()
        self.order: list[str] = []
        self.audiences = Audiences(
            creators=self.creators,
            states=self.states,
            stats=self.stats,
            platform=self.connect,  # type: ignore[arg-type]  # only audiences are asked for
            queue=self.queue,  # type: ignore[arg-type]  # a fake queue
            rules_version=0,
        )

    def connect(self, creator: Creator) -> Account:
        self.order.append(creator.id)
        return self.accounts[creator.id]

    def add(self, number: int = 1) -> Creator:
        made = self.creators.make(
            agency_id=self.agency, name=f"Mia {number}", platform="fanvue", external_id=f"uuid-{number}", now=now()
        )
        self.accounts[made.id] = Account()
        catch_up()
        return made

    def sweep(self, seconds_left: Callable[[], float] = lambda: 30.0) -> dict[Outcome, int]:
        return {outcome: number for outcome, number in self.audiences.sweep("schedule", seconds_left).items() if number}

    def reading(self, creator: Creator) -> Reading:
        found = self.stats.get(creator.subject)
        assert found
        return found


@pytest.fixture
def site(aws: Cloud, clock: ControlledClock) -> Site:
    return Site(aws)


def test_counts_are_stored_with_when_they_were_true_and_hints_make_the_next_call_cheaper(
    site: Site, clock: ControlledClock
) -> None:
    mia = site.add()
    assert site.sweep() == {"stored": 1}
    stored = site.reading(mia)
    assert stored.metrics == {"subscribers": 120, "followers": 900, "messages": 44, "posts": 10}
    assert (stored.name, stored.as_of, stored.source) == ("Mia 1", now(), "schedule")
    assert site.states.get(mia.id).audience_at == now()
    clock.sleep(300)
    assert site.sweep() == {"unchanged": 1}
    assert site.accounts[mia.id].asked == ["", "p=3"]
    assert site.states.get(mia.id).audience_at == now()
    assert site.reading(mia) == stored, "an unchanged audience writes no reading"


def test_the_revenue_stays_beside_the_counts_and_its_currency_too(site: Site, clock: ControlledClock) -> None:
    mia = site.add()
    earned = Reading(mia.subject, "Mia", {"revenue": Decimal("12.50")}, now(), "transactions", "t")
    site.stats.record(replace(earned, details={"currency": "USD"}, peaks={"revenue": 20}, silent=True))
    site.sweep()
    stored = site.reading(mia)
    assert stored.metrics == {
        "revenue": Decimal("12.50"),
        "subscribers": 120,
        "followers": 900,
        "messages": 44,
        "posts": 10,
    }
    assert (stored.details, stored.silent) == ({"currency": "USD"}, False)
    assert stored.peaks == {"revenue": 20, "subscribers": 120, "followers": 900, "messages": 44, "posts": 10}
    assert stored.as_of > earned.as_of


def test_a_count_that_the_platform_does_not_say_is_unknown_and_not_the_one_before(
    site: Site, clock: ControlledClock
) -> None:
    mia = site.add()
    site.sweep()
    clock.sleep(300)
    site.accounts[mia.id].answer = replace(COUNTS, followers=None, subscribers=0)
    site.sweep()
    stored = site.reading(mia)
    assert stored.metrics == {"subscribers": 0, "messages": 44, "posts": 10}
    assert stored.peaks["followers"] == 900
    assert stored.peaks["subscribers"] == 120


@pytest.mark.parametrize(
    ("error", "code", "waits"),
    [
        (PlatformUnavailableError("fanvue", "HTTP 502"), "unavailable", MINUTE),
        (KeyRejectedError("fanvue", "connect again"), "reconnect", MINUTE),
        (PlatformPausedError("fanvue", "limit", now() + timedelta(days=10_000)), "paused", None),
        (ValueError("a bug"), "failed", MINUTE),
    ],
)
def test_one_who_fails_stops_only_itself_at_this_run_and_at_the_next(
    site: Site, clock: ControlledClock, error: Exception, code: str, waits: timedelta | None
) -> None:
    bad, good = site.add(1), site.add(2)
    until = now() + timedelta(minutes=12)
    site.accounts[bad.id].answer = PlatformPausedError("fanvue", "limit", until) if code == "paused" else error
    assert site.sweep() == {"stored": 1, "failed": 1}
    failure = site.states.get(bad.id).audience_failure
    assert failure
    assert (failure.code, failure.failures) == (code, 1)
    assert failure.not_before == (now() + waits if waits else until)
    assert "a bug" not in failure.message
    assert site.states.get(bad.id).failure is None, "its transactions are synced all the same"
    clock.sleep(29)
    assert site.sweep() == {"skipped": 2}, "the one waits, the other was fetched just now"
    clock.sleep(300)
    assert site.sweep() == ({"unchanged": 1, "failed": 1} if waits else {"unchanged": 1, "skipped": 1})
    assert len(site.accounts[good.id].asked) == 2


def test_a_creator_who_keeps_failing_is_asked_ever_more_seldom_and_once_it_works_as_before(
    site: Site, clock: ControlledClock
) -> None:
    mia = site.add()
    site.accounts[mia.id].answer = PlatformUnavailableError("fanvue", "HTTP 502")
    for _ in range(12 * 12):
        site.sweep()
        clock.sleep(300)
    asked = len(site.accounts[mia.id].asked)
    assert 14 <= asked <= 20
    clock.sleep(3600)
    site.accounts[mia.id].answer = COUNTS
    assert site.sweep() == {"stored": 1}
    assert site.states.get(mia.id).audience_failure is None


def test_who_was_fetched_longest_ago_comes_first_and_who_retired_never(site: Site, clock: ControlledClock) -> None:
    made = [site.add(number) for number in range(4)]
    site.creators.retire(made[3], now())
    for creator, minutes in ((made[0], 10), (made[1], 20)):
        site.states.audience(creator.id, now() - minutes * MINUTE, "")
    catch_up()
    site.sweep()
    assert site.order == [made[2].id, made[1].id, made[0].id]


def test_the_first_batch_is_fetched_at_once_and_the_others_go_over_the_queue(
    site: Site, clock: ControlledClock
) -> None:
    fill(site, 2 * BATCH_SIZE + 7)
    assert site.sweep() == {"stored": BATCH_SIZE, "queued": BATCH_SIZE + 7}
    assert [(one.platform, len(one.channel_ids)) for one in site.queue.sent] == [("creator", 50), ("creator", 7)]
    for batch in site.queue.sent:
        site.audiences.fetch_batch(batch, lambda: 30.0)
    again = site.audiences.fetch_batch(site.queue.sent[0], lambda: 30.0)
    assert again == {"skipped": 50}, "a message that comes twice asks for nothing twice"
    assert len(site.order) == len(set(site.order)) == 2 * BATCH_SIZE + 7


def test_those_for_whom_there_was_no_time_go_back_on_the_queue(site: Site, clock: ControlledClock) -> None:
    made = [site.add(number) for number in range(6)]
    left = iter([5.0, 5.0, 0.0, -1.0, -1.0, -1.0])
    assert site.sweep(lambda: next(left)) == {"stored": 2, "queued": 4}
    (batch,) = site.queue.sent
    assert len(batch.channel_ids) == 4
    assert set(batch.channel_ids) <= {one.id for one in made}
    assert site.audiences.fetch_batch(batch, lambda: 30.0)["stored"] == 4


def test_what_our_own_tables_refuse_is_raised_after_the_others_were_fetched(site: Site, clock: ControlledClock) -> None:
    bad, good = site.add(1), site.add(2)
    refusal: Any = {"Error": {"Code": "ThrottlingException"}}
    site.accounts[bad.id].answer = ClientError(refusal, "GetItem")
    with pytest.raises(ClientError):
        site.sweep()
    assert site.reading(good)
    assert site.states.get(bad.id).audience_failure is None


def fill(site: Site, count: int) -> list[str]:
    """Many creators, without the transactions that make them."""
    ids = [f"c{number:05}" for number in range(count)]
    with site.table.batch_writer() as batch:
        for one in ids:
            item = {"pk": "creators", "sk": one, "name": one, "agency": site.agency, "platform": "fanvue"}
            batch.put_item(Item={**item, "external_id": one, "added_at": to_millis(now())})
    site.accounts |= {one: Account() for one in ids}
    catch_up()
    return ids


def test_a_thousand_creators_are_fetched_within_five_minutes(aws: Cloud, clock: ControlledClock) -> None:
    """With five calls of 0.25 s each, two functions of the queue at a time, and no call for anybody twice."""
    site, time = Site(aws), VirtualTime()
    fill(site, 1000)
    asked: list[str] = []

    class Slow(Account):
        def audience(self, hints: str) -> Audience:
            time.sleep(5 * 0.25)
            return super().audience(hints)

    def connect(creator: Creator) -> Slow:
        asked.append(creator.id)
        return Slow()

    def lanes(fetch: Callable[[Creator], Outcome], creators: Sequence[Creator]) -> Iterable[Outcome]:
        waiting, done = list(creators), list[Outcome]()

        def lane() -> None:
            while waiting:
                done.append(fetch(waiting.pop(0)))

        for _ in range(LANES):
            time.start(lane)
        while len(done) < len(creators):
            time.sleep(0.05)
        return done

    audiences = Audiences(
        creators=site.creators,
        states=site.states,
        stats=site.stats,
        platform=connect,  # type: ignore[arg-type]  # only audiences are asked for
        queue=site.queue,  # type: ignore[arg-type]  # a fake queue
        rules_version=0,
        clock=time.clock,
        lanes=lanes,
    )

    def seconds_left() -> Callable[[], float]:
        began = time.seconds()
        return lambda: began + 40.0 - time.seconds()

    def function() -> None:
        while site.queue.sent:
            audiences.fetch_batch(site.queue.sent.pop(0), seconds_left())

    def schedule() -> None:
        audiences.sweep("schedule", seconds_left())

    time.run(schedule)
    time.run(function, function)
    assert time.seconds() <= 300
    assert len(asked) == len(set(asked)) == 1000
