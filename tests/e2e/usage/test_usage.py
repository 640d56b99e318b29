"""The deployed template: a user's first reply reaches the CRM once, and what a product copies from our page works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from local.settings import ROOT
from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.e2e.channels.test_ways import ok

GRACE_SECONDS = 2.0
"""How long a test waits for a message that must not come."""
WITHIN_SECONDS = 30.0
SNIPPETS = ROOT / "web" / "snippets"
NODE = Path(sys.prefix) / "bin" / "node"
PRODUCTS = {
    "py": """
import os, sys
from datetime import datetime, timezone
sys.path.insert(0, "SNIPPETS")
from track import Usage
usage, at = Usage("URL", os.environ["CAIRN_KEY"]), datetime.now(timezone.utc)
for number in range(30):
    usage.track("USER", "reply", id=f"USER-{number % 25}", at=at)
usage.track("USER", "feature", feature="research")
""",
    "mjs": """
import { Usage } from 'SNIPPETS/track.mjs';
const usage = new Usage('URL', process.env.CAIRN_KEY), at = new Date();
for (let number = 0; number < 30; number += 1) usage.track('USER', 'reply', 1, { id: `USER-${number % 25}`, at });
usage.track('USER', 'feature', 1, { feature: 'research' });
""",
}
"""Programs that send 25 replies, five of them twice, and a use of a feature."""


@dataclass
class Customer:
    """A product's user, and the CRM that is told of this user alone."""

    cloud: LocalCloud
    id: str

    @property
    def email(self) -> str:
        return f"{self.id}@example.com"

    def put(self, **profile: Any) -> dict[str, Any]:
        user: dict[str, Any] = ok(self.cloud.api.put(self.path, json={"email": self.email, **profile}))
        return user

    @property
    def path(self) -> str:
        return f"/api/users/{quote(self.id, safe='')}"

    def does(self, type_: str, **more: Any) -> dict[str, Any]:
        body = {"userId": self.id, "type": type_, "id": uuid4().hex, **more}
        answer: dict[str, Any] = ok(self.cloud.api.post("/api/usage/track", json=body))
        return answer

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = ok(self.cloud.api.get(self.path))
        return found

    def milestones(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ok(self.cloud.api.get(f"{self.path}/milestones"))["items"]
        return found

    def told(self) -> list[dict[str, Any]]:
        """What the CRM received."""
        found: list[dict[str, Any]] = ok(self.cloud.sandbox.get(f"/control/crm/{self.id}"))["deliveries"]
        return found

    def is_told(self, type_: str, number: int = 1) -> list[dict[str, Any]]:
        """Those of a type, once there are so many."""

        def found() -> list[dict[str, Any]] | None:
            of_type = [one for one in self.told() if one["type"] == type_]
            return of_type if len(of_type) >= number else None

        return wait_for(found, WITHIN_SECONDS, missing=f"{number} {type_}")


@pytest.fixture
def customer(local_cloud: LocalCloud) -> Customer:
    made = Customer(local_cloud, f"user-{uuid4().hex[:8]}")
    body = {"url": f"{local_cloud.outputs['SandboxUrl']}/crm/{made.id}", "filter": {"subject": f"user:{made.id}"}}
    endpoint = ok(local_cloud.api.post("/api/webhooks/endpoints", json=body))
    ok(local_cloud.sandbox.put(f"/control/crm/{made.id}", json={"secret": endpoint["secret"]}))
    return made


def test_a_first_reply_is_one_milestone_and_one_e_mail(customer: Customer) -> None:
    customer.put(name="Sam Whitfield", timeZone="America/Los_Angeles", dailyGoal=12)
    answer = customer.does("reply", count=12)
    assert (answer["lifetimeTotal"], answer["isFirst"], answer["goalAchieved"]) == (12, True, True)
    assert answer["timezone"] == "America/Los_Angeles"
    (reached,) = customer.is_told("milestone_reached")
    (goal,) = customer.is_told("daily_goal_achieved")
    customer.is_told("user_created")
    time.sleep(GRACE_SECONDS)
    assert sorted(one["type"] for one in customer.told()) == [
        "daily_goal_achieved",
        "milestone_reached",
        "user_created",
    ]
    assert [one["problem"] for one in customer.told()] == [None] * 3
    data = json.loads(reached["body"])["data"]
    assert (data["threshold"], [passed["threshold"] for passed in data["alsoPassed"]]) == (10, [1])
    assert data["milestone"] in {milestone["id"] for milestone in answer["milestones"]}
    assert (data["contact"]["email"], data["isFirst"]) == (customer.email, True)
    assert (reached["mail"]["to"], reached["mail"]["template"]) == (customer.email, "getting_started_congrats")
    assert goal["mail"]["template"] == "first_goal_achieved"
    listed = {one["type"]: one["event"] for one in customer.milestones()}
    for type_, delivery in (("replies", reached), ("daily_goal", goal)):
        messages = ok(customer.cloud.api.get("/api/webhooks/messages", params={"event": listed[type_]}))["items"]
        assert delivery["webhook_id"] in {message["id"] for message in messages}


def test_a_repeat_and_a_second_use_of_a_feature_tell_nothing_more(customer: Customer) -> None:
    body = {"type": "meme", "id": "meme-1"}
    first, again = (ok(customer.cloud.api.post("/api/usage/track", json={"userId": customer.id, **body})) for _ in "12")
    customer.does("meme")
    assert (first["duplicate"], again["duplicate"], again["lifetimeTotal"]) == (False, True, 1)
    (used,) = customer.is_told("feature_first_used")
    assert json.loads(used["body"])["data"]["template"] == "meme_discovery"
    time.sleep(GRACE_SECONDS)
    assert sorted(one["type"] for one in customer.told()) == ["feature_first_used", "milestone_reached", "user_created"]
    assert customer.record()["totals"]["memes"] == 2


def test_a_past_is_imported_in_silence(customer: Customer) -> None:
    rows = [{"userId": customer.id, "date": f"2026-0{month}-15", "replies": 40} for month in range(1, 7)]
    imported = ok(customer.cloud.api.post("/api/usage/import", json={"rows": rows}))["results"]
    again = ok(customer.cloud.api.post("/api/usage/import", json={"rows": rows}))["results"]
    assert [one["status"] for one in imported + again] == ["imported"] * 6 + ["unchanged"] * 6
    assert customer.record()["totals"]["replies"] == 240
    time.sleep(GRACE_SECONDS)
    assert [one for one in customer.told() if one["type"] != "user_created"] == []
    customer.does("reply", count=260)
    (reached,) = customer.is_told("milestone_reached")
    assert json.loads(reached["body"])["data"]["threshold"] == 500


def test_an_erased_user_stays_erased_and_the_crm_is_told(customer: Customer) -> None:
    customer.put(name="Sam Whitfield")
    customer.does("reply")
    customer.is_told("milestone_reached")
    ok(customer.cloud.api.delete(customer.path))
    customer.is_told("user_deleted")
    body = {"userId": customer.id, "type": "reply", "id": "late"}
    assert customer.cloud.api.post("/api/usage/track", json=body).status_code == 409
    assert customer.cloud.api.get(customer.path).status_code == 404


@pytest.mark.parametrize("language", PRODUCTS)
def test_the_snippets_send_to_a_real_cairn(customer: Customer, language: str, tmp_path: Path) -> None:
    file, program = tmp_path / f"product.{language}", PRODUCTS[language]
    for name, value in {"SNIPPETS": SNIPPETS, "URL": customer.cloud.outputs["ApiUrl"], "USER": customer.id}.items():
        program = program.replace(name, str(value))
    file.write_text(program)
    command = sys.executable if language == "py" else str(NODE)
    environment = os.environ | {"CAIRN_KEY": customer.cloud.outputs["AdminApiKey"], "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [command, str(file)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    record = customer.record()
    assert (record["totals"]["replies"], record["features"]) == (25, ["research"])
