"""A batch has a result for each event, in their order, and one bad event spoils only itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws import dynamodb
from cairn.clock import iso, now
from cairn.readings.stats import Stats
from cairn.usage.events import UsageEvent
from cairn.usage.reading import subject_of
from cairn.usage.tracking import _chunks, _rounds
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.dynamodb import stored
from testing.logs import Written
from testing.outages import failing
from testing.product import Product


def event(user: str = "ada", kind: str = "reply", **fields: Any) -> dict[str, Any]:
    return {"userId": user, "type": kind, **fields}


def total(user: str = "ada", metric: str = "replies") -> object:
    reading = Stats(dynamodb.table("stats_table")).get(subject_of(user))
    return reading.metrics.get(metric) if reading else None


def calls_of(table: Any, *operations: str) -> list[str]:
    """The operations that are called from now on."""
    seen: list[str] = []
    for operation in operations:
        table.meta.client.meta.events.register(
            f"provide-client-params.dynamodb.{operation}", lambda _seen=seen, _name=operation, **_: _seen.append(_name)
        )
    return seen


def test_results_are_in_the_order_of_the_events_whoever_they_are_of(product: Product) -> None:
    users = ["ada", "grace", "ada", "linus", "grace", "ada"]
    results = product.batch(*(event(user, count=number + 1) for number, user in enumerate(users)))
    assert [result["status"] for result in results] == ["counted"] * 6
    assert [result["lifetimeTotal"] for result in results] == [1, 2, 4, 4, 7, 10]


def test_one_bad_event_spoils_only_itself(product: Product) -> None:
    product.tracked(id="known")
    yesterday = iso(now() - timedelta(hours=20))
    results = product.batch(
        event(),
        "nonsense",
        event(kind="replys"),
        event(count=-50),
        event(at=iso(now() - timedelta(days=3))),
        event(id="known"),
        event(id="known", count=2),
        event(at=yesterday),
        event("gr ace"),
        event("grace"),
    )
    assert [result["status"] for result in results] == [
        "counted",
        *["rejected"] * 4,
        "duplicate",
        "rejected",
        "late",
        "rejected",
        "counted",
    ]
    errors = [result.get("error", "").partition(":")[0] for result in results]
    assert errors[2:5] == ["type", "below_zero", "too_old"]
    assert errors[6] == "id"
    assert not any(result.get("retry") for result in results)
    assert (total(), total("grace")) == (3, 1)


def test_all_events_of_a_user_are_one_read_and_one_write(product: Product) -> None:
    product.batch(event())
    calls = calls_of(dynamodb.table("stats_table"), "GetItem", "PutItem", "TransactWriteItems")
    product.batch(*(event() for _ in range(500)))
    assert calls == ["GetItem", "PutItem"]
    calls.clear()
    product.batch(*(event(id=str(number)) for number in range(99)))
    assert calls == ["GetItem", "TransactWriteItems"]
    calls.clear()
    product.batch(*(event(id=f"again {number}") for number in range(100)))
    assert calls == ["GetItem", "TransactWriteItems", "TransactWriteItems"], "what was just stored is known"
    assert total() == 700


def test_the_milestones_stand_at_the_last_event_that_was_stored_together(product: Product, aws: Cloud) -> None:
    results = product.batch(*(event() for _ in range(12)), event(count=-100), event("grace"))
    assert [len(result.get("milestones", [])) for result in results] == [0] * 11 + [1, 0, 1]
    assert results[11]["milestoneReached"] == 10
    assert results[11]["milestones"][0]["alsoPassed"] == [{"threshold": 1, "label": "1"}]
    assert results[0]["isFirst"] is True
    assert len(aws.changes()) == 2


def test_a_batch_sent_again_is_nothing_but_duplicates(product: Product) -> None:
    events = [event(user, id=f"{user} {number}") for number in range(30) for user in ("ada", "grace")]
    first = product.batch(*events)
    assert {result["status"] for result in first} == {"counted"}
    again = product.batch(*events)
    assert {result["status"] for result in again} == {"duplicate"}
    partly = product.batch(*events, event(id="new"))
    assert [result["status"] for result in partly] == ["duplicate"] * 60 + ["counted"]
    assert (total(), total("grace")) == (31, 30)


def test_an_id_twice_in_a_batch_counts_once(product: Product) -> None:
    results = product.batch(event(id="1"), event(id="1"), event(id="1", count=2), event("grace", id="1"))
    assert [result["status"] for result in results] == ["counted", "duplicate", "rejected", "rejected"]
    assert (total(), total("grace")) == (1, None)


def test_a_bad_event_does_not_take_its_id_with_it(product: Product) -> None:
    results = product.batch(event(id="1", count=-5), event(id="1"), event("grace", id="2", count=-1), event(id="2"))
    assert [result["status"] for result in results] == ["rejected", "counted", "rejected", "counted"]


def test_a_correction_after_what_it_corrects_is_accepted_in_one_batch(product: Product) -> None:
    results = product.batch(event(count=5), event(count=-5), event(count=-1))
    assert [result["status"] for result in results] == ["counted", "counted", "rejected"]


def test_late_repeated_and_out_of_order_events_come_to_the_same(product: Product) -> None:
    hours = (1, 30, 2, 47, 25, 3, 1, 30)
    events = [event(id=f"{hour}", at=iso(now() - timedelta(hours=hour))) for hour in hours]
    product.batch(*events)
    product.batch(*reversed(events))
    other = [event("grace", id=f"g{hour}", at=iso(now() - timedelta(hours=hour))) for hour in sorted(set(hours))]
    for one in other:
        product.batch(one)
    states = {
        item["subject"]["S"]: (json.loads(item["state"]["S"]), item["metrics"])
        for item in stored("STATS_TABLE").items()
    }
    assert states["user:ada"] == states["user:grace"]
    assert total() == 6


@pytest.mark.parametrize("operation", ["GetItem", "TransactWriteItems"])
def test_a_failure_of_aws_concerns_one_users_events_which_may_be_sent_again(
    product: Product, logs: Written, operation: str
) -> None:
    product.batch(event("ada"), event("grace"))

    def of_ada(params: dict[str, Any]) -> bool:
        return "ada" in json.dumps(params, default=str)

    events = [event("ada", id="1"), event("grace", id="2"), event("ada", id="3")]
    with failing(dynamodb.table("stats_table"), operation, when=of_ada):
        results = product.batch(*events)
    assert [(result["status"], result.get("retry")) for result in results] == [
        ("rejected", True),
        ("counted", None),
        ("rejected", True),
    ]
    assert results[0]["error"].startswith("not_stored: ")
    assert [line["subject"] for line in logs.lines if line["message"] == "usage not stored"] == ["user:ada"]
    assert logs.metrics["UsageNotStored"] == [2]
    assert [result["status"] for result in product.batch(*events)] == ["counted", "duplicate", "counted"]
    assert (total("ada"), total("grace")) == (3, 2)


def test_what_was_stored_before_a_failure_is_answered_as_counted(product: Product) -> None:
    events = [event(id=str(number)) for number in range(150)]
    with failing(
        dynamodb.table("stats_table"), "TransactWriteItems", when=lambda call: len(call["TransactItems"]) < 90
    ):
        results = product.batch(*events)
    assert [result["status"] for result in results] == ["counted"] * 99 + ["rejected"] * 51
    assert {result["retry"] for result in results[99:]} == {True}
    assert [result["status"] for result in product.batch(*events)] == ["duplicate"] * 99 + ["counted"] * 51
    assert total() == 150


def test_other_writers_who_are_always_faster_mean_another_try(product: Product) -> None:
    conflict: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "no"},
        "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
    }
    with failing(dynamodb.table("stats_table"), "TransactWriteItems", conflict):
        answer = product.track(id="1")
        (result,) = product.batch(event(id="1"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.error == "too many concurrent updates of user:ada; try again"
    assert (result["status"], result["retry"], result["error"]) == ("rejected", True, answer.error)


def test_a_user_whose_item_is_broken_spoils_no_other_ones_events(product: Product, aws: Cloud, logs: Written) -> None:
    product.batch(event("ada"), event("grace"))
    aws.table("STATS_TABLE").update_item(
        Key={"subject": "user:ada"},
        UpdateExpression="SET #state = :broken",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":broken": "{}"},
    )
    results = product.batch(event("ada"), event("grace"))
    assert [result["status"] for result in results] == ["rejected", "counted"]
    assert [line["level"] for line in logs.lines if line["message"] == "usage failed"] == ["ERROR"]


def test_what_there_is_no_time_for_may_be_sent_again(product: Product) -> None:
    results = product.batch(event("ada"), event("grace"), seconds=11)
    assert {(result["status"], result["retry"]) for result in results} == {("rejected", True)}
    assert results[0]["error"] == "not_stored: the time was up; send it again"
    assert total() is None


def test_an_empty_batch_has_no_results(product: Product) -> None:
    assert product.batch() == []


def test_an_event_of_another_user_with_the_same_id_waits_for_the_next_round() -> None:
    events = [
        UsageEvent("ada", "reply", "replies", id="1"),
        UsageEvent("grace", "reply", "replies", id="2"),
        UsageEvent("grace", "reply", "replies", id="1"),
        UsageEvent("grace", "reply", "replies", id="3"),
        UsageEvent("linus", "reply", "replies"),
        UsageEvent("ada", "reply", "replies", id="3"),
    ]
    assert list(_rounds(events)) == [[[0, 5], [1], [4]], [[2, 3]]]


def test_events_are_cut_where_a_transaction_is_full() -> None:
    with_id = [UsageEvent("ada", "reply", "replies", id=str(number)) for number in range(200)]
    without = [UsageEvent("ada", "reply", "replies")] * 500
    assert [len(chunk) for chunk in _chunks([*without, *with_id, *without])] == [599, 99, 502]
    assert [len(chunk) for chunk in _chunks(without)] == [500]


# -- at the same time


def test_fifty_threads_on_one_user_count_each_event_once(product: Product) -> None:
    product.tracked()

    def send(number: int) -> Any:
        return product.track(id=str(number)) if number % 2 else product.track()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(100)))
    assert [answer.status for answer in answers] == [200] * 100
    assert total() == 101
    totals = [answer.json["lifetimeTotal"] for answer in answers]
    assert sorted(totals) == list(range(2, 102)), "each answer is of a moment of its own"
    reached = [one["threshold"] for answer in answers for one in answer.json["milestones"] if one["type"] == "replies"]
    assert sorted(reached) == [10, 50, 100]


def test_fifty_threads_with_one_event_count_it_once(product: Product) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = [answer.json for answer in pool.map(lambda _: product.track(id="the same"), range(50))]
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 49
    assert total() == 1


def test_a_thousand_users_at_once_are_counted_once_each(product: Product, clock: ControlledClock) -> None:
    events = [event(f"u{number}", id=f"e{number}") for number in range(1000)]
    halves = [events[:600], events[400:]]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda half: product.batch(*half), halves))
    statuses = [result["status"] for results in found for result in results]
    assert (statuses.count("counted"), statuses.count("duplicate")) == (1000, 200)
    items = stored("STATS_TABLE").items()
    assert len(items) == 1000
    assert {item["metrics"]["M"]["replies"]["N"] for item in items} == {"1"}
