"""A tick fetches everything: fifty channels a call, some batches inline, the rest by the queue, platforms apart."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import httpx
import pytest

from cairn.channels.fetching import BATCH_SIZE, INLINE_BATCHES
from cairn.channels.registry import Channel, Channels
from cairn.clock import now
from cairn.messages import FetchBatch, dump, load
from cairn.model import Subject
from cairn.readings.stats import Stats
from functions.fetch_stats.handler import RESERVE_SECONDS
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms, counts
from testing.records import sqs_record


def track(aws: Cloud, *ids: str, platform: str = "youtube") -> None:
    channels = Channels(aws.table("CHANNELS_TABLE"))
    for native_id in ids:
        channels.add(Channel(platform, native_id, f"@{native_id}", native_id, now()))


def tick(seconds: float = 60.0, source: str = "schedule") -> Any:

    return FUNCTIONS["fetch_stats"]({"source": source}, Context(seconds))


def deliver(record: dict[str, Any], seconds: float = 60.0) -> Any:

    return FUNCTIONS["fetch_stats"]({"Records": [record]}, Context(seconds))


def youtubes(count: int, platforms: FakePlatforms) -> list[str]:
    ids = [f"UC{number:022d}" for number in range(count)]
    platforms.youtube |= {one: counts(100) for one in ids}
    return ids


def stored(aws: Cloud, *ids: str, platform: str = "youtube") -> list[int | None]:
    stats = Stats(aws.table("STATS_TABLE"))
    readings = (stats.get(Subject("channel", f"{platform}:{one}")) for one in ids)
    return [int(reading.metrics["subscribers"]) if reading else None for reading in readings]


def test_a_tick_stores_every_channel_of_every_platform(aws: Cloud, platforms: FakePlatforms) -> None:
    ids = youtubes(60, platforms)
    platforms.members |= {-1: 11, -2: 22}
    platforms.instagram["blue"] = {"followers_count": 33}
    track(aws, *ids)
    track(aws, "-1", "-2", platform="telegram")
    track(aws, "blue", platform="instagram")
    assert tick() == {"stored": 53, "unchanged": 0, "troubled": 0, "queued": 10, "failed": 0}
    aws.flow()
    assert stored(aws, *ids) == [100] * 60
    assert stored(aws, "-1", "-2", platform="telegram") == [11, 22]
    assert stored(aws, "blue", platform="instagram") == [33]
    assert sum("youtube" in call for call in platforms.calls) == 2


def test_an_unchanged_tick_writes_nothing_to_the_stats(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    ids = youtubes(3, platforms)
    track(aws, *ids)
    tick()
    assert len(aws.changes()) == 3
    clock.sleep(300)
    assert tick()["unchanged"] == 3
    assert aws.changes() == []
    platforms.youtube[ids[1]] = counts(101)
    clock.sleep(300)
    assert tick() == {"stored": 1, "unchanged": 2, "troubled": 0, "queued": 0, "failed": 0}
    (change,) = aws.changes()
    assert change["dynamodb"]["Keys"]["subject"]["S"].endswith(ids[1])


def test_what_one_tick_cannot_do_goes_through_the_queue(aws: Cloud, platforms: FakePlatforms) -> None:
    ids = youtubes(4 * BATCH_SIZE + 5, platforms)
    track(aws, *ids)
    summary = tick()
    assert summary["stored"] == INLINE_BATCHES * BATCH_SIZE == 150
    assert summary["queued"] == 55
    records = aws.messages("FETCH_QUEUE_URL")
    batches = [load(record["body"]) for record in records]
    assert sorted(len(batch.channel_ids) for batch in batches if isinstance(batch, FetchBatch)) == [5, 50]
    for record in records:
        assert deliver(record) == {"batchItemFailures": []}
    assert stored(aws, *ids) == [100] * 205
    assert sum("youtube" in call for call in platforms.calls) == 5


def test_every_channel_counts_as_checked_however_the_batch_was_split(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    platforms.members |= {-number: 100 for number in range(1, 41)}
    ids = [f"-{number}" for number in range(1, 41)]
    track(aws, *ids, platform="telegram")
    tick()
    aws.flow()
    clock.sleep(600)
    seconds = iter([*[5.0] * 15, *[-1.0] * 100])

    class Hurried(Context):
        def get_remaining_time_in_millis(self) -> int:
            return int((next(seconds) + RESERVE_SECONDS) * 1000)

    assert FUNCTIONS["fetch_stats"]({"source": "schedule"}, Hurried())["queued"] == 25
    aws.flow()
    channels = Channels(aws.table("CHANNELS_TABLE"))
    tracked = channels.all("telegram")
    checks = channels.checks("telegram", tracked)
    assert {checks.last_found(channel) for channel in tracked} == {now()}


def test_without_time_left_everything_goes_through_the_queue(aws: Cloud, platforms: FakePlatforms) -> None:
    ids = youtubes(3, platforms)
    track(aws, *ids)
    assert tick(RESERVE_SECONDS - 1)["queued"] == 3
    assert platforms.calls == []
    aws.flow()
    assert stored(aws, *ids) == [100] * 3


def failing(answer: httpx.Response) -> Any:
    return lambda: answer


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"items": "x"}),
        httpx.Response(401, json={"error": {"message": "API key not valid"}}),
        httpx.Response(403, json={"error": {"errors": [{"reason": "quotaExceeded"}]}}),
        httpx.Response(429, headers={"retry-after": "60"}, json={}),
    ],
)
def test_a_failing_platform_stops_only_itself(aws: Cloud, platforms: FakePlatforms, answer: httpx.Response) -> None:
    ids = youtubes(2, platforms)
    platforms.members[-1] = 11
    platforms.instagram["blue"] = {"followers_count": 33}
    track(aws, *ids)
    track(aws, "-1", platform="telegram")
    track(aws, "blue", platform="instagram")
    platforms.broken["youtube"] = failing(answer)
    assert tick() == {"stored": 2, "unchanged": 0, "troubled": 0, "queued": 0, "failed": 2}


def test_a_secret_that_cannot_be_read_stops_only_its_platform_and_is_an_error(
    aws: Cloud, platforms: FakePlatforms
) -> None:
    track(aws, *youtubes(1, platforms))
    platforms.members[-1] = 11
    track(aws, "-1", platform="telegram")
    track(aws, "blue", platform="instagram")
    boto3.client("secretsmanager").put_secret_value(SecretId="instagram_secret", SecretString="IG-plain-text")
    with pytest.raises(Exception, match="Unable to transform"):
        tick()
    assert stored(aws, "-1", platform="telegram") == [11]
    assert stored(aws, *youtubes(1, platforms)) == [100]


def test_a_platform_without_keys_is_left_alone(aws: Cloud, platforms: FakePlatforms, logs: Written) -> None:
    track(aws, "blue", platform="instagram")
    boto3.client("secretsmanager").put_secret_value(SecretId="instagram_secret", SecretString="{}")
    assert tick()["failed"] == 1
    assert platforms.calls == []
    assert "platform has no keys" in [line["message"] for line in logs.lines]


def test_a_failing_channel_stops_only_itself(aws: Cloud, platforms: FakePlatforms) -> None:
    platforms.members |= {-1: 11, -3: 33}
    track(aws, "-1", "-2", "-3", platform="telegram")
    assert tick() == {"stored": 2, "unchanged": 0, "troubled": 1, "queued": 0, "failed": 0}
    channel = Channels(aws.table("CHANNELS_TABLE")).get("telegram:-2")
    assert channel
    assert channel.health_issue
    assert channel.health_issue.code == "unknown_channel"


def test_a_platform_that_is_down_is_not_called_for_every_channel(aws: Cloud, platforms: FakePlatforms) -> None:
    track(aws, *[f"-{number}" for number in range(1, 21)], platform="telegram")
    platforms.broken["telegram"] = failing(httpx.Response(502))
    assert tick()["failed"] == 20
    assert len(platforms.calls) == 9  # three channels, three tries each


def test_a_platform_that_asks_to_wait_is_not_called_again_meanwhile(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    track(aws, *youtubes(1, platforms))
    platforms.broken["youtube"] = failing(httpx.Response(429, headers={"retry-after": "600"}, json={}))
    assert tick()["failed"] == 1
    platforms.broken.clear()
    clock.sleep(300)
    assert tick()["failed"] == 1
    assert len(platforms.calls) == 1
    clock.sleep(300)
    assert tick()["stored"] == 1


def test_a_batch_delivered_twice_is_harmless_and_removed_channels_are_skipped(
    aws: Cloud, platforms: FakePlatforms
) -> None:
    ids = youtubes(2, platforms)
    track(aws, ids[0])
    batch = FetchBatch("youtube", 0, tuple(f"youtube:{one}" for one in ids), "schedule", "t")
    boto3.client("sqs").send_message(QueueUrl=os.environ["FETCH_QUEUE_URL"], MessageBody=dump(batch))
    (record,) = aws.messages("FETCH_QUEUE_URL")
    for _ in range(2):
        assert deliver(record) == {"batchItemFailures": []}
    assert stored(aws, *ids) == [100, None]
    assert len(aws.changes()) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        '{"type": "reply"}',
        json.dumps({"type": "surprise"}),
        dump(FetchBatch("gone", 0, ("gone:1",), "s", "t")),
    ],
)
def test_a_poisonous_message_is_reported_and_the_others_are_done(
    aws: Cloud, platforms: FakePlatforms, body: str
) -> None:

    (one,) = youtubes(1, platforms)
    track(aws, one)
    track(aws, "1", platform="gone")
    good = dump(FetchBatch("youtube", 0, (f"youtube:{one}",), "schedule", "t"))
    records = [sqs_record(text, name) for name, text in (("bad", body), ("good", good))]
    assert FUNCTIONS["fetch_stats"]({"Records": records}, Context()) == {
        "batchItemFailures": [{"itemIdentifier": "bad"}]
    }
    assert stored(aws, one) == [100]


def test_an_impossible_count_reaches_no_table(aws: Cloud, platforms: FakePlatforms) -> None:
    ids = youtubes(2, platforms)
    platforms.youtube[ids[0]] = {"subscriberCount": "9" * 50}
    track(aws, *ids)
    assert tick() == {"stored": 1, "unchanged": 0, "troubled": 1, "queued": 0, "failed": 0}
    assert stored(aws, *ids) == [None, 100]
