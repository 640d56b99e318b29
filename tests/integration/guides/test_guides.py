"""The guides of docs/architecture.md, followed: the code that stands there is run as it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

import functions
from cairn import rules
from cairn.aws.sqs import Queue
from cairn.channels import platforms as platforms_package
from cairn.channels.announce import ChannelAnnouncer
from cairn.clock import now
from cairn.model import Milestone, Subject
from testing.api import Api, telegram
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS, Running
from testing.guides import block, followed
from testing.platforms import FakePlatforms

CHAT = {"id": 7, "type": "private", "first_name": "Ada"}


def subscribe() -> None:
    assert telegram({"update_id": 1, "message": {"chat": CHAT, "text": "/start"}}).status == 200


# -- a platform


class Forge:
    """The guide's platform: one repository."""

    def __init__(self) -> None:
        self.stars = 950
        self.names = {"ada/engine": 42}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.params["token"] == "forge-token"
        name = request.url.path.partition("/repos/")[2]
        if name not in self.names:
            return httpx.Response(404, json={"message": "Not Found"})
        body = {"id": self.names[name], "name": "engine", "html_url": f"https://forge.example/{name}"}
        return httpx.Response(200, json=body | {"stargazers_count": self.stars})


@pytest.fixture
def forge(aws: Cloud, platforms: FakePlatforms, tmp_path: Path) -> Iterator[Forge]:
    """The platform as the guide adds it, deployed with its address and its secret."""
    entry = json.loads(block("platform", "json"))["forge"]
    boto3.client("secretsmanager").create_secret(Name="forge", SecretString=json.dumps({"FORGE_TOKEN": "forge-token"}))
    os.environ |= {"FORGE_SECRET": "forge", "FORGE_API_URL": entry["url"]}
    made = Forge()
    FUNCTIONS.transport = httpx.MockTransport(
        lambda request: made(request) if request.url.host == "forge.example" else platforms.answer(request)
    )
    with followed(platforms_package, "forge.py", "platform", tmp_path) as module:
        assert entry["keys"] == list(module.Forge.required_keys)
        platforms_package.available.cache_clear()
        yield made
    platforms_package.available.cache_clear()
    del os.environ["FORGE_SECRET"], os.environ["FORGE_API_URL"]


def test_a_platform_that_follows_the_guide_is_tracked_fetched_and_announced(
    forge: Forge, aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    subscribe()
    tracked = api("POST", "/api/channels", {"platform": "forge", "handle": "ada/engine"})
    assert (tracked.status, tracked.json["subscribers"], tracked.json["id"]) == (201, 950, "forge:42")
    assert tracked.json["page"] == "https://forge.example/ada/engine"
    aws.flow()
    forge.stars = 1_003
    clock.sleep(300)
    assert FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())["stored"] == 1
    aws.flow()
    assert [text for _, text in platforms.sent if "engine" in text] == [
        "🎉 <b>engine</b> passed <b>1K</b> subscribers on forge!\nNow at 1,003."
    ]


def test_its_errors_are_the_platforms_and_its_unknown_names_are_told_apart(
    forge: Forge, api: Api, clock: ControlledClock
) -> None:
    assert api("POST", "/api/channels", {"platform": "forge", "handle": "engine"}).status == 400
    assert api("POST", "/api/channels", {"platform": "forge", "handle": "ada/nothing"}).status == 404
    tracked = api("POST", "/api/channels", {"platform": "forge", "handle": "ada/engine"}).json["id"]
    forge.names["ada/engine"] = 43
    clock.sleep(1)
    assert api("POST", f"/api/channels/{tracked}/refresh").json["trouble"]["code"] == "unknown_channel"


# -- a rule


@pytest.fixture
def videos(tmp_path: Path) -> Iterator[None]:
    """The rule as the guide adds it."""
    with followed(rules, "videos.py", "rule", tmp_path):
        rules._known.cache_clear()
        yield
    rules._known.cache_clear()


def test_a_rule_that_follows_the_guide_is_detected_and_announced(
    videos: None, aws: Cloud, api: Api, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    subscribe()
    cats = "UC" + "c" * 22
    platforms.youtube[cats] = {"subscriberCount": "120", "videoCount": "9"}
    assert api("POST", "/api/channels", {"platform": "youtube", "handle": cats}).status == 201
    aws.flow()
    platforms.youtube[cats]["videoCount"] = "51"
    clock.sleep(300)
    FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())
    aws.flow()
    clock.sleep(1)
    (item,) = api("GET", "/api/milestones").json["items"]
    assert (item["rule"], item["threshold"], item["alsoPassed"]) == (
        "videos",
        50,
        [{"threshold": 10, "label": "10"}],
    )
    assert "passed <b>50</b> videos on YouTube" in platforms.sent[-1][1]


def test_its_thresholds_may_be_replaced_by_its_name(videos: None) -> None:
    (rule,) = (one for one in rules.catalogue({"videos": [7]}) if one.name == "videos")
    assert getattr(rule, "thresholds", None) == (7,)


# -- a means of notification


def milestone() -> Milestone:
    subject = Subject("channel", "youtube:UC")
    return Milestone(subject, "Cats", "subscribers", "subscribers", "all-time", 1000, "1K", 1003, (), now(), "t" * 32)


def test_a_means_that_follows_the_guide_sends_each_alert_and_retries_what_failed(
    aws: Cloud, clock: ControlledClock, tmp_path: Path, platforms: FakePlatforms
) -> None:
    sent: dict[str, str] = {}
    failures = [httpx.Response(503)]

    def gateway(request: httpx.Request) -> httpx.Response:
        if failures:
            return failures.pop()
        body = json.loads(request.content)
        sent[body["id"]] = body["text"]
        return httpx.Response(200, json={})

    url = boto3.client("sqs").create_queue(QueueName="sms")["QueueUrl"]
    os.environ |= {"SMS_QUEUE_URL": url, "SMS_GATEWAY_URL": "http://sms.test/messages"}
    try:
        with followed(functions, "send_sms/handler.py", "means", tmp_path):
            send_sms = Running("send_sms", transport=httpx.MockTransport(gateway))
            ChannelAnnouncer(notify=Queue(boto3.client("sqs"), url)).announce(milestone())
            (record,) = aws.messages("SMS_QUEUE_URL")
            answer: Any = send_sms({"Records": [record]}, Context())
            assert answer["batchItemFailures"] == [{"itemIdentifier": record["messageId"]}]
            assert aws.messages("SMS_QUEUE_URL") == []
            clock.sleep(timedelta(seconds=11).total_seconds())
            (again,) = aws.messages("SMS_QUEUE_URL")
            assert send_sms({"Records": [again]}, Context()) == {"batchItemFailures": []}
    finally:
        del os.environ["SMS_QUEUE_URL"], os.environ["SMS_GATEWAY_URL"]
    assert sent == {milestone().id: "Cats passed 1K"}
