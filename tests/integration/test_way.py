"""The way of a reading, whole, in one process: from a schedule's tick to the message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cloud import Cloud, Context, cloud
from tests.support.platforms import FakePlatforms

ID = "UC" + "a" * 22


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={ID: {"subscriberCount": "9500", "viewCount": "1", "videoCount": "2"}})


@pytest.fixture
def aws(platforms: FakePlatforms) -> Iterator[Cloud]:
    with cloud(platforms.transport()) as made:
        yield made


def call(aws: Cloud, method: str, path: str, body: object = None, query: str = "", key: str | None = None) -> Any:
    from cairn.api_keys import ApiKeys
    from cairn.instants import now
    from functions.api.handler import handler

    key = key or ApiKeys(aws.table("AUDIENCE_TABLE")).create("test", ["admin"], now())
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "queryStringParameters": dict(pair.split("=") for pair in query.split("&") if pair),
        "headers": {"authorization": f"Bearer {key}", "content-type": "application/json"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "requestId": "r",
            "timeEpoch": int(now().timestamp() * 1000),
            "stage": "$default",
        },
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }
    answer = handler(event, Context(30.0))
    return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None


def test_a_count_that_passes_a_threshold_is_told_to_a_subscriber_once(aws: Cloud, platforms: FakePlatforms) -> None:
    from cairn.instants import now
    from cairn.subscribers import Subscribers
    from functions.fetch_stats.handler import handler as fetch

    Subscribers(aws.table("AUDIENCE_TABLE")).add("77", "private", "Ada", now())
    status, channel = call(aws, "POST", "/api/channels", {"platform": "youtube", "handle": "@" + ID})
    assert status == 201, channel
    aws.flow()
    assert platforms.sent == []
    platforms.youtube[ID]["subscriberCount"] = "10100"
    fetch({"source": "schedule"}, Context())
    fetch({"source": "schedule"}, Context())
    aws.flow()
    assert [chat for chat, _ in platforms.sent] == ["77"]
    status, milestones = call(aws, "GET", "/api/milestones")
    assert status == 200, milestones
    assert milestones["items"][0]["delivery"] == {"total": 1, "delivered": 1, "failed": 0}
    print(json.dumps(milestones, indent=1), platforms.sent)
    print(call(aws, "GET", f"/api/channels/youtube:{ID}"))
    print(call(aws, "GET", f"/api/channels/youtube:{ID}/history"))
    print(call(aws, "GET", "/api/channels", query="limit=0"))
    print(call(aws, "GET", "/api/health"), call(aws, "GET", "/api/nothing"))
    print(call(aws, "GET", "/api/subscribers"))
