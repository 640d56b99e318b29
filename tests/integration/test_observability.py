"""One search finds the whole path of a reading, in lines that hold no key, and metrics count what happened."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import SECRETS, Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms, counts
from testing.subscribers import subscribe

CATS = "UC" + "c" * 22
KEYS = [value for keys in SECRETS.values() for name, value in keys.items() if name != "INSTAGRAM_USER_ID"]
ON_THE_WAY = {
    "reading stored",
    "batch fetched",
    "milestone reached",
    "alert planned",
    "delivered",
}


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={CATS: counts(9500)})


def tick() -> Any:

    return FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())


def pass_a_threshold(aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock) -> None:
    """A baseline, then a reading that passes 10K, up to its messages."""
    api("POST", "/api/channels", {"platform": "youtube", "handle": CATS})
    aws.flow()
    clock.sleep(60)
    platforms.youtube[CATS]["subscriberCount"] = "10100"
    tick()
    clock.sleep(2)
    aws.flow()


def test_one_trace_id_leads_from_the_reading_to_each_delivery(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    subscribe(aws, "77", "78", "79")
    pass_a_threshold(aws, api, platforms, clock)
    (reached,) = [line for line in logs.lines if line["message"] == "milestone reached"]
    way = [line for line in logs.lines if line.get("trace_id") == reached["trace_id"]]
    assert {line["message"] for line in way} >= ON_THE_WAY
    (delivered,) = [line for line in way if line["message"] == "delivered"]
    assert (delivered["part"], delivered["chats"]) == (0, ["77", "78", "79"])
    assert (delivered["failed"], delivered["left"]) == (0, 0)
    assert len(reached["trace_id"]) == 32
    assert all(line["trace_id"] for line in logs.lines if line["message"] in ON_THE_WAY)
    catch_up()
    (milestone,) = api("GET", "/api/milestones").json["items"]
    assert milestone["traceId"] == reached["trace_id"]


def test_the_trace_goes_on_where_something_fails(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    subscribe(aws, "77")
    platforms.broken["telegram"] = lambda: httpx.Response(502)
    pass_a_threshold(aws, api, platforms, clock)
    (reached,) = [line for line in logs.lines if line["message"] == "milestone reached"]
    failed = [
        line
        for line in logs.lines
        if line["message"] in ("Telegram did not answer", "message failed and will be retried")
    ]
    assert len(failed) == 4
    assert {line["trace_id"] for line in failed} == {reached["trace_id"]}


def test_a_record_or_a_batch_that_fails_is_logged_with_its_trace(
    aws: Cloud, api: Api, platforms: FakePlatforms, logs: Written
) -> None:

    api("POST", "/api/channels", {"platform": "youtube", "handle": CATS})
    changes = aws.changes()
    aws.table("MILESTONES_TABLE").delete()
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context())["batchItemFailures"]
    (line,) = [line for line in logs.lines if line["message"] == "stream record failed"]
    assert line["trace_id"] == changes[0]["dynamodb"]["NewImage"]["trace_id"]["S"]


def test_no_key_and_no_token_reaches_the_log(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    subscribe(aws, "77")
    pass_a_threshold(aws, api, platforms, clock)
    for platform, key in (("youtube", KEYS[0]), ("telegram", KEYS[1])):
        error = f"Consumer 'api_key:{key}' has been suspended"
        for answer in (
            httpx.Response(403, json={"error": {"message": error}, "ok": False, "description": error}),
            httpx.Response(500, text=error),
            httpx.Response(200, text=error),
        ):
            platforms.broken[platform] = partial(httpx.Response, answer.status_code, content=answer.content)
            clock.sleep(60)
            api("POST", f"/api/channels/youtube:{CATS}/refresh")
            api("POST", "/api/channels", {"platform": platform, "handle": "@other"})
            tick()
            aws.flow()
    assert logs.lines
    for key in [*KEYS, api.key("admin")]:
        assert key not in logs.text
    assert "api_key:[key]" in logs.text


def test_what_happened_is_counted_by_the_names_of_the_dashboard(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    subscribe(aws, "77", "78")
    pass_a_threshold(aws, api, platforms, clock)
    tick()
    platforms.broken["youtube"] = lambda: httpx.Response(503)
    tick()
    assert logs.metrics["ReadingsStored"] == [1, 1]
    assert logs.metrics["ReadingsUnchanged"] == [1]
    assert logs.metrics["MilestonesReached"] == [1]
    assert logs.metrics["DetectionDelay"] == [2000]
    assert logs.metrics["AlertsDelivered"] == [2]
    assert logs.metrics["AlertsFailed"] == [0]
    assert len(logs.metrics["DeliveryDelay"]) == 1
    assert logs.metrics["DeliveryDelay"][0] >= 2000
    assert logs.metrics["FetchErrors"] == [1]
    assert {"platform": "youtube", "service": "test"} in logs.dimensions


def test_every_line_is_json_with_a_time_in_utc(
    aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock, logs: Written
) -> None:
    pass_a_threshold(aws, api, platforms, clock)
    assert logs.text.count("\n") == len(logs.text.splitlines())
    assert all(line.startswith("{") for line in logs.text.splitlines())
    assert all(line["timestamp"].endswith("+00:00") for line in logs.lines)
