"""The records of a stream are processed in order, up to the first that fails."""

from __future__ import annotations

from typing import Any

from cairn.aws.streams import process_in_order


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
