"""The demo's product: users with a past, first acts that are milestones, and events that are sent until answered."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import httpx
import pytest

from cairn.workspace.document import Workspace
from local import usage
from local.settings import Settings, StartError, read_settings
from local.usage import CUSTOMERS, Product, past

TODAY = date(2026, 11, 30)
LIFETIME = (1, 10, 50, 100, 500, 1_000)


@pytest.fixture
def settings() -> Settings:
    return read_settings({}, Path("no such file"))


@dataclass
class Api:
    """What was sent to Cairn, and what it answers to an event."""

    status: int = 200
    error: str | None = None
    users: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer key"
        body = json.loads(request.content)
        match request.url.path:
            case "/api/users":
                self.users += body["users"]
                return httpx.Response(200, json={"results": [{"error": self.error}]})
            case "/api/usage/import":
                assert len(body["rows"]) <= 1_000
                self.rows += body["rows"]
                return httpx.Response(200, json={"results": [{"status": "imported"} for _ in body["rows"]]})
        self.events.append(body)
        return httpx.Response(self.status, json={})


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def product(settings: Settings, api: Api, clock: Clock | None = None) -> Product:
    return Product(settings, "key", httpx.MockTransport(api.answer), clock or Clock(), lambda: TODAY)


def test_the_users_come_with_their_zones_goals_and_a_past_that_is_imported(settings: Settings) -> None:
    api = Api()
    line = product(settings, api).launch()
    assert line == f"product: 6 users with {len(api.rows)} days behind them, simulated replies"
    assert {user["timeZone"] for user in api.users} <= available_timezones()
    assert all(user["email"].endswith("@example.com") for user in api.users)
    assert len({user["id"] for user in api.users}) == len(CUSTOMERS)
    assert len({(row["userId"], row["date"]) for row in api.rows}) == len(api.rows)
    assert sum(row["replies"] for row in api.rows) == sum(customer.replies for customer in CUSTOMERS)
    assert max(row["date"] for row in api.rows) < "2026-11-28", "what is imported is over for good"


def test_a_past_is_spread_over_its_days_with_more_of_it_lately() -> None:
    rows = past(usage.AROHA, TODAY, random.Random(1))  # noqa: S311 - simulation
    assert sum(row["replies"] for row in rows) == usage.AROHA.replies
    recent = sum(row["replies"] for row in rows if row["date"] >= "2026-06-15")
    assert recent > usage.AROHA.replies / 2
    assert past(usage.SAM, TODAY, random.Random(1)) == []  # noqa: S311 - simulation


def test_each_of_the_first_acts_reaches_something() -> None:
    types = Workspace().usage_types
    totals = {customer.id: customer.replies for customer in CUSTOMERS}
    features = dict.fromkeys(totals, "")
    for act in usage._FIRST_ACTS:
        customer, before = act.customer, totals[act.customer.id]
        feature = act.feature or str((types[act.type]["feature"] if act.type in types else None) or "")
        if act.type == "reply":
            totals[customer.id] += act.count
        crossed = any(before < step <= totals[customer.id] for step in LIFETIME)
        met = act.type == "reply" and customer.goal is not None and act.count >= customer.goal
        new_feature = feature not in features[customer.id] if feature else False
        features[customer.id] += f" {feature}"
        assert crossed or met or new_feature, act
    assert {act.type for act in usage._FIRST_ACTS} - {"feature"} <= set(types)
    assert set(usage._TYPES) <= set(types)


def test_every_event_has_an_id_of_its_own_and_comes_after_a_pause(settings: Settings) -> None:
    api, clock = Api(), Clock()
    simulated = product(settings, api, clock)
    assert simulated.next_action() is None, "nobody uses what is not launched"
    simulated.launch()
    assert simulated.next_action() is None
    said = []
    for _ in range(40):
        clock.seconds += 30
        said.append(simulated.next_action())
        simulated.act()
        assert simulated.next_action() is None
    assert said[:4] == [
        "Sam Whitfield: 1 reply",
        "Mara Jensen: 3 replies",
        "Kenji Mori: 1 meme",
        "Sam Whitfield: uses write_like_me",
    ]
    assert len({event["id"] for event in api.events}) == 40
    assert api.events[3] | {"id": ""} == {
        "userId": "sam",
        "type": "feature",
        "count": 1,
        "id": "",
        "feature": "write_like_me",
    }


def test_an_event_without_an_answer_is_sent_again_with_the_same_id(settings: Settings) -> None:
    api, clock = Api(status=503), Clock()
    simulated = product(settings, api, clock)
    simulated.launch()
    for _ in range(2):
        clock.seconds += 30
        said = simulated.next_action()
        simulated.act()
    assert said == "sends its last event again"
    api.status = 200
    for _ in range(2):
        clock.seconds += 30
        simulated.next_action()
        simulated.act()
    first, again, once_more, next_ = (event["id"] for event in api.events)
    assert first == again == once_more != next_


def test_a_refused_user_is_said_and_starts_nothing(settings: Settings) -> None:
    with pytest.raises(StartError, match="email: must be one"):
        product(settings, Api(error="email: must be one")).launch()
