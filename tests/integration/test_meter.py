"""The meter against the sizes and examples of DynamoDB's developer guide, and against moto's tables."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from testing.dynamodb import empty_account
from testing.item_sizes import UnmeteredError, item_size, read_blocks, value_size, write_blocks
from testing.meter import Meter, Usage, index_units, metered
from testing.prices import dollars

KILOBYTE = 1024


@pytest.fixture
def meter() -> Iterator[Meter]:
    with empty_account(), metered() as made:
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="things",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "colour")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_colour",
                    "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shape"]},
                }
            ],
        )
        client.create_table(
            TableName="scores",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "score", "AttributeType": "N"},
                {"AttributeName": "age", "AttributeType": "N"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            LocalSecondaryIndexes=[_by("score", "ALL"), _by("age", "KEYS_ONLY")],
        )
        yield made


def _by(attribute: str, projection: str) -> Any:
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": attribute, "KeyType": "RANGE"}]
    return {"IndexName": f"by_{attribute}", "KeySchema": keys, "Projection": {"ProjectionType": projection}}


@pytest.fixture
def things(meter: Meter) -> Any:
    assert meter
    return boto3.resource("dynamodb").Table("things")


@pytest.fixture
def scores(meter: Meter) -> Any:
    assert meter
    return boto3.resource("dynamodb").Table("scores")


def of(size: int, sk: str = "1") -> dict[str, Any]:
    """An item of exactly this many bytes."""
    key = {"pk": "a", "sk": sk}
    return key | {"x": "y" * (size - item_size({name: {"S": value} for name, value in key.items()}) - 1)}


def test_the_guides_shirt_is_23_bytes() -> None:
    assert item_size({"shirt-color": {"S": "R"}, "shirt-size": {"S": "M"}}) == 23


@pytest.mark.parametrize(
    ("tagged", "size"),
    [
        ({"S": "é"}, 2),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "1000000"}, 2),
        ({"N": "123456"}, 4),
        ({"N": "0.00012"}, 2),
        ({"N": "-12"}, 3),
        ({"N": "1" * 38}, 20),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"B": "AAEC"}, 3),
        ({"L": []}, 3),
        ({"M": {}}, 3),
        ({"L": [{"S": "ab"}, {"N": "7"}]}, 3 + 3 + 3),
        ({"M": {"abc": {"S": "de"}}}, 3 + 1 + 3 + 2),
        ({"SS": ["ab", "c"]}, 3),
    ],
)
def test_a_value_is_as_large_as_the_guide_says(tagged: dict[str, Any], size: int) -> None:
    assert value_size(tagged) == size


@pytest.mark.parametrize(("size", "units"), [(0, 1), (500, 1), (1024, 1), (1025, 2), (2048, 2), (400 * 1024, 400)])
def test_a_write_is_rounded_up_to_the_next_kilobyte(size: int, units: int) -> None:
    assert write_blocks(size) == units


@pytest.mark.parametrize(
    ("size", "units"), [(0, 1), (3_584, 1), (4_096, 1), (4_097, 2), (10 * KILOBYTE, 3), (1_500 * 64, 24)]
)
def test_a_read_is_rounded_up_to_the_next_four_kilobytes(size: int, units: int) -> None:
    assert read_blocks(size) == units


def test_a_read_that_may_be_a_moment_old_costs_half(meter: Meter, things: Any) -> None:
    things.put_item(Item=of(10 * KILOBYTE))
    with meter.measuring() as used:
        things.get_item(Key={"pk": "a", "sk": "1"}, ConsistentRead=True)
    assert used.read_units == 3
    with meter.measuring() as used:
        things.get_item(Key={"pk": "a", "sk": "1"})
    assert used.read_units == 1.5


def test_looking_for_what_is_not_there_costs_the_least_there_is(meter: Meter, things: Any) -> None:
    with meter.measuring() as used:
        things.get_item(Key={"pk": "a", "sk": "none"}, ConsistentRead=True)
    assert used.read_units == 1


def test_a_batch_is_rounded_item_by_item_as_in_the_guides_example(meter: Meter, things: Any) -> None:
    things.put_item(Item=of(1_536, "1"))
    things.put_item(Item=of(6_656, "2"))
    keys = [{"pk": "a", "sk": "1"}, {"pk": "a", "sk": "2"}]
    with meter.measuring() as used:
        things.meta.client.batch_get_item(RequestItems={"things": {"Keys": keys, "ConsistentRead": True}})
    assert used.read_units == 3  # 4 KB and 8 KB


def test_a_query_is_rounded_once_and_a_filter_or_count_saves_nothing(meter: Meter, things: Any) -> None:
    for number in range(10):
        things.put_item(Item=of(600, str(number)))
    where: dict[str, Any] = {"KeyConditionExpression": "pk = :a", "ConsistentRead": True}
    for options in (
        {"ExpressionAttributeValues": {":a": "a"}},
        {"ExpressionAttributeValues": {":a": "a"}, "Select": "COUNT"},
        {"ExpressionAttributeValues": {":a": "a"}, "ProjectionExpression": "sk"},
        {"ExpressionAttributeValues": {":a": "a", ":x": "none"}, "FilterExpression": "x = :x"},
    ):
        with meter.measuring() as used:
            things.query(**where, **options)
        assert used.read_units == 2, options  # 6,000 bytes


def test_an_overwriting_put_costs_by_the_larger_of_old_and_new(meter: Meter, things: Any) -> None:
    with meter.measuring() as used:
        things.put_item(Item=of(3 * KILOBYTE))
        things.put_item(Item=of(500))
    assert used.write_units == 3 + 3


def test_an_update_costs_by_the_larger_of_before_and_after_and_a_delete_by_what_goes(meter: Meter, things: Any) -> None:
    things.put_item(Item=of(KILOBYTE))
    with meter.measuring() as used:
        things.update_item(
            Key={"pk": "a", "sk": "1"}, UpdateExpression="SET z = :z", ExpressionAttributeValues={":z": "more"}
        )
    assert used.write_units == 2
    with meter.measuring() as used:
        things.delete_item(Key={"pk": "a", "sk": "1"})
        things.delete_item(Key={"pk": "a", "sk": "1"})
    assert used.write_units == 2 + 1


def test_a_condition_that_says_no_costs_by_the_item_that_is_there(meter: Meter, things: Any) -> None:
    things.put_item(Item=of(2_500))
    with meter.measuring() as used, pytest.raises(ClientError):
        things.put_item(Item=of(100), ConditionExpression="attribute_not_exists(pk)")
    assert used.write_units == 3
    with meter.measuring() as used, pytest.raises(ClientError):
        things.delete_item(Key={"pk": "no", "sk": "no"}, ConditionExpression="attribute_exists(pk)")
    assert used.write_units == 1


def test_a_transaction_costs_double_whether_it_holds_or_not(meter: Meter, things: Any) -> None:
    put = {"TableName": "things", "Item": of(1_500), "ConditionExpression": "attribute_not_exists(pk)"}
    with meter.measuring() as used:
        things.meta.client.transact_write_items(TransactItems=[{"Put": put}])
    assert used.write_units == 4
    with meter.measuring() as used, pytest.raises(ClientError):
        things.meta.client.transact_write_items(TransactItems=[{"Put": put}])
    assert used.write_units == 4


def test_a_transaction_that_reads_costs_two_units_for_each_item_there_or_not(meter: Meter, things: Any) -> None:
    things.put_item(Item=of(6_656, "1"))
    gets: Any = [{"Get": {"TableName": "things", "Key": {"pk": "a", "sk": sk}}} for sk in ("1", "2", "none")]
    things.put_item(Item=of(100, "2"))
    with meter.measuring() as used:
        things.meta.client.transact_get_items(TransactItems=gets)
    assert used.read_units == 4 + 2 + 2
    assert used.total == 1


def test_a_transaction_that_reads_costs_as_much_when_it_is_cancelled(meter: Meter, things: Any) -> None:
    things.put_item(Item=of(6_656, "1"))
    get: Any = {"Get": {"TableName": "things", "Key": {"pk": "a", "sk": "1"}}}
    things.meta.client.meta.events.register_first("before-send.dynamodb.TransactGetItems", _cancelled)
    with meter.measuring() as used, pytest.raises(ClientError):
        things.meta.client.transact_get_items(TransactItems=[get])
    assert used.read_units == 4


def _cancelled(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    body = b'{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"}'
    return AWSResponse(request.url, 400, HTTPHeaders(), SimpleNamespace(stream=lambda: iter([body])))


def test_a_condition_check_in_a_transaction_costs_what_a_write_does(meter: Meter, things: Any) -> None:
    check = {"TableName": "things", "Key": {"pk": "a", "sk": "1"}, "ConditionExpression": "attribute_not_exists(pk)"}
    with meter.measuring() as used:
        things.meta.client.transact_write_items(TransactItems=[{"ConditionCheck": check}])
    assert (used.write_units, used.read_units) == (2, 0)


def test_an_index_costs_when_its_entry_comes_changes_moves_or_goes_and_only_then(meter: Meter, things: Any) -> None:
    key = {"pk": "a", "sk": "1"}

    def cost_of(**changes: Any) -> float:
        with meter.measuring() as used:
            things.update_item(Key=key, **changes)
        return used.write_units - 1

    def set_to(name: str, value: str) -> dict[str, Any]:
        return {
            "UpdateExpression": "SET #name = :value",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {":value": value},
        }

    assert cost_of(**set_to("size", "M")) == 0  # no key of the index: no entry
    assert cost_of(**set_to("colour", "red")) == 1
    assert cost_of(**set_to("shape", "round")) == 1
    assert cost_of(**set_to("size", "L")) == 0  # not projected
    assert cost_of(**set_to("colour", "blue")) == 2
    assert cost_of(UpdateExpression="REMOVE colour") == 1


def test_a_local_index_costs_as_a_global_one_does_in_its_tables_units(meter: Meter, scores: Any) -> None:
    item = {"pk": "a", "sk": "1", "score": 10, "name": "Ada", "x": "y" * KILOBYTE}

    def cost_of(**changes: Any) -> float:
        with meter.measuring() as used:
            scores.put_item(Item=item | changes)
        return used.write_units

    assert cost_of() == 2 + 2
    assert cost_of() == 2 + 0  # nothing in it changes
    assert cost_of(name="Bob") == 2 + 2
    assert cost_of(name="Bob", score=11) == 2 + 2 + 2  # the key: a delete and a put
    with meter.measuring() as used:
        scores.delete_item(Key={"pk": "a", "sk": "1"})
    assert used.write_units == 2 + 2


def test_an_entry_of_keys_costs_one_unit_and_other_attributes_nothing(meter: Meter, scores: Any) -> None:
    item = {"pk": "a", "sk": "1", "age": 36, "x": "y" * KILOBYTE}
    with meter.measuring() as used:
        scores.put_item(Item=item)
    assert used.write_units == 2 + 1
    with meter.measuring() as used:
        scores.put_item(Item=item | {"name": "Ada"})
    assert used.write_units == 2


def test_a_local_index_in_a_transaction_costs_double(meter: Meter, scores: Any) -> None:
    scores.put_item(Item={"pk": "a", "sk": "1", "score": 10})
    put: Any = {"Put": {"TableName": "scores", "Item": {"pk": "a", "sk": "1", "score": 11}}}
    with meter.measuring() as used:
        scores.meta.client.transact_write_items(TransactItems=[put])
    assert used.write_units == 2 * (1 + 2)


def test_a_query_of_a_local_index_reads_its_entries_and_twice_as_dearly_when_consistent(
    meter: Meter, scores: Any
) -> None:
    for number in range(10):
        scores.put_item(Item=of(600, str(number)) | {"score": number})
    scores.put_item(Item=of(600, "without"))  # has no entry
    where: dict[str, Any] = {
        "IndexName": "by_score",
        "KeyConditionExpression": "pk = :a",
        "ExpressionAttributeValues": {":a": "a"},
    }
    for options, units in (({}, 1), ({"ConsistentRead": True}, 2), ({"ConsistentRead": True, "Limit": 6}, 1)):
        with meter.measuring() as used:
            scores.query(**where, **options)
        assert used.read_units == units, options
    with meter.measuring() as used:
        count = scores.query(**where, Select="COUNT", ConsistentRead=True)["Count"]
    assert (count, used.read_units) == (10, 2)


def test_a_query_that_a_local_index_must_fetch_for_is_rejected_and_not_guessed(meter: Meter, scores: Any) -> None:
    scores.put_item(Item={"pk": "a", "sk": "1", "age": 36, "x": "y" * 5 * KILOBYTE})
    where: dict[str, Any] = {
        "IndexName": "by_age",
        "KeyConditionExpression": "pk = :a",
        "ExpressionAttributeValues": {":a": "a"},
        "ConsistentRead": True,
    }
    with meter.measuring() as used:
        scores.query(**where)
    assert used.read_units == 1
    with meter.measuring(), pytest.raises(UnmeteredError):
        scores.query(**where, Select="ALL_ATTRIBUTES")
    with meter.measuring(), pytest.raises(UnmeteredError):
        scores.query(**where, ProjectionExpression="x")


def test_an_index_entry_that_stays_as_it_is_costs_nothing() -> None:
    entry = {"pk": {"S": "a"}, "colour": {"S": "red"}}
    assert index_units(entry, entry, ["colour"]) == 0
    assert index_units(None, None, ["colour"]) == 0


def test_calls_are_counted_by_service_and_operation_and_only_while_measuring(meter: Meter, things: Any) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    with meter.measuring() as used:
        sqs.send_message(QueueUrl=url, MessageBody="x" * 100_000)
        things.put_item(Item=of(100))
    things.put_item(Item=of(100))
    assert dict(used.calls) == {("sqs", "SendMessage"): 1, ("dynamodb", "PutItem"): 1}
    assert used.sqs_requests == 2  # one for each 64 KB


def test_requests_of_fifo_queues_are_counted_apart_because_they_cost_more(meter: Meter) -> None:
    assert meter
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    with meter.measuring() as used:
        sqs.send_message(QueueUrl=url, MessageBody="x" * 100_000, MessageGroupId="g", MessageDeduplicationId="1")
    assert (used.sqs_requests, used.fifo_requests) == (0, 2)


def test_usage_turns_into_dollars() -> None:
    used = Usage(write_units=2, read_units=4, fifo_requests=3)
    used.count("sqs", "ReceiveMessage")
    used.count("secretsmanager", "GetSecretValue", 2)
    assert dollars(used.charges) == pytest.approx(1e-6 * (2 * 0.625 + 4 * 0.125 + 0.40 + 3 * 0.50 + 2 * 5))
