"""The records of a stream are processed in order, up to the first that fails."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws.streams import Failures, process_in_order
from cairn.clock import now


def event(*numbers: str) -> dict[str, Any]:
    return {
        "Records": [
            {"eventID": f"e{number}", "dynamodb": {"SequenceNumber": number, "NewImage": {"trace_id": {"S": "t"}}}}
            for number in numbers
        ]
    }


def test_a_batch_without_failures_is_done() -> None:
    processed: list[str] = []
    answer = process_in_order(event("1", "2"), lambda record: processed.append(record["eventID"]))
    assert answer == {"batchItemFailures": []}
    assert processed == ["e1", "e2"]


def test_nothing_after_a_failure_is_processed() -> None:
    processed: list[str] = []

    def handle(record: dict[str, Any]) -> None:
        if record["eventID"] == "e2":
            raise RuntimeError("no")
        processed.append(record["eventID"])

    assert process_in_order(event("1", "2", "3"), handle) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert processed == ["e1"]


def test_a_record_of_another_shape_fails_by_itself() -> None:
    broken = {"eventID": "e", "dynamodb": {"SequenceNumber": "7"}}

    def handle(record: dict[str, Any]) -> None:
        record["dynamodb"]["NewImage"]

    assert process_in_order({"Records": [broken]}, handle) == {"batchItemFailures": [{"itemIdentifier": "7"}]}


class FakeSqs:
    """Keeps what it is sent; `broken` rejects it."""

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[tuple[str, Any]] = []
        self._broken = broken

    def send_message(self, **call: Any) -> None:
        if self._broken:
            raise ConnectionError("no queue")
        self.sent.append((call["QueueUrl"], json.loads(call["MessageBody"])))


def failures(sqs: Any) -> Failures:
    return Failures("https://failures", lambda: sqs)


def unreadable(*numbers: str, processed: list[str]) -> Any:
    """Handles every record but those with these numbers, which it cannot read."""

    def handle(record: dict[str, Any]) -> None:
        if record["dynamodb"]["SequenceNumber"] in numbers:
            raise KeyError("metrics")
        processed.append(record["eventID"])

    return handle


@pytest.mark.parametrize("numbers", [("1",), ("2",), ("3",), ("1", "2", "3")])
def test_what_nobody_can_read_is_set_aside_at_once_and_holds_nobody_up(numbers: tuple[str, ...]) -> None:
    sqs, processed = FakeSqs(), list[str]()
    batch = event("1", "2", "3")
    for record in batch["Records"]:
        record["dynamodb"]["Keys"] = {"subject": {"S": "channel:x:y"}}
        record["eventSourceARN"] = "arn:aws:dynamodb:us-east-1:123456789012:table/stats/stream/2026-11-20T00:00:00.000"
    answer = process_in_order(batch, unreadable(*numbers, processed=processed), failures(sqs))
    assert answer == {"batchItemFailures": []}
    assert processed == [f"e{number}" for number in "123" if number not in numbers]
    assert sqs.sent == [
        (
            "https://failures",
            {
                "type": "unreadable_record",
                "table": "stats",
                "key": "channel:x:y",
                "reason": "KeyError('metrics')",
                "sequence_number": number,
            },
        )
        for number in numbers
    ]


def test_what_cannot_be_set_aside_is_retried() -> None:
    processed = list[str]()
    handle = unreadable("2", processed=processed)
    assert process_in_order(event("1", "2", "3"), handle, failures(FakeSqs(broken=True))) == {
        "batchItemFailures": [{"itemIdentifier": "2"}]
    }
    assert processed == ["e1"]


@pytest.mark.parametrize(("age", "set_aside"), [(timedelta(hours=1), []), (timedelta(hours=2, minutes=1), ["2"])])
def test_what_fails_is_retried_for_two_hours_and_then_set_aside_alone(age: timedelta, set_aside: list[str]) -> None:
    sqs, processed, batch = FakeSqs(), list[str](), event("1", "2", "3")
    for record in batch["Records"]:
        record["dynamodb"]["ApproximateCreationDateTime"] = (now() - age).timestamp()

    def handle(record: dict[str, Any]) -> None:
        if record["eventID"] == "e2":
            raise ConnectionError("no table")
        processed.append(record["eventID"])

    answer = process_in_order(batch, handle, failures(sqs))
    assert [message["sequence_number"] for _, message in sqs.sent] == set_aside
    assert [message["type"] for _, message in sqs.sent] == ["failed_record" for _ in set_aside]
    assert processed == (["e1", "e3"] if set_aside else ["e1"])
    assert answer == {"batchItemFailures": [] if set_aside else [{"itemIdentifier": "2"}]}


# -- finishing a batch


def finishing(*broken: str, error: type[Exception] = RuntimeError) -> tuple[Any, list[list[str]]]:
    """A `finish` that fails whenever one of these is in the batch, and what it finished."""
    finished: list[list[str]] = []

    def finish(results: Any) -> None:
        if set(broken) & set(results):
            raise error("no")
        finished.append(list(results))

    return finish, finished


def name_of(record: dict[str, Any]) -> str:
    return str(record["eventID"])


def test_a_batch_is_finished_once_with_all_results() -> None:
    finish, finished = finishing()
    assert process_in_order(event("1", "2", "3"), name_of, finish=finish) == {"batchItemFailures": []}
    assert finished == [["e1", "e2", "e3"]]


def test_what_was_handled_before_a_failure_is_finished_because_it_is_not_brought_again() -> None:
    finish, finished = finishing()

    def handle(record: dict[str, Any]) -> str:
        if record["eventID"] == "e3":
            raise RuntimeError("no")
        return name_of(record)

    answer = process_in_order(event("1", "2", "3", "4"), handle, finish=finish)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "3"}]}
    assert finished == [["e1", "e2"]]


def test_the_one_that_cannot_be_finished_is_found_and_those_before_it_are_finished() -> None:
    finish, finished = finishing("e2")
    answer = process_in_order(event("1", "2", "3"), name_of, finish=finish)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert finished == [["e1"]]


def test_when_both_fail_the_earlier_one_is_reported() -> None:
    finish, _ = finishing("e2")

    def handle(record: dict[str, Any]) -> str:
        if record["eventID"] == "e4":
            raise RuntimeError("no")
        return name_of(record)

    answer = process_in_order(event("1", "2", "3", "4"), handle, finish=finish)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_a_first_record_that_cannot_be_finished_fails_the_invocation_so_that_its_batch_is_split() -> None:
    finish, _ = finishing("e1")
    with pytest.raises(RuntimeError):
        process_in_order(event("1", "2"), name_of, finish=finish)


def test_what_no_retry_would_finish_is_set_aside_and_the_others_are_finished() -> None:
    finish, finished = finishing("e2", error=ValueError)
    sqs = FakeSqs()
    answer = process_in_order(event("1", "2", "3"), name_of, failures(sqs), finish)
    assert answer == {"batchItemFailures": []}
    assert finished == [["e1"], ["e3"]]
    assert [body["sequence_number"] for _, body in sqs.sent] == ["2"]
