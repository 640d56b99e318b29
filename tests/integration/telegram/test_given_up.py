"""How many recipients were given up, and could be notified by hand, is a metric: an alarm watches it."""

from __future__ import annotations

import os

import httpx

from cairn.aws import sqs
from cairn.messages import Alert
from cairn.readings.milestones import Milestones
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms
from testing.readings import channel_milestone
from testing.subscribers import subscribe


def test_recipients_who_may_have_been_notified_twice_in_vain_are_counted(
    aws: Cloud, platforms: FakePlatforms, logs: Written
) -> None:
    def hang() -> httpx.Response:
        raise httpx.ReadTimeout("slow")

    platforms.broken["telegram"] = hang
    subscribe(aws, "77", "78")
    milestone = channel_milestone(1000)
    Milestones(aws.table("MILESTONES_TABLE")).record(milestone)
    sqs.queue(os.environ["NOTIFY_QUEUE_URL"]).send([Alert(milestone)])
    (record,) = aws.messages("NOTIFY_QUEUE_URL")
    assert FUNCTIONS["notify"]({"Records": [record]}, Context())["batchItemFailures"]
    assert "AlertsRetryable" not in logs.metrics
    assert FUNCTIONS["notify"]({"Records": [record]}, Context()) == {"batchItemFailures": []}
    assert logs.metrics["AlertsRetryable"] == [2]
    assert logs.metrics["AlertsFailed"] == [2]
