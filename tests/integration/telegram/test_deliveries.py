"""An alert's plan is decided once, its progress recorded as it goes, and its outcome added to the tally once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from cairn.clock import now
from cairn.errors import NotYetError
from cairn.model import DeliveryTally, Milestone
from cairn.readings.milestones import Milestones
from cairn.telegram.deliveries import Deliveries, Plan, Progress
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.readings import channel_milestone

LEASE = timedelta(seconds=75)


@pytest.fixture
def deliveries(aws: Cloud) -> Deliveries:
    return Deliveries(aws.table("AUDIENCE_TABLE"), aws.table("MILESTONES_TABLE"))


@pytest.fixture
def milestone(aws: Cloud) -> Milestone:
    made = channel_milestone(1000)
    Milestones(aws.table("MILESTONES_TABLE")).record(made)
    return made


def tally(aws: Cloud, milestone: Milestone) -> DeliveryTally:
    at = milestone.achieved_at
    return Milestones(aws.table("MILESTONES_TABLE")).page(None, at, at, 1, None).items[0][1]


def test_a_plan_is_decided_once(aws: Cloud, deliveries: Deliveries, milestone: Milestone) -> None:
    assert deliveries.plan(milestone, Plan(("30",), 45), now()) == Plan(("30",), 45)
    assert deliveries.plan(milestone, Plan(("31", "60"), 70), now()) == Plan(("30",), 45)
    assert tally(aws, milestone) == DeliveryTally(45, 0, 0)


def test_an_alert_whose_milestone_was_never_recorded_is_not_planned(
    aws: Cloud, deliveries: Deliveries, milestone: Milestone
) -> None:
    key = aws.table("MILESTONES_TABLE").scan()["Items"][0]
    aws.table("MILESTONES_TABLE").delete_item(Key={"pk": key["pk"], "sk": key["sk"]})
    with pytest.raises(LookupError, match="not in the milestones table"):
        deliveries.plan(milestone, Plan((), 1), now())
    assert aws.table("AUDIENCE_TABLE").scan()["Items"] == []


def test_the_first_part_is_leased_with_the_plan(aws: Cloud, deliveries: Deliveries, milestone: Milestone) -> None:
    assert deliveries.plan_and_open(milestone, Plan(("30",), 45), "one", now(), LEASE) == (Plan(("30",), 45), True)
    assert tally(aws, milestone) == DeliveryTally(45, 0, 0)
    with pytest.raises(NotYetError) as raised:
        deliveries.acquire(milestone.id, 0, "two", now(), LEASE)
    assert raised.value.until == now() + LEASE
    deliveries.record_progress(milestone.id, 0, "one", ["1"])
    assert deliveries.acquire(milestone.id, 0, "one", now(), LEASE) == Progress(frozenset("1"), frozenset())


def test_a_part_is_leased_with_its_plan_only_once(aws: Cloud, deliveries: Deliveries, milestone: Milestone) -> None:
    """The second attempt has to acquire it: it does not know who was notified."""
    deliveries.plan_and_open(milestone, Plan(("30",), 45), "one", now(), LEASE)
    again = deliveries.plan_and_open(milestone, Plan(("31",), 46), "two", now(), LEASE)
    assert again == (Plan(("30",), 45), False)
    assert tally(aws, milestone) == DeliveryTally(45, 0, 0)
    with pytest.raises(NotYetError):
        deliveries.acquire(milestone.id, 0, "two", now(), LEASE)


def test_a_part_that_is_older_than_its_plan_is_not_taken_for_a_new_one(
    aws: Cloud, deliveries: Deliveries, milestone: Milestone
) -> None:
    """Both expired, and DynamoDB has deleted only the plan so far."""
    deliveries.plan_and_open(milestone, Plan((), 1), "one", now(), LEASE)
    deliveries.record_progress(milestone.id, 0, "one", ["1"])
    aws.table("AUDIENCE_TABLE").delete_item(Key={"pk": f"delivery#{milestone.id}", "sk": "plan"})
    assert deliveries.plan_and_open(milestone, Plan((), 2), "one", now(), LEASE) == (Plan((), 2), False)
    progress = deliveries.acquire(milestone.id, 0, "one", now(), LEASE)
    assert progress
    assert progress.delivered == frozenset("1")


def test_an_alert_without_a_milestone_opens_nothing(aws: Cloud, deliveries: Deliveries) -> None:
    with pytest.raises(LookupError, match="not in the milestones table"):
        deliveries.plan_and_open(channel_milestone(2000), Plan((), 1), "one", now(), LEASE)
    assert aws.table("AUDIENCE_TABLE").scan()["Items"] == []


def test_a_part_has_one_owner_at_a_time(deliveries: Deliveries, clock: ControlledClock) -> None:
    assert deliveries.acquire("a", 0, "one", now(), LEASE) == Progress(frozenset(), frozenset())
    with pytest.raises(NotYetError) as raised:
        deliveries.acquire("a", 0, "two", now(), LEASE)
    assert raised.value.until == now() + LEASE
    assert deliveries.acquire("a", 1, "two", now(), LEASE)
    clock.sleep(75)
    assert deliveries.acquire("a", 0, "two", now(), LEASE)
    with pytest.raises(ClientError):
        deliveries.record_progress("a", 0, "one", ["7"], [])
    deliveries.release("a", 0, "one")
    with pytest.raises(NotYetError):
        deliveries.acquire("a", 0, "three", now(), LEASE)
    deliveries.release("a", 0, "two")
    assert deliveries.acquire("a", 0, "three", now(), LEASE)


def test_progress_is_read_back(deliveries: Deliveries) -> None:
    deliveries.acquire("a", 0, "one", now(), LEASE)
    deliveries.record_progress("a", 0, "one", ["1", "2"], [])
    deliveries.record_progress("a", 0, "one", [], ["3"])
    deliveries.record_progress("a", 0, "one", ["2", "4"], ["5"])
    deliveries.release("a", 0, "one")
    progress = deliveries.acquire("a", 0, "two", now(), LEASE)
    assert progress == Progress(frozenset({"1", "2", "4"}), frozenset({"3", "5"}))
    assert progress.done == {"1", "2", "3", "4", "5"}


def test_a_part_is_finished_and_counted_once(aws: Cloud, deliveries: Deliveries, milestone: Milestone) -> None:
    deliveries.plan(milestone, Plan((), 3), now())
    deliveries.acquire(milestone.id, 0, "one", now(), LEASE)
    progress = Progress(frozenset({"1", "2"}), frozenset({"3"}))
    for _ in range(2):
        deliveries.finish(milestone.id, 0, progress, milestone, 3, now())
    assert tally(aws, milestone) == DeliveryTally(3, 2, 1)
    assert deliveries.acquire(milestone.id, 0, "two", now(), LEASE) is None


def test_subscribers_who_came_or_went_since_the_plan_are_counted_at_the_end(
    aws: Cloud, deliveries: Deliveries, milestone: Milestone
) -> None:
    deliveries.plan(milestone, Plan(("30",), 40), now())
    deliveries.finish(milestone.id, 0, Progress(frozenset(map(str, range(28))), frozenset()), milestone, 30, now())
    assert tally(aws, milestone) == DeliveryTally(38, 28, 0)
    deliveries.finish(milestone.id, 1, Progress(frozenset(map(str, range(14))), frozenset("x")), milestone, 10, now())
    assert tally(aws, milestone) == DeliveryTally(43, 42, 1)


def test_an_alerts_progress_is_kept_for_a_week_and_for_another_when_it_is_reopened(
    aws: Cloud, deliveries: Deliveries, milestone: Milestone, clock: ControlledClock
) -> None:
    """A message may wait for days, and somebody must then see why it failed: nobody is notified again meanwhile."""

    def kept() -> dict[str, timedelta]:
        items = aws.table("AUDIENCE_TABLE").scan()["Items"]
        return {item["sk"]: timedelta(seconds=int(item["expires_at"]) - int(now().timestamp())) for item in items}

    deliveries.plan(milestone, Plan((), 1), now())
    clock.sleep(86_400)
    deliveries.acquire(milestone.id, 0, "one", now(), LEASE)
    assert kept() == {"plan": timedelta(days=6), "part#00000": timedelta(days=7)}
    deliveries.record_progress(milestone.id, 0, "one", [], ["1"])
    deliveries.finish(milestone.id, 0, Progress(frozenset(), frozenset("1")), milestone, planned=1, now=now())
    clock.sleep(86_400)
    deliveries.reopen(milestone.id, now())
    assert kept()["part#00000"] == timedelta(days=7)


def test_the_next_attempt_knows_who_was_tried_in_vain(deliveries: Deliveries) -> None:
    deliveries.acquire("a", 0, "one", now(), LEASE)
    deliveries.release("a", 0, "one", {"7": 2})
    progress = deliveries.acquire("a", 0, "two", now(), LEASE)
    assert progress
    assert progress.tries == {"7": 2}


def test_who_failed_may_be_tried_again_and_is_counted_once(
    aws: Cloud, deliveries: Deliveries, milestone: Milestone
) -> None:
    deliveries.plan(milestone, Plan((), 4), now())
    deliveries.acquire(milestone.id, 0, "one", now(), LEASE)
    deliveries.record_progress(milestone.id, 0, "one", ["1"], ["2", "3", "4"])
    deliveries.finish(milestone.id, 0, Progress(frozenset("1"), frozenset("234")), milestone, planned=4, now=now())
    assert deliveries.reopen(milestone.id, now()) == 3
    assert deliveries.reopen(milestone.id, now()) == 0
    assert tally(aws, milestone) == DeliveryTally(4, 1, 3)
    again = deliveries.acquire(milestone.id, 0, "two", now(), LEASE)
    assert again
    assert (again.delivered, again.failed) == (frozenset("1"), frozenset())
    assert again.retried == frozenset("234")
    deliveries.record_progress(milestone.id, 0, "two", ["2", "3"], ["4"])
    outcome = Progress(frozenset("123"), frozenset("4"), counted=again.counted)
    deliveries.finish(milestone.id, 0, outcome, milestone, planned=4, now=now())
    assert tally(aws, milestone) == DeliveryTally(4, 3, 1)
    assert deliveries.reopen(milestone.id, now()) == 1


def test_a_part_that_is_unfinished_or_without_failures_is_not_reopened(
    deliveries: Deliveries, milestone: Milestone
) -> None:
    deliveries.acquire(milestone.id, 0, "one", now(), LEASE)
    deliveries.record_progress(milestone.id, 0, "one", ["1"], ["2"])
    deliveries.finish(milestone.id, 1, Progress(frozenset("3"), frozenset()), None, planned=1, now=now())
    assert deliveries.reopen(milestone.id, now()) == 0
    assert deliveries.acquire(milestone.id, 1, "one", now(), LEASE) is None
