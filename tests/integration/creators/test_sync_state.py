"""How far a sync has come: one worker at a time, progress that survives a crash, and failures that wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cairn.clock import now
from cairn.creators.sync_state import Drift, Failure, SyncState, SyncStates
from testing.adversarial_dynamodb import catch_up
from testing.clock import ControlledClock
from testing.cloud import Cloud

LEASE = timedelta(seconds=120)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def states(aws: Cloud) -> SyncStates:
    return SyncStates(aws.table("CREATORS_TABLE"))


def test_a_creator_of_whom_nothing_is_stored_has_an_empty_state(states: SyncStates) -> None:
    assert states.get("mia") == SyncState("mia")
    states.begin("ada", "w1", now(), LEASE)
    catch_up()
    found = states.get_many(["mia", "ada", "mia"])
    assert found["mia"] == SyncState("mia")
    assert found["ada"].lease == "w1"
    assert len(found) == 2


def test_one_worker_syncs_a_creator_until_its_lease_ends(states: SyncStates, clock: ControlledClock) -> None:
    begun = states.begin("mia", "w1", now(), LEASE)
    assert begun == SyncState("mia", started_at=now(), lease="w1", lease_until=now() + LEASE)
    assert states.begin("mia", "w2", now(), LEASE) is None
    assert states.begin("mia", "w1", now(), LEASE) == begun
    assert states.begin("ada", "w2", now(), LEASE)
    clock.sleep(120)
    taken = states.begin("mia", "w2", now(), LEASE)
    assert taken
    assert (taken.lease, taken.started_at) == ("w2", begun.started_at)
    for lost in (
        states.progress("mia", "w1", now(), LEASE, backfilled_until=now()),
        states.succeeded("mia", "w1", at=now(), until=now()),
        states.failed("mia", "w1", at=now(), code="x", message="x", not_before=now()),
        states.release("mia", "w1"),
    ):
        assert lost is None
    assert states.get("mia") == taken


def test_a_sync_that_ended_before_it_was_through_goes_on_where_it_was(
    states: SyncStates, clock: ControlledClock
) -> None:
    begin = now()
    states.begin("mia", "w1", begin, LEASE)
    states.progress("mia", "w1", now(), LEASE, backfilled_until=begin - timedelta(days=3))
    states.release("mia", "w1")
    clock.sleep(5)
    state = states.begin("mia", "w2", now(), LEASE)
    assert state
    assert (state.started_at, state.backfilled_until) == (begin, begin - timedelta(days=3))
    states.failed("mia", "w2", at=now(), code="unavailable", message="503", not_before=now())
    again = states.begin("mia", "w3", now(), LEASE)
    assert again
    assert (again.started_at, again.backfilled_until) == (begin, begin - timedelta(days=3))


def test_success_forgets_failures_and_what_was_under_way_and_keeps_the_rest(
    states: SyncStates, clock: ControlledClock
) -> None:
    states.audience("mia", now(), "p=3")
    states.begin("mia", "w1", now(), LEASE)
    states.failed("mia", "w1", at=now(), code="unavailable", message="503", not_before=now() + MINUTE)
    clock.sleep(60)
    begin = now()
    states.begin("mia", "w1", begin, LEASE)
    clock.sleep(3)
    drift = Drift(1, 2, -300)
    done = states.succeeded(
        "mia", "w1", at=now(), until=begin, deep_on=date(2026, 11, 20), flows_until=begin, drift=drift
    )
    assert done == SyncState(
        "mia",
        synced_until=begin,
        synced_at=now(),
        deep_on=date(2026, 11, 20),
        flows_until=begin,
        drift=drift,
        audience_at=begin - MINUTE,
        audience_hints="p=3",
    )
    states.begin("mia", "w1", now(), LEASE)
    later = states.succeeded("mia", "w1", at=now(), until=now())
    assert later == replace(done, synced_until=now())


def test_failures_are_counted_since_the_first_and_wait(states: SyncStates, clock: ControlledClock) -> None:
    first = now()
    for number in (1, 2):
        states.begin("mia", "w", now(), LEASE)
        failed = states.failed(
            "mia", "w", at=now(), code="reconnect", message="m" * 900, not_before=now() + number * MINUTE
        )
        assert failed
        assert failed.failure == Failure("reconnect", "m" * 500, first, number, now() + number * MINUTE)
        assert (failed.lease, failed.lease_until) == (None, None)
        assert failed.waits(now())
        assert not failed.audience_waits(now())
        clock.sleep(60 * number)
        assert not failed.waits(now())


def test_an_audience_fails_beside_the_sync_and_recovers(states: SyncStates, clock: ControlledClock) -> None:
    states.audience_failed("mia", at=now(), code="unavailable", message="503", not_before=now() + MINUTE)
    state = states.get("mia")
    assert state.failure is None
    assert state.audience_failure == Failure("unavailable", "503", now(), 1, now() + MINUTE)
    assert state.audience_waits(now())
    clock.sleep(60)
    states.audience("mia", now(), "hints")
    assert states.get("mia") == SyncState("mia", audience_at=now(), audience_hints="hints")
    states.audience("mia", now() - MINUTE, "older")
    assert states.get("mia").audience_hints == "hints"


def test_the_first_sync_is_noted_once(states: SyncStates, clock: ControlledClock) -> None:
    first = now()
    states.first_synced("mia", first)
    clock.sleep(60)
    states.first_synced("mia", now())
    assert states.get("mia").first_synced_at == first


def test_drift_is_noted_by_itself(states: SyncStates) -> None:
    states.drifted("mia", Drift(waiting=1, amount=500))
    assert states.get("mia").drift == Drift(1, 0, 500)


def test_mended_credentials_are_tried_at_once(states: SyncStates) -> None:
    for creator in ("mia", "ada"):
        states.begin(creator, "w", now(), LEASE)
        states.failed(creator, "w", at=now(), code="reconnect", message="m", not_before=now() + MINUTE)
    states.audience_failed("mia", at=now(), code="reconnect", message="m", not_before=now() + MINUTE)
    states.try_again(["mia", "nobody"])
    assert (states.get("mia").failure, states.get("mia").audience_failure) == (None, None)
    assert states.get("ada").failure
    assert states.get("nobody") == SyncState("nobody")


def test_a_write_that_botocore_repeats_because_its_answer_was_lost_succeeds(states: SyncStates) -> None:
    states.begin("mia", "w", now(), LEASE)
    for _ in range(2):
        assert states.succeeded("mia", "w", at=now(), until=now())
    states.begin("mia", "w", now(), LEASE)
    for _ in range(2):
        assert states.failed("mia", "w", at=now(), code="x", message="x", not_before=now())
    assert states.get("mia").failure == Failure("x", "x", now(), 1, now())


def test_a_state_that_nobody_can_read_is_taken_for_none(aws: Cloud, states: SyncStates) -> None:
    aws.table("CREATORS_TABLE").put_item(Item={"pk": "sync#mia", "sk": "state", "synced_at": "?"})
    assert states.get("mia") == states.get_many(["mia"])["mia"] == SyncState("mia")
