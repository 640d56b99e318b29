"""An operator suspends and resumes chats, and has those notified who were not."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from cairn.clock import now
from cairn.model import DeliveryTally
from cairn.readings.milestones import Milestones
from cairn.telegram.deliveries import Deliveries, Plan, Progress
from cairn.telegram.subscribers import Subscribers
from operations import subscribers
from operations.clients import Clients
from operations.milestones import announce
from operations.stack import OperationError, Stack
from testing.cloud import Cloud
from testing.platforms import FakePlatforms
from testing.readings import channel_milestone
from testing.subscribers import subscribe


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms()


@pytest.fixture
def stack(aws: Cloud) -> Stack:
    clients = Clients.of_the_account()
    configuration = {"Environment": {"Variables": dict(os.environ)}}
    events: Any = clients.functions.meta.events
    events.register(
        "before-call.lambda.GetFunctionConfiguration", lambda **_: (SimpleNamespace(status_code=200), configuration)
    )
    outputs = {
        "AudienceTable": "audience_table",
        "MilestonesTable": "milestones_table",
        "DetectMilestoneFunction": "detect",
        "SettingsTable": "settings_table",
    }
    return Stack("Cairn", clients, outputs, "")


def test_announce_notifies_those_who_were_not_notified_and_nobody_else(
    aws: Cloud, stack: Stack, platforms: FakePlatforms
) -> None:
    subscribe(aws, "77", "78", "79")
    milestone = channel_milestone(1000)
    milestones = Milestones(aws.table("MILESTONES_TABLE"))
    milestones.record(milestone)
    deliveries = Deliveries(aws.table("AUDIENCE_TABLE"), aws.table("MILESTONES_TABLE"))
    deliveries.plan(milestone, Plan((), 3), now())
    deliveries.acquire(milestone.id, 0, "before", now(), now() - now())
    deliveries.record_progress(milestone.id, 0, "before", ["77"], ["78", "79"])
    outcome = Progress(frozenset({"77"}), frozenset({"78", "79"}))
    deliveries.finish(milestone.id, 0, outcome, milestone, 3, now())
    subscribe(aws, "80")
    assert "2 chats that were not notified are tried again" in announce(stack, milestone.id)
    aws.flow()
    assert [chat for chat, _ in platforms.sent] == ["78", "79"]
    assert "queued again" in announce(stack, milestone.id)
    aws.flow()
    assert len(platforms.sent) == 2
    at = milestone.achieved_at
    assert milestones.page(None, at, at, 1, None).items[0][1] == DeliveryTally(3, 3, 0)


def test_chats_are_suspended_listed_and_resumed(aws: Cloud, stack: Stack) -> None:
    known = Subscribers(aws.table("AUDIENCE_TABLE"))
    known.add("-1005", "supergroup", "Cats", now())
    known.add("77", "private", "Ada", now())
    assert subscribers.suspend(stack, ["-1005", "77", "78"]) == [
        "-1005: suspended",
        "77: suspended",
        "78: is not subscribed",
    ]
    assert [line.split("  ", 1)[1] for line in subscribers.suspended(stack)] == [
        "-1005  Cats: by an operator",
        "77  Ada: by an operator",
    ]
    assert subscribers.resume(stack, ["-1005", "78"], every=False) == ["-1005: resumed", "78: is not suspended"]
    assert subscribers.resume(stack, [], every=True) == ["77: resumed"]
    assert known.count() == 2
    with pytest.raises(OperationError, match="Name the chats"):
        subscribers.resume(stack, [], every=False)
