"""What is written along with a reading is written with it or not at all, whatever others do and whatever gets lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws import dynamodb
from cairn.aws.dynamodb import Item
from cairn.clock import now
from cairn.errors import ContentionError
from cairn.model import Reading, Subject, new_trace_id
from cairn.readings.along import MAX_ALONG, Action, AlongError
from cairn.readings.stats import MAX_ATTEMPTS, Stats
from testing.cloud import Cloud
from testing.interleaving import before_next_write
from testing.outages import failing

ADA = Subject("user", "ada")


def counted(stored: Reading | None) -> Reading:
    """One reply more than what is stored, and a millisecond later."""
    if stored is None:
        return Reading(ADA, "ada", {"replies": 1}, now(), "usage", new_trace_id())
    replies, at = stored.metrics["replies"] + 1, stored.as_of + timedelta(milliseconds=1)
    return replace(stored, metrics={"replies": replies}, as_of=at, trace_id=new_trace_id())


def claim(number: int, reading: Reading) -> Action:
    item = {"pk": f"event#{number}", "sk": "event", "trace_id": reading.trace_id}
    return {"Put": {"TableName": "usage_table", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def claims(*numbers: int) -> Any:
    return lambda reading: [claim(number, reading) for number in numbers]


@pytest.fixture
def stats(aws: Cloud) -> Stats:
    return Stats(dynamodb.table("stats_table"))


def replies(stats: Stats) -> object:
    reading = stats.get(ADA)
    return reading.metrics["replies"] if reading else None


def claimed(aws: Cloud) -> list[str]:
    items: list[Item] = aws.table("USAGE_TABLE").scan(ConsistentRead=True)["Items"]
    return sorted(item["pk"] for item in items)


def refusal(*codes: str) -> Any:
    reasons = [{"Code": code} for code in codes]
    return {"Error": {"Code": "TransactionCanceledException", "Message": "no"}, "CancellationReasons": reasons}


def test_both_are_written(aws: Cloud, stats: Stats) -> None:
    old, new = stats.update(ADA, counted, along=claims(1, 2))
    assert (old, new.metrics["replies"]) == (None, 1)
    assert stats.get(ADA) == new
    assert claimed(aws) == ["event#1", "event#2"]
    assert len(aws.changes()) == 1


def test_an_item_that_is_in_the_way_is_named_and_nothing_is_written(aws: Cloud, stats: Stats) -> None:
    stats.update(ADA, counted, along=claims(1))
    aws.changes()
    with pytest.raises(AlongError) as failed:
        stats.update(ADA, counted, along=claims(2, 1, 3))
    ((number, stored),) = failed.value.stored.items()
    assert number == 1
    assert stored
    assert stored["pk"] == "event#1"
    assert replies(stats) == 1
    assert claimed(aws) == ["event#1"]
    assert aws.changes() == []


def test_a_reading_that_others_changed_meanwhile_is_read_again(aws: Cloud, stats: Stats) -> None:
    table = dynamodb.table("stats_table")
    with before_next_write(table, lambda: stats.update(ADA, counted)):
        stats.update(ADA, counted, along=claims(1))
    with before_next_write(table, lambda: stats.update(ADA, counted)):
        stats.update(ADA, counted, along=claims(2))
    assert replies(stats) == 4
    assert claimed(aws) == ["event#1", "event#2"]


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_one_is_repeated(aws: Cloud, stats: Stats, code: str) -> None:
    with failing(dynamodb.table("stats_table"), "TransactWriteItems", refusal("None", code), times=3) as failed:
        stats.update(ADA, counted, along=claims(1))
    assert len(failed) == 3
    assert replies(stats) == 1
    assert claimed(aws) == ["event#1"]


def test_a_plain_update_that_meets_a_transaction_is_repeated(stats: Stats) -> None:
    conflict: Any = {"Error": {"Code": "TransactionConflictException", "Message": "no"}}
    with failing(dynamodb.table("stats_table"), "PutItem", conflict, times=7) as failed:
        stats.update(ADA, counted)
    assert len(failed) == 7
    assert replies(stats) == 1


def test_other_writers_who_are_always_faster_are_said_to_be(stats: Stats) -> None:
    conflict = refusal("TransactionConflict", "None")
    with (
        failing(dynamodb.table("stats_table"), "TransactWriteItems", conflict) as failed,
        pytest.raises(ContentionError, match="user:ada"),
    ):
        stats.update(ADA, counted, along=claims(1))
    assert len(failed) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "answer",
    [
        refusal("None", "ValidationError"),
        refusal("ItemCollectionSizeLimitExceeded", "None"),
        {"Error": {"Code": "AccessDeniedException", "Message": "no"}},
    ],
    ids=str,
)
def test_what_no_repeat_would_mend_is_raised(stats: Stats, answer: Any) -> None:
    with (
        failing(dynamodb.table("stats_table"), "TransactWriteItems", answer) as failed,
        pytest.raises(ClientError),
    ):
        stats.update(ADA, counted, along=claims(1))
    assert len(failed) == 1


@pytest.mark.parametrize("remembers", [True, False], ids=["with the same token", "after the token was forgotten"])
def test_an_update_whose_answer_was_lost_is_not_made_twice(aws: Cloud, stats: Stats, remembers: bool) -> None:
    """botocore repeats the call with its token; later than ten minutes, the item along is recognised as this one's."""
    table = dynamodb.table("stats_table")
    lost, other = iter([True]), Stats(aws.table("STATS_TABLE"))

    def take_effect_before(params: dict[str, Any], **_: Any) -> None:
        if next(lost, False):
            params.setdefault("ClientRequestToken", "a token")
            token = {} if remembers else {"ClientRequestToken": "another token"}
            aws.table("STATS_TABLE").meta.client.transact_write_items(**params | token)
            other.update(ADA, counted)

    table.meta.client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", take_effect_before)
    _, new = stats.update(ADA, counted, along=claims(1))
    assert new.metrics["replies"] == 1
    assert replies(stats) == 2, "this update and the other one"
    assert claimed(aws) == ["event#1"]


def test_a_transaction_has_room_for_so_many_items(aws: Cloud, stats: Stats) -> None:
    stats.update(ADA, counted, along=claims(*range(MAX_ALONG)))
    assert len(claimed(aws)) == MAX_ALONG
    with pytest.raises(ValueError, match="room for 99"):
        stats.update(ADA, counted, along=claims(*range(200, 300)))
    assert replies(stats) == 1


def test_updates_at_the_same_time_are_neither_lost_nor_doubled(aws: Cloud, stats: Stats) -> None:
    stats.update(ADA, counted)

    def act(number: int) -> None:
        stats.update(ADA, counted, along=claims(number) if number % 2 else None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(40)))
    assert replies(stats) == 41
    assert len(claimed(aws)) == 20
