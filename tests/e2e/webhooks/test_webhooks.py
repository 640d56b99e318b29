"""The deployed template: a milestone reaches a receiver, verified, and what a receiver refuses is tried again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.e2e.channels.test_ways import Tracked, ok

GRACE_SECONDS = 2.0
"""How long a test waits for a message that must not come."""
WITHIN_SECONDS = 30.0
TYPE = "acme.order_paid"


@dataclass
class Crm:
    """A receiver of the sandbox and the endpoint that leads to it."""

    cloud: LocalCloud
    name: str
    endpoint: str

    def publish(self, **data: Any) -> None:
        """An event that this endpoint alone wants."""
        ok(self.cloud.api.post("/api/webhooks/events", json={"type": TYPE, "data": {"crm": self.name, **data}}))

    def fails(self, mode: str, **how: Any) -> None:
        ok(self.cloud.sandbox.post(f"/control/crm/{self.name}/failure", json={"mode": mode, **how}))

    def works(self) -> None:
        ok(self.cloud.sandbox.delete(f"/control/crm/{self.name}/failure"))

    def received(self) -> list[dict[str, Any]]:
        deliveries: list[dict[str, Any]] = ok(self.cloud.sandbox.get(f"/control/crm/{self.name}"))["deliveries"]
        return deliveries

    def gets(self, number: int) -> list[dict[str, Any]]:
        """What came, once there are so many."""
        return wait_for(
            lambda: found if len(found := self.received()) >= number else None,
            WITHIN_SECONDS,
            missing=f"{number} deliveries",
        )

    def message(self, status: str) -> dict[str, Any]:
        """The newest message, once it has this status, with its attempts."""
        params = {"endpoint": self.endpoint, "status": status}
        items = wait_for(
            lambda: ok(self.cloud.api.get("/api/webhooks/messages", params=params))["items"] or None,
            WITHIN_SECONDS,
            missing=f"a message that is {status}",
        )
        details: dict[str, Any] = ok(self.cloud.api.get(f"/api/webhooks/messages/{items[0]['id']}"))
        return details

    def state(self) -> str:
        return str(ok(self.cloud.api.get(f"/api/webhooks/endpoints/{self.endpoint}"))["state"])


def connected(cloud: LocalCloud, wanted: Mapping[str, Any] | None = None) -> Crm:
    """A new CRM, which knows its endpoint's secret and wants what this filter says, or its own events."""
    name = f"crm-{uuid4().hex[:8]}"
    body = {"url": f"{cloud.outputs['SandboxUrl']}/crm/{name}", "filter": wanted or {"crm": name}}
    made = ok(cloud.api.post("/api/webhooks/endpoints", json=body))
    ok(cloud.sandbox.put(f"/control/crm/{name}", json={"secret": made["secret"]}))
    return Crm(cloud, name, made["id"])


@pytest.fixture
def crm(local_cloud: LocalCloud) -> Crm:
    return connected(local_cloud)


def test_a_milestone_arrives_once_and_verified(local_cloud: LocalCloud) -> None:
    channel = Tracked(local_cloud, 950)
    crm = connected(local_cloud, {"name": channel.name})
    channel.counts(1_100)
    channel.refresh()
    crm.gets(1)
    time.sleep(GRACE_SECONDS)
    (one,) = crm.received()
    assert (one["type"], one["problem"], one["nth"]) == ("milestone_reached", None, 1)
    message = crm.message("sent")
    assert one["webhook_id"] == message["id"]
    assert (message["subject"], message["data"]["threshold"]) == (f"channel:{channel.id}", 1_000)
    assert [attempt["status"] for attempt in message["attempts"]] == [200]


def test_what_a_receiver_refuses_is_tried_again_under_the_same_id(crm: Crm) -> None:
    crm.fails("status", status=503, requests=1)
    crm.publish(order=1)
    first, second = crm.gets(2)
    assert (first["outcome"], second["outcome"]) == ("503", "200")
    assert first["webhook_id"] == second["webhook_id"]
    assert (second["problem"], second["accepted_before"]) == (None, False)
    message = crm.message("sent")
    assert [(attempt["status"], attempt["error"]) for attempt in message["attempts"]] == [(503, "HTTP"), (200, None)]


@pytest.mark.parametrize(
    ("mode", "how", "error"),
    [("reset", {}, "CONNECTION"), ("status", {"status": 301}, "HTTP"), ("hang", {"delay": 20}, "TIMEOUT")],
)
def test_a_receiver_that_fails_in_another_way_is_tried_again(
    crm: Crm, mode: str, how: dict[str, Any], error: str
) -> None:
    crm.fails(mode, requests=1, **how)
    crm.publish(order=1)
    crm.gets(2)
    message = crm.message("sent")
    assert [attempt["error"] for attempt in message["attempts"]] == [error, None]
    assert ok(crm.cloud.sandbox.get("/control/crm/moved"))["received"] == 0


def test_a_receiver_that_is_gone_is_left_alone_and_what_happens_meanwhile_is_replayable(crm: Crm) -> None:
    crm.fails("status", status=410)
    crm.publish(order=1)
    crm.gets(1)
    wait_for(lambda: crm.state() == "disabled" or None, WITHIN_SECONDS, missing="a disabled endpoint")
    crm.publish(order=2)
    crm.works()
    time.sleep(GRACE_SECONDS)
    assert len(crm.received()) == 1
    ok(crm.cloud.api.post(f"/api/webhooks/endpoints/{crm.endpoint}/resume"))
    ok(crm.cloud.api.post(f"/api/webhooks/endpoints/{crm.endpoint}/recover", json={}))
    orders = {1, 2}

    def all_accepted() -> bool:
        accepted = [one for one in crm.received() if one["outcome"] == "200"]
        return {number for number in orders for one in accepted if f'"order":{number}' in one["body"]} == orders

    wait_for(lambda: all_accepted() or None, 90, missing="both orders")
