"""An item of the stats table that nobody can read, or that is dated in the future, holds nobody up and is mended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cairn.clock import now, to_millis
from cairn.messages import Alert
from cairn.readings.freshness import is_stale
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats, to_item
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.leaderboard import Floor
from testing.readings import CATS, channel_reading

FUTURE = datetime(2090, 5, 1, tzinfo=UTC)
BAD: dict[str, Any] = {"subject": "channel:youtube:bad", "name": "Bad", "metrics": "many"}


def detect(aws: Cloud) -> Any:
    return FUNCTIONS["detect_milestone"]({"Records": aws.changes()}, Context())


def read(aws: Cloud, clock: ControlledClock, count: int) -> None:
    clock.sleep(60)
    assert Stats(aws.table("STATS_TABLE")).record(channel_reading(count))


def announced(aws: Cloud) -> list[int]:
    alerts = [message for message in aws.drain("NOTIFY_QUEUE_URL") if isinstance(message, Alert)]
    return [int(alert.milestone.threshold) for alert in alerts]


def test_a_malformed_item_is_set_aside_and_the_others_of_its_batch_are_announced(
    aws: Cloud, clock: ControlledClock
) -> None:
    read(aws, clock, 9_000)
    aws.table("STATS_TABLE").put_item(Item=BAD)
    read(aws, clock, 10_000)
    assert detect(aws) == {"batchItemFailures": []}
    assert announced(aws) == [10_000]
    (message,) = aws.messages("FAILURES_URL")
    failure = json.loads(message["body"])
    assert (failure["type"], failure["key"]) == ("unreadable_record", "channel:youtube:bad")


@pytest.mark.parametrize(
    "impossible",
    [
        {"subject": "rep:seventeen", "name": "Ada", "metrics": {}},
        {"subject": "rep:9", "name": "Ada", "metrics": {"monthly_revenue": -5}},
    ],
    ids=lambda item: item["subject"],
)
def test_what_can_be_read_and_makes_no_sense_is_set_aside_too(
    aws: Cloud, clock: ControlledClock, impossible: dict[str, Any]
) -> None:
    item = {"as_of": to_millis(now()), "source": "?", "trace_id": "t", **impossible}
    aws.table("STATS_TABLE").put_item(Item=item)
    read(aws, clock, 9_000)
    read(aws, clock, 10_000)
    assert detect(aws) == {"batchItemFailures": []}
    assert announced(aws) == [10_000]
    (message,) = aws.messages("FAILURES_URL")
    assert json.loads(message["body"])["key"] == impossible["subject"]


def test_the_reading_that_mends_a_malformed_item_is_announced(aws: Cloud, clock: ControlledClock) -> None:
    read(aws, clock, 9_000)
    aws.table("STATS_TABLE").put_item(Item={**to_item(channel_reading(9_500)), "metrics": ["?"]})
    read(aws, clock, 10_000)
    assert detect(aws) == {"batchItemFailures": []}
    assert announced(aws) == [10_000]


def test_a_future_reading_reaches_its_milestone_now(aws: Cloud, clock: ControlledClock) -> None:
    read(aws, clock, 9_000)
    aws.table("STATS_TABLE").put_item(Item=to_item(channel_reading(10_000, FUTURE)))
    changes = aws.changes()
    for change in changes:
        change["dynamodb"]["ApproximateCreationDateTime"] = now().timestamp()
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == {"batchItemFailures": []}
    milestones = Milestones(aws.table("MILESTONES_TABLE"))
    page = milestones.page(CATS, now() - timedelta(days=1), FUTURE + timedelta(days=1), 10, None)
    assert [milestone.achieved_at for milestone, _ in page.items] == [now()]
    read(aws, clock, 25_000)
    assert detect(aws) == {"batchItemFailures": []}
    assert announced(aws) == [10_000, 25_000]


def test_what_is_dated_in_the_future_is_not_shown_as_current() -> None:
    hour = timedelta(hours=1)
    assert is_stale(FUTURE, now(), hour)
    assert not is_stale(now() + timedelta(minutes=4), now(), hour)


@pytest.mark.parametrize("source", ["by another program", "and nothing else"])
def test_a_rep_who_was_dated_in_the_future_is_back_in_this_month(floor: Floor, source: str) -> None:
    rep = floor.hire("Ada", monthlyRevenue=9_000)
    floor.stream()
    table = floor.aws.table("STATS_TABLE")
    table.put_item(Item=table.get_item(Key={"subject": f"rep:{rep}"})["Item"] | {"as_of": to_millis(FUTURE)})
    if source == "by another program":
        floor.stream()
        assert floor.rep(rep)["asOf"] < "2027"
    updated = floor.update(rep, monthlyRevenue=11_000)
    floor.stream()
    assert updated["milestones"], "the revenue of 10,000 was not noticed"
    assert floor.rep(rep)["asOf"] < "2027"
    assert [(row["monthlyRevenue"], row["asOf"] < "2027") for row in floor.board()["items"]] == [(11_000, True)]
    assert floor.in_line()
