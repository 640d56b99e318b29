"""All messages are sent or an error is raised; what SQS rejects temporarily is sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from cairn.aws.sqs import NotSentError, Queue
from cairn.messages import FetchBatch


class FakeSqs:
    """Rejects the given messages: one list for each call."""

    def __init__(self, *rejections: list[tuple[str, bool]]) -> None:
        self.rejections = list(rejections)
        self.calls: list[list[str]] = []
        self.delays: list[int | None] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - SQS
        assert QueueUrl == "url"
        self.calls.append([entry["Id"] for entry in Entries])
        self.delays += [entry.get("DelaySeconds") for entry in Entries]
        rejected = self.rejections.pop(0) if self.rejections else []
        return {"Failed": [{"Id": one, "Code": "Throttled", "SenderFault": fault} for one, fault in rejected]}


def batches(count: int) -> list[FetchBatch]:
    return [FetchBatch("youtube", number, (), "schedule", "t") for number in range(count)]


def queue(sqs: FakeSqs, slept: list[float] | None = None) -> Queue:
    return Queue(cast("Any", sqs), "url", (slept if slept is not None else []).append)


def test_ten_messages_are_one_call() -> None:
    sqs = FakeSqs()
    queue(sqs).send(batches(21))
    assert [len(call) for call in sqs.calls] == [10, 10, 1]


def test_a_message_may_be_delayed_by_whole_seconds() -> None:
    sqs = FakeSqs()
    queue(sqs).send_later(batches(2), timedelta(seconds=1.2))
    queue(sqs).send(batches(1))
    assert sqs.delays == [2, 2, None]


def test_nothing_to_send_is_no_call() -> None:
    sqs = FakeSqs()
    queue(sqs).send([])
    assert sqs.calls == []


def test_only_what_was_rejected_is_sent_again() -> None:
    sqs, slept = FakeSqs([("3", False)], [("3", False)]), list[float]()
    queue(sqs, slept).send(batches(10))
    assert sqs.calls[1:] == [["3"], ["3"]]
    assert len(slept) == 2


def test_what_is_rejected_at_every_retry_is_an_error() -> None:
    sqs = FakeSqs([("0", False)], [("0", False)], [("0", False)])
    with pytest.raises(NotSentError, match="SQS rejected 1 messages, the first with Throttled"):
        queue(sqs).send(batches(1))
    assert len(sqs.calls) == 3


def test_a_message_that_is_wrong_is_not_sent_again() -> None:
    sqs = FakeSqs([("0", True)])
    with pytest.raises(NotSentError):
        queue(sqs).send(batches(2))
    assert len(sqs.calls) == 1
