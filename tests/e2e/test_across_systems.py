"""All systems at once: what happens in each is followed by its one trace id to everybody who is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from testing.local_cloud import CREATORS_CHAT, LocalCloud
from testing.waiting import wait_for
from tests.e2e.channels.test_ways import Person, Tracked, ok
from tests.e2e.creators.earners import Earner, signed
from tests.e2e.leaderboard.test_leaderboard import hire, sell
from tests.e2e.sockets import Listener, ticket
from tests.e2e.webhooks.test_webhooks import Crm, connected

CHAT = 990_777
WITHIN_SECONDS = 30.0


@pytest.fixture(scope="module")
def subscriber(local_cloud: LocalCloud) -> Iterator[Person]:
    """Somebody who is told of channels."""
    person = Person(local_cloud, CHAT)
    person.write("/start")
    person.is_told("You'll be notified")
    yield person
    person.write("/stop")


@pytest.fixture(scope="module")
def manager(local_cloud: LocalCloud) -> Person:
    """The chat that alone is told of creators."""
    person = Person(local_cloud, CREATORS_CHAT)
    person.write("hello")
    return person


def told_of(cloud: LocalCloud, subject: str) -> Crm:
    return connected(cloud, {"subject": subject})


def reached(cloud: LocalCloud, subject: str) -> dict[str, Any]:
    """The only milestone of a subject, once there is one."""
    (one,) = wait_for(
        lambda: ok(cloud.api.get("/api/milestones", params={"subject": subject}))["items"] or None,
        WITHIN_SECONDS,
        missing=f"a milestone of {subject}",
    )
    return dict(one)


def milestone_told(crm: Crm) -> str:
    """The id of the milestone that the CRM was told of, verified."""

    def found() -> dict[str, Any] | None:
        return next((one for one in crm.received() if one["type"] == "milestone_reached"), None)

    delivery = wait_for(found, WITHIN_SECONDS, missing="a milestone at the CRM")
    assert (delivery["verified"], delivery["outcome"]) == (True, "200")
    return str(json.loads(delivery["body"])["data"]["milestone"])


def followed(cloud: LocalCloud, trace_id: str, path: Mapping[str, str]) -> None:
    """AssertionError unless one search in the logs shows each of these lines, by the function that wrote it."""
    logs = cloud.stack.clients.logs

    def missing() -> set[tuple[str, str]]:
        found = set()
        for group in logs.describe_log_groups()["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for event in (event for page in pages for event in page["events"]):
                if trace_id in event["message"]:
                    line = json.loads(event["message"][event["message"].index("{") :])
                    found.add((line["service"], line["message"]))
        return set(path.items()) - found

    wait_for(lambda: not missing(), WITHIN_SECONDS, missing=f"all of {path} under {trace_id}")


def test_a_channels_refresh_leads_to_a_message_and_a_webhook(local_cloud: LocalCloud, subscriber: Person) -> None:
    channel = Tracked(local_cloud, 950)
    crm = told_of(local_cloud, f"channel:{channel.id}")
    channel.refresh()
    channel.counts(1_100)
    channel.refresh()
    milestone = reached(local_cloud, f"channel:{channel.id}")
    assert "passed 1K" in subscriber.is_told(channel.name)
    assert milestone_told(crm) == milestone["id"]
    path = {
        "api": "reading stored",
        "detect_milestone": "milestone reached",
        "notify": "delivered",
        "deliver_webhook": "webhook sent",
    }
    followed(local_cloud, milestone["traceId"], path)


def test_a_sale_leads_to_the_room_of_the_sales_floor_and_a_webhook(local_cloud: LocalCloud) -> None:
    rep = hire(local_cloud)
    crm = told_of(local_cloud, f"rep:{rep}")
    with Listener(local_cloud, ticket(local_cloud)) as tv:
        assert tv.join_room("tv-display")["event"] == "joined"
        sell(local_cloud.api, rep, monthlySignups=10)
        milestone = reached(local_cloud, f"rep:{rep}")
        tv.first(
            lambda frame: (
                frame["event"] == "achievement:celebration" and frame["data"]["milestone"]["id"] == milestone["id"]
            )
        )
    assert milestone_told(crm) == milestone["id"]
    path = {
        "api": "audit",
        "detect_milestone": "milestone reached",
        "broadcast": "event broadcast",
        "deliver_webhook": "webhook sent",
    }
    followed(local_cloud, milestone["traceId"], path)


def test_a_usage_event_leads_to_a_webhook_and_the_users_page(local_cloud: LocalCloud) -> None:
    user = f"user-{uuid4().hex[:8]}"
    crm = told_of(local_cloud, f"user:{user}")
    body = {"userId": user, "type": "reply", "id": uuid4().hex}
    answer = ok(local_cloud.api.post("/api/usage/track", json=body))
    milestone = reached(local_cloud, f"user:{user}")
    assert [one["id"] for one in answer["milestones"]] == [milestone["id"]]
    assert milestone_told(crm) == milestone["id"]
    assert [one["threshold"] for one in ok(local_cloud.api.get(f"/api/users/{user}/milestones"))["items"]] == [1]
    path = {
        "ingest_usage": "usage counted",
        "detect_milestone": "milestone reached",
        "deliver_webhook": "webhook sent",
    }
    followed(local_cloud, milestone["traceId"], path)


def test_a_creators_payment_leads_to_the_dashboard_the_room_one_chat_and_a_webhook(
    local_cloud: LocalCloud, subscriber: Person, manager: Person
) -> None:
    earner = signed(local_cloud)
    crm = told_of(local_cloud, f"creator:{earner.id}")
    earner.done(earner.presses_sync_data())
    name = earner.is_synced()["name"]
    with Listener(local_cloud, ticket(local_cloud)) as page:
        assert page.join_room("creators")["event"] == "joined"
        earner.sells(12_000)
        milestone = reached(local_cloud, f"creator:{earner.id}")
        state = page.first(lambda frame: _is_of(frame, "creators:revenue", earner))
        celebrated = page.first(lambda frame: _is_of(frame, "creators:milestone", earner))
    assert (celebrated["data"]["milestone"], state["data"]["revenue"]) == (milestone["id"], 120)
    assert state["data"]["traceId"] == milestone["traceId"]
    earner.shows(earner.truth())
    assert [one["traceId"] for one in earner.transactions()] == [milestone["traceId"]]
    assert milestone["id"] in {one["id"] for one in earner.dashboard()["milestones"]}
    assert milestone_told(crm) == milestone["id"]
    assert "100" in manager.is_told(name)
    assert subscriber.told(name) == [], "what a creator earns is told to one chat alone"
    path = {
        "creator_webhook": "event of a webhook received",
        "roll_up_transactions": "transactions rolled up",
        "sync_transactions": "creator synced",
        "detect_milestone": "milestone reached",
        "broadcast": "event broadcast",
        "notify": "delivered",
        "deliver_webhook": "webhook sent",
    }
    followed(local_cloud, milestone["traceId"], path)


def _is_of(frame: Mapping[str, Any], event: str, earner: Earner) -> bool:
    return bool(frame["event"] == event and frame["data"]["creatorId"] == earner.id)
