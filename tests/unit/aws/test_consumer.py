"""A failed message is retried by itself, after its back-off, and the log says why before anything else can fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws.sqs import Backoff, Consumer
from cairn.errors import NotYetError
from cairn.messages import BoardChanged, FetchBatch, dump

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FakeSqs:
    """Records how long messages are hidden; `broken` rejects every call."""

    def __init__(self, *, broken: bool = False) -> None:
        self.hidden: dict[str, int] = {}
        self._broken = broken

    def change_message_visibility(self, **call: Any) -> None:
        if self._broken:
            raise RuntimeError("the receipt handle has expired")
        self.hidden[call["ReceiptHandle"]] = call["VisibilityTimeout"]


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = NOON

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def record(name: str, message: str | None = None, receives: int = 1) -> dict[str, Any]:
    body = message or dump(FetchBatch("youtube", 0, (name,), "schedule", f"trace-{name}"))
    attributes = {"ApproximateReceiveCount": str(receives)}
    return {"messageId": name, "receiptHandle": name, "body": body, "attributes": attributes}


def consumer(sqs: FakeSqs, time: Time, **options: Any) -> Consumer[FetchBatch]:
    made: dict[str, Any] = {"backoff": Backoff(first=10, longest=900), "sqs": lambda: sqs, **options}
    return Consumer("https://queue", FetchBatch, clock=lambda: time.now, sleep=time.sleep, **made)


def failing(*errors: Exception, only: str) -> Any:
    """Handles every message, except that those of one name fail with these errors, once each."""
    left = list(errors)

    def handle(message: FetchBatch, _: object) -> None:
        if message.channel_ids == (only,) and left:
            raise left.pop(0)

    return handle


def failures(answer: dict[str, Any]) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_one_failure_retries_only_its_message() -> None:
    sqs = FakeSqs()
    answer = consumer(sqs, Time()).each([record("a"), record("b"), record("c")], failing(OSError("x"), only="b"))
    assert failures(answer) == ["b"]
    assert sqs.hidden == {"b": 10}


@pytest.mark.parametrize(("receives", "seconds"), [(1, 10), (2, 20), (5, 160), (8, 900), (30, 900)])
def test_the_back_off_doubles_up_to_its_longest(receives: int, seconds: int) -> None:
    sqs = FakeSqs()
    consumer(sqs, Time()).each([record("a", receives=receives)], failing(OSError("x"), only="a"))
    assert sqs.hidden == {"a": seconds}


@pytest.mark.parametrize(("round_down", "seconds"), [(False, 3), (True, 2)])
def test_a_message_that_is_not_due_is_hidden_until_it_is(round_down: bool, seconds: int) -> None:
    sqs, later = FakeSqs(), NotYetError("not due", NOON + timedelta(seconds=2.5))
    backoff = Backoff(first=1, longest=30, round_down=round_down)
    assert failures(consumer(sqs, Time(), backoff=backoff).each([record("a")], failing(later, only="a"))) == ["a"]
    assert sqs.hidden == {"a": seconds}


def test_a_message_that_is_due_within_the_wait_is_handled_in_the_same_batch() -> None:
    sqs, time = FakeSqs(), Time()
    soon = NotYetError("not due", NOON + timedelta(seconds=0.4))
    answer = consumer(sqs, time).each([record("a")], failing(soon, only="a"), max_wait=timedelta(seconds=1))
    assert failures(answer) == []
    assert time.now == NOON + timedelta(seconds=0.4)


def test_without_a_wait_a_message_that_was_due_before_is_not_tried_over_and_over() -> None:
    sqs = FakeSqs()
    past = [NotYetError("held", NOON - timedelta(seconds=1)) for _ in range(100)]
    assert failures(consumer(sqs, Time()).each([record("a")], failing(*past, only="a"))) == ["a"]
    assert len(past) == 100
    assert sqs.hidden == {"a": 1}


def test_what_no_retry_can_mend_is_visible_again_at_once() -> None:
    sqs = FakeSqs()
    consumer(sqs, Time(), permanent=(KeyError,)).each([record("a", receives=9)], failing(KeyError("x"), only="a"))
    assert sqs.hidden == {"a": 0}


def test_a_back_off_begins_with_its_first_time_and_doubles_up_to_the_longest() -> None:
    backoff, error = Backoff(first=10, longest=900), OSError("x")
    waits = [backoff.seconds(error, receives, NOON) for receives in (1, 2, 3, 6, 7, 8, 30)]
    assert waits == [10, 20, 40, 320, 640, 900, 900]


def test_without_a_back_off_the_queues_own_time_out_holds() -> None:
    sqs = FakeSqs(broken=True)
    assert failures(consumer(sqs, Time(), backoff=None).each([record("a")], failing(OSError("x"), only="a"))) == ["a"]


def test_a_message_of_another_queue_fails_and_no_other_does() -> None:
    strange = dump(BoardChanged("key", "trace"))
    assert failures(consumer(FakeSqs(), Time()).each([record("a", strange), record("b")], failing(only=""))) == ["a"]


def test_the_cause_is_logged_even_if_the_message_cannot_be_hidden(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(RuntimeError, match="receipt handle"):
        consumer(FakeSqs(broken=True), Time()).each([record("a")], failing(OSError("the disk is full"), only="a"))
    assert "the disk is full" in caplog.text


def test_a_message_that_sqs_does_not_hide_brings_none_of_its_batch_back(caplog: pytest.LogCaptureFixture) -> None:
    class Rejecting(FakeSqs):
        def change_message_visibility(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "ChangeMessageVisibility")

    answer = consumer(Rejecting(), Time()).each([record("a"), record("b")], failing(OSError("x"), only="a"))
    assert failures(answer) == ["a"]
    assert "message stays hidden for the queue's own time" in caplog.text


@pytest.mark.parametrize("backoff", [None, Backoff(first=10, longest=900)])
@pytest.mark.parametrize("text", ["no JSON", '{"type": "unknown"}', dump(BoardChanged("k", "t"))])
def test_what_nobody_can_read_becomes_a_dead_letter_without_waiting(backoff: Backoff | None, text: str) -> None:
    sqs, handled = FakeSqs(), list[str]()
    records = [record("bad", text), record("good")]
    answer = consumer(sqs, Time(), backoff=backoff).each(records, lambda message, _: handled.append(message.trace_id))
    assert failures(answer) == ["bad"]
    assert sqs.hidden == {"bad": 0}
    assert handled == ["trace-good"]
