"""The local cloud's mapping of a stream keeps the template's limits, on MiniStack's own stream of the stats table."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from ministack.services import dynamodb, lambda_svc

from cairn.readings.stats import Stats
from local.stream_mapping import LONGEST_WAIT, Batches, turn
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.readings import channel_reading

OLDEST = timedelta(minutes=10)


class Emulator:
    """What `turn` uses of MiniStack's Lambda; the function is `handle`."""

    def __init__(self, handle: Callable[[list[int]], list[int]]) -> None:
        self._handle = handle
        self._dynamodb_stream_positions: dict[str, int] = {}
        self._dynamodb_stream_positions_lock = threading.Lock()
        self._apply_filter_criteria = lambda_svc._apply_filter_criteria
        self.batches: list[list[int]] = []
        self.given_up: list[int] = []

    def _get_func_record_for_qualifier(self, name: str, qualifier: object) -> Any:
        return {"config": {"FunctionName": name}}, qualifier

    def _execute_function(self, _: object, event: Any) -> Any:
        numbers = {count_of(record): record["dynamodb"]["SequenceNumber"] for record in event["Records"]}
        self.batches.append(list(numbers))
        try:
            failed = self._handle(list(numbers))
        except RuntimeError:
            return {"error": True, "body": {"errorType": "RuntimeError"}}
        return {"body": json.dumps({"batchItemFailures": [{"itemIdentifier": numbers[count]} for count in failed]})}

    def _send_ddb_stream_failure_record(self, *call: Any) -> None:
        assert call[5] == "RecordAgeExceeded"
        self.given_up += map(count_of, call[2])


def count_of(record: dict[str, Any]) -> int:
    return int(record["dynamodb"]["NewImage"]["metrics"]["M"]["subscribers"]["N"])


@pytest.fixture
def mapping(aws: Cloud) -> dict[str, Any]:
    """As infra/tables.py has it, on a stream with the counts 1 to 5."""
    for count in range(1, 6):
        Stats(aws.table("STATS_TABLE")).record(channel_reading(count))
    return {
        "UUID": "m",
        "FunctionName": "reader",
        "EventSourceArn": dynamodb._tables["stats_table"]["LatestStreamArn"],
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": OLDEST.total_seconds(),
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }


def run(emulator: Emulator, mapping: dict[str, Any], clock: ControlledClock) -> float:
    """Poll for twenty minutes; the seconds until there was nothing left to do."""
    started, mappings, done = clock.now(), dict[str, Batches](), 0.0
    while clock.now() - started < 2 * OLDEST:
        if turn(emulator, mapping, mappings):
            done = (clock.now() - started).total_seconds()
        else:
            clock.sleep(1)
    return done


def test_a_record_that_always_fails_is_alone_in_the_end_and_given_up_at_the_age_of_the_template(
    mapping: dict[str, Any], clock: ControlledClock
) -> None:
    def handle(counts: list[int]) -> list[int]:
        if 3 in counts:
            raise RuntimeError
        return []

    emulator = Emulator(handle)
    seconds = run(emulator, mapping, clock)
    assert emulator.batches[:5] == [[1, 2, 3, 4, 5], [1, 2], [3, 4, 5], [3], [3]]
    assert OLDEST.total_seconds() < seconds <= (OLDEST + LONGEST_WAIT).total_seconds() + 1
    assert 10 < emulator.batches.count([3]) < 20, "the waits grow, up to a minute"
    assert emulator.given_up == [3, 4, 5], "Lambda tries nothing that is older, so the function has to give up earlier"


def test_a_partial_failure_is_retried_from_the_first_that_failed(
    mapping: dict[str, Any], clock: ControlledClock
) -> None:
    left = iter([[4], [4], []])
    emulator = Emulator(lambda _: next(left))
    run(emulator, mapping, clock)
    assert emulator.batches == [[1, 2, 3, 4, 5], [4, 5], [4, 5]]
    assert emulator.given_up == []


def test_what_failed_once_is_done_in_order_and_once(mapping: dict[str, Any], clock: ControlledClock) -> None:
    failures = iter([True])

    def handle(_: list[int]) -> list[int]:
        if next(failures, False):
            raise RuntimeError
        return []

    emulator = Emulator(handle)
    run(emulator, mapping, clock)
    assert emulator.batches[0] == [1, 2, 3, 4, 5]
    assert [count for batch in emulator.batches[1:] for count in batch] == [1, 2, 3, 4, 5]


def test_ministack_still_keeps_no_limit_itself_and_has_what_is_used() -> None:
    source = inspect.getsource(lambda_svc._poll_dynamodb_streams)
    assert "MaximumRetryAttempts" not in source
    assert "batchItemFailures" not in source
    assert "_poll_dynamodb_streams()" in inspect.getsource(lambda_svc._poll_loop)
    for name in inspect.getmembers(Emulator, inspect.isfunction):
        assert name[0].startswith("__") or hasattr(lambda_svc, name[0])
