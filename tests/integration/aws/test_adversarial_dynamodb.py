"""The adversarial DynamoDB shows what AWS's may show, and what all adapters share copes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import get, get_many, query_all, transact
from cairn.aws.dynamodb import table as adapter_table
from testing import adversarial_dynamodb
from testing.adversarial_dynamodb import LAG, adversarial, catch_up, in_a_function
from testing.clock import START, ControlledClock
from testing.cloud import Cloud
from testing.dynamodb import stored

TRIES = 60


@pytest.fixture
def adversary(request: pytest.FixtureRequest, aws: Cloud) -> Iterator[Cloud]:
    """A function at work beside an adversary, in an ordinary run too."""
    with adversarial(f"1 {request.node.nodeid}"):
        yield aws


def channels() -> Any:
    return adapter_table("channels_table")


def item(sort_key: str, **values: object) -> dict[str, Any]:
    return {"pk": "things", "sk": sort_key, **values}


def seen(read: Callable[[], Any]) -> list[Any]:
    return [read() for _ in range(TRIES)]


def numbers(table: Any, *, consistent: bool = False) -> list[int]:
    """What reads of an item that was 1, 2 and 3 in turn find; 0 is that it does not exist."""
    for number in (1, 2, 3):
        table.put_item(Item=item("a", number=number))
    found = seen(lambda: get(table, {"pk": "things", "sk": "a"}, consistent=consistent))
    return [int(one["number"]) if one else 0 for one in found]


@pytest.mark.usefixtures("adversary")
def test_a_read_that_is_not_consistent_shows_any_state_of_the_last_second_and_goes_back_and_forth() -> None:
    found = numbers(channels())
    assert set(found) == {0, 1, 2, 3}
    assert found != sorted(found)


@pytest.mark.usefixtures("adversary")
def test_a_consistent_read_shows_what_was_written_last() -> None:
    assert set(numbers(channels(), consistent=True)) == {3}


@pytest.mark.usefixtures("adversary")
def test_after_a_second_every_copy_is_alike(clock: ControlledClock) -> None:
    numbers(channels())
    clock.sleep(LAG)
    found = seen(lambda: get(channels(), {"pk": "things", "sk": "a"}))
    assert {int(one["number"]) for one in found} == {3}


@pytest.mark.usefixtures("adversary")
def test_a_list_lags_too_and_what_was_deleted_may_still_be_on_it() -> None:
    table = channels()
    table.put_item(Item=item("a"))
    table.put_item(Item=item("b"))
    table.delete_item(Key=item("a"))
    lists = seen(lambda: "".join(one["sk"] for one in query_all(table, Key("pk").eq("things"))))
    assert set(lists) == {"", "a", "ab", "b"}
    batches = seen(lambda: len(get_many(table, [item("a"), item("b")])))
    assert set(batches) == {0, 1, 2}
    consistent = seen(lambda: get_many(table, [item("a"), item("b")], consistent=True))
    assert all(batch == [item("b")] for batch in consistent)


@pytest.mark.usefixtures("adversary")
def test_a_global_index_always_lags_and_a_local_one_only_if_asked_to() -> None:
    adapter_table("milestones_table").put_item(Item=item("a", listing="all", achieved="2026"))
    listed = seen(
        lambda: len(
            adapter_table("milestones_table").query(
                IndexName="by_time", KeyConditionExpression=Key("listing").eq("all")
            )["Items"]
        )
    )
    assert set(listed) == {0, 1}
    board = adapter_table("leaderboard_table")
    board.put_item(Item=item("a", score=1))
    for consistent, expected in ((True, {1}), (False, {0, 1})):
        options: Any = {"IndexName": "by_score", "ConsistentRead": consistent}
        found = seen(lambda options=options: len(list(query_all(board, Key("pk").eq("things"), **options))))  # type: ignore[misc]  # mypy infers no default
        assert set(found) == expected


def test_what_a_test_wrote_before_a_function_runs_was_written_long_ago(aws: Cloud) -> None:
    adversarial_dynamodb.begin("1")
    channels().put_item(Item=item("a"))
    with in_a_function():
        assert all(seen(lambda: get(channels(), item("a"))))
        channels().put_item(Item=item("b"))
        assert None in seen(lambda: get(channels(), item("b")))
        catch_up()
        assert all(seen(lambda: get(channels(), item("b"))))
    adversarial_dynamodb.begin(None)


@pytest.mark.usefixtures("adversary")
def test_a_query_ends_its_pages_early_and_may_find_nothing_on_one() -> None:
    table = channels()
    for number in range(9):
        table.put_item(Item=item(str(number), even=number % 2 == 0))
    even = {"FilterExpression": Attr("even").eq(True), "ConsistentRead": True}
    pages = seen(lambda: table.query(KeyConditionExpression=Key("pk").eq("things"), **even))
    assert {"LastEvaluatedKey" in page for page in pages} == {True, False}
    assert all(page["ScannedCount"] >= 2 for page in pages)
    everything = seen(lambda: [one["sk"] for one in query_all(table, Key("pk").eq("things"), ConsistentRead=True)])
    assert all(one == [str(number) for number in range(9)] for one in everything)


@pytest.mark.usefixtures("adversary")
def test_a_batch_answers_in_part_and_get_many_asks_for_the_rest() -> None:
    table = channels()
    for number in range(9):
        table.put_item(Item=item(str(number)))
    keys = [item(str(number)) for number in range(9)]
    asked = {table.name: {"Keys": keys, "ConsistentRead": True}}
    answers = seen(lambda: table.meta.client.batch_get_item(RequestItems=asked))
    left = [answer["UnprocessedKeys"][table.name] for answer in answers if answer["UnprocessedKeys"]]
    assert left
    assert all(one["ConsistentRead"] and 1 <= len(one["Keys"]) < 9 for one in left)
    assert all(len(batch) == 9 for batch in seen(lambda: get_many(table, keys, consistent=True)))
    with table.batch_writer() as batch:  # which asks again for what is left
        for key in keys:
            batch.delete_item(Key=key)
    assert table.query(KeyConditionExpression=Key("pk").eq("things"), ConsistentRead=True)["Items"] == []


def adding(table: Any) -> list[Any]:
    update = {
        "TableName": table.name,
        "Key": item("a"),
        "UpdateExpression": "ADD amount :one",
        "ExpressionAttributeValues": {":one": 1},
    }
    return [{"Update": update}]


@pytest.mark.usefixtures("adversary")
def test_a_conflict_cancels_a_transaction_and_transact_makes_it_again() -> None:
    table = channels()
    cancelled: list[Any] = []
    for _ in range(TRIES):
        try:
            table.meta.client.transact_write_items(TransactItems=adding(table))
        except ClientError as error:
            cancelled.append(error.response)
    assert 0 < len(cancelled) < TRIES / 2
    assert {reason["Code"] for answer in cancelled for reason in answer["CancellationReasons"]} == {
        "TransactionConflict"
    }
    for _ in range(TRIES):
        assert transact(table, adding(table))
    (stored_item,) = stored("CHANNELS_TABLE").items()
    assert stored_item["amount"] == {"N": str(2 * TRIES - len(cancelled))}


@pytest.mark.usefixtures("adversary")
def test_a_plain_write_of_an_item_that_a_transaction_writes_is_made_again() -> None:
    """botocore does not do so by itself."""
    plain = boto3.resource("dynamodb").Table("channels_table")
    assert transact(plain, adding(plain))
    rejected: list[str] = []
    for number in range(TRIES):
        channels().put_item(Item=item("a", number=number))
        try:
            plain.put_item(Item=item("a", number=number))
        except ClientError as error:
            rejected.append(error.response["Error"]["Code"])
    assert 0 < len(rejected) < TRIES / 2
    assert set(rejected) == {"TransactionConflictException"}
    for _ in range(TRIES):
        channels().put_item(Item=item("alone"))  # no transaction writes it


@pytest.mark.usefixtures("adversary")
def test_the_pause_of_a_refused_client_is_not_on_the_clock_and_every_other_sleep_is(clock: ControlledClock) -> None:
    table = channels()
    for _ in range(TRIES):
        assert transact(table, adding(table))
    assert clock.now() == START
    rejected = 0
    for _ in range(TRIES):
        try:
            table.meta.client.transact_write_items(TransactItems=adding(table))
        except ClientError:
            rejected += 1
            clock.sleep(1)  # it waits, as one that tries again does
            clock.sleep(5)
    assert clock.now() == START + rejected * timedelta(seconds=5)


def test_ttl_deletes_some_items_at_once_and_leaves_others_for_days(
    request: pytest.FixtureRequest, aws: Cloud, clock: ControlledClock
) -> None:
    adversarial_dynamodb.begin(f"1 {request.node.nodeid}")
    stats = aws.table("STATS_TABLE")
    until = int(clock.now().timestamp()) + 60
    for number in range(20):
        stats.put_item(Item={"subject": f"one:{number}", "expires_at": until})
        stats.put_item(Item={"subject": f"kept:{number}"})
    for after, fewer in ((60, False), (1, True), (86_400, True)):
        clock.sleep(after)
        left = {one["subject"] for one in stats.scan(ConsistentRead=True)["Items"]}
        assert len([one for one in left if one.startswith("kept:")]) == 20
        assert 0 < len(left) - 20 <= 20
        assert (len(left) < 40) is fewer
    deletions = [one for one in stored("STATS_TABLE").records() if one["eventName"] == "REMOVE"]
    assert len(deletions) == 40 - len(left)
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert all(one["userIdentity"] == service for one in deletions)
    adversarial_dynamodb.begin(None)
