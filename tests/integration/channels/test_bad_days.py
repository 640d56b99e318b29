"""What goes wrong with one account or platform never keeps the others from being asked, at this tick or the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from cairn.aws import sqs
from cairn.channels.fetch_order import FetchOrder
from cairn.channels.fetching import BATCH_SIZE, Fetching
from cairn.channels.recording import Recording
from cairn.channels.registry import Channel, Channels
from cairn.clock import now
from cairn.model import Reading, Subject
from cairn.readings.stats import Stats
from functions.fetch_stats.handler import Dependencies, create
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms, graph_error

GOOD = [f"good{number}" for number in range(5)]


def track(aws: Cloud, platform: str, *names: str) -> None:
    channels = Channels(aws.table("CHANNELS_TABLE"))
    for name in names:
        channels.add(Channel(platform, name, f"@{name}", name, now()))


def tick() -> Any:
    return FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())


def counted(aws: Cloud, platform: str) -> set[str]:
    """The channels that have a reading."""
    stats, channels = Stats(aws.table("STATS_TABLE")), Channels(aws.table("CHANNELS_TABLE"))
    return {channel.native_id for channel in channels.all(platform) if stats.get(channel.subject)}


def accounts(aws: Cloud, platforms: FakePlatforms, *names: str) -> None:
    platforms.instagram |= {name: {"id": name, "followers_count": 100} for name in names}
    track(aws, "instagram", *names)


def issue(aws: Cloud, channel_id: str) -> str | None:
    channel = Channels(aws.table("CHANNELS_TABLE")).get(channel_id)
    assert channel
    return channel.health_issue.code if channel.health_issue else None


@pytest.mark.parametrize("codes", [(100, 100, 100), (10, 10, 10), (100, 10, 803), (200, 110, 24)])
def test_three_bad_accounts_first_do_not_starve_the_rest(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, codes: tuple[int, ...]
) -> None:
    bad = ["bad0", "bad1", "bad2"]
    accounts(aws, platforms, *bad, *GOOD)
    for name, code in zip(bad, codes, strict=True):
        platforms.broken_channels[name] = partial(graph_error, code, 33 if code == 100 else None)
    assert tick() == {"stored": 5, "unchanged": 0, "troubled": 3, "queued": 0, "failed": 0}
    assert counted(aws, "instagram") == {*GOOD}
    assert {issue(aws, f"instagram:{name}") for name in bad} <= {"unknown_channel", "refused"}
    clock.sleep(300)
    assert tick()["unchanged"] == 5


FAILURES: list[Callable[[], httpx.Response]] = [
    lambda: graph_error(2, status=500),
    lambda: graph_error(1),
    lambda: httpx.Response(200, text="<html>"),
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("bad", [("bad0", "bad1", "bad2"), ("bad0", "bad1", "bad2", "bad3", "bad4", "bad5", "bad6")])
def test_accounts_that_always_fail_do_not_starve_the_rest(
    aws: Cloud, platforms: FakePlatforms, failure: Callable[[], httpx.Response], bad: tuple[str, ...]
) -> None:
    accounts(aws, platforms, *bad, *GOOD)
    platforms.broken_channels |= dict.fromkeys(bad, failure)
    assert tick() == {"stored": 5, "unchanged": 0, "troubled": 0, "queued": 0, "failed": len(bad)}


def test_bad_accounts_first_and_last_do_not_starve_the_rest_at_the_next_tick(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    bad = ["bad0", "bad1", "zzz"]
    accounts(aws, platforms, *bad, *GOOD)
    platforms.broken_channels |= dict.fromkeys(bad, FAILURES[0])
    assert tick()["stored"] == 0
    clock.sleep(300)
    assert tick()["stored"] == 5
    clock.sleep(300)
    assert tick()["unchanged"] == 5


def test_an_account_that_fails_among_others_raises_no_alarm(
    aws: Cloud, platforms: FakePlatforms, logs: Written
) -> None:
    accounts(aws, platforms, "bad0", *GOOD)
    platforms.broken_channels["bad0"] = FAILURES[0]
    tick()
    assert "FetchErrors" not in logs.metrics
    (line,) = [line for line in logs.lines if line["message"] == "platform does not answer"]
    assert line["channels"] == ["instagram:bad0"]


def test_a_refusal_of_every_account_raises_the_alarm_and_ends_by_itself(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    accounts(aws, platforms, *GOOD)
    platforms.broken["instagram"] = lambda: graph_error(10)
    assert tick() == {"stored": 0, "unchanged": 0, "troubled": 5, "queued": 0, "failed": 0}
    assert logs.metrics["FetchErrors"] == [1]
    assert "platform counts none of the channels: check its key and permissions" in logs.text
    platforms.broken.clear()
    clock.sleep(300)
    assert tick()["stored"] == 5
    assert [issue(aws, f"instagram:{name}") for name in GOOD] == [None] * 5


def test_a_rejected_key_is_tried_once_and_the_next_tick_begins_with_another_account(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    accounts(aws, platforms, "bad0", *GOOD)
    platforms.broken_channels["bad0"] = lambda: graph_error(190, status=401)
    assert tick() == {"stored": 0, "unchanged": 0, "troubled": 0, "queued": 0, "failed": 6}
    assert len(platforms.calls) == 1
    assert logs.metrics["FetchErrors"] == [1]
    clock.sleep(300)
    assert tick()["stored"] == 5


def test_an_hours_quota_of_four_calls_reaches_eight_accounts_in_turn(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    names = [f"name{number}" for number in range(8)]
    accounts(aws, platforms, *names)
    hours: list[set[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if len(platforms.calls) >= 4:
            return graph_error(4, status=403)
        return platforms.answer(request)

    handler: Any = create(Dependencies(httpx.MockTransport(answer)))
    for hour in range(4):
        platforms.calls.clear()
        for name in names:
            platforms.instagram[name]["followers_count"] = 100 + hour
        clock.sleep(3601)
        assert handler({"source": "schedule"}, Context())["stored"] == 4
        stats = Stats(aws.table("STATS_TABLE"))
        fresh = {
            one
            for one in names
            if (found := stats.get(Subject("channel", f"instagram:{one}"))) and found.as_of == now()
        }
        hours.append(fresh)
    assert hours == [{*names[:4]}, {*names[4:]}] * 2


def test_a_chat_that_always_asks_to_wait_does_not_starve_the_rest(
    aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    platforms.members |= {-1: 10, -2: 20, -3: 30}
    track(aws, "telegram", "-1", "-2", "-3")
    wait = {"ok": False, "error_code": 429, "description": "wait", "parameters": {"retry_after": 5}}
    platforms.broken_channels["-1"] = lambda: httpx.Response(429, json=wait)
    for _ in range(3):
        clock.sleep(300)
        tick()
    assert counted(aws, "telegram") == {"-2", "-3"}


def test_a_channel_that_fails_a_call_of_fifty_is_alone_in_it(aws: Cloud, platforms: FakePlatforms) -> None:
    ids = [f"UC{number:022d}" for number in range(BATCH_SIZE)]
    platforms.youtube |= {one: {"subscriberCount": "100"} for one in ids}
    track(aws, "youtube", *ids)
    closed = {"error": {"code": 403, "message": "closed", "errors": [{"reason": "channelClosed"}]}}
    platforms.broken_channels[ids[0]] = lambda: httpx.Response(403, json=closed)
    assert tick() == {"stored": 49, "unchanged": 0, "troubled": 1, "queued": 0, "failed": 0}
    assert issue(aws, f"youtube:{ids[0]}") == "refused"


def test_an_unexpected_error_of_one_channel_is_raised_after_the_others_are_stored(
    aws: Cloud, platforms: FakePlatforms
) -> None:
    accounts(aws, platforms, "bad0", *GOOD)

    class Poisoned(Stats):
        def record(self, reading: Reading) -> bool:
            if reading.subject.id == "instagram:bad0":
                raise RuntimeError("poison")
            return super().record(reading)

    table = aws.table("CHANNELS_TABLE")
    channels, queue = Channels(table), sqs.queue(os.environ["FETCH_QUEUE_URL"])
    fetching = Fetching(
        channels=channels,
        recording=Recording(channels=channels, stats=Poisoned(aws.table("STATS_TABLE")), rules_version=0),
        order=FetchOrder(table),
        platforms=FUNCTIONS["fetch_stats"].dependencies.platforms,
        queue=queue,
    )
    with pytest.raises(RuntimeError, match="poison"):
        fetching.sweep(["instagram"], "schedule", lambda: 30.0)
    assert counted(aws, "instagram") == {*GOOD}
