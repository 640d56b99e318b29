"""A refresh that dies at any call, or whose write fails: the token is used once, and lost only where it must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cairn.aws import dynamodb, vault
from cairn.creators.credentials import LEASE
from cairn.errors import KeyRejectedError
from testing.clock import ControlledClock
from testing.cloud import Cloud
from tests.integration.creators.oauth import MIRA, UUID, Server, platforms, warm


@pytest.fixture
def server() -> Server:
    return Server()


class Died(BaseException):
    """The sandbox of Lambda; nothing catches it."""


@dataclass
class Steps:
    """Counts the calls to DynamoDB, KMS and the platform, and dies at one of them."""

    dies_at: int | None = None
    after: bool = False
    names: list[str] = field(default_factory=list)

    def call(self, name: str) -> Iterator[None]:
        number = len(self.names)
        self.names.append(name)
        if number == self.dies_at and not self.after:
            raise Died
        yield
        if number == self.dies_at and self.after:
            raise Died


@contextmanager
def watched(steps: Steps, server: Server) -> Iterator[None]:
    clients = [dynamodb.resource().meta.client, vault.client()]
    going: list[Iterator[None]] = []

    def begins(model: Any, **_: object) -> None:
        going.append(steps.call(model.name))
        next(going[-1])

    def ends(**_: object) -> None:
        next(going.pop(), None)

    for client in clients:
        events: Any = client.meta.events  # type: ignore[attr-defined]
        events.register("before-call", begins)
        events.register("after-call", ends)
    server.before = lambda request: begins(type("Model", (), {"name": f"{request.method} {request.url.path}"}))
    server.after = lambda _: ends()
    try:
        yield
    finally:
        for client in clients:
            events = client.meta.events  # type: ignore[attr-defined]
            events.unregister("before-call", begins)
            events.unregister("after-call", ends)
        server.before = server.after = lambda _: None


def run(server: Server, clock: ControlledClock, steps: Steps) -> Mapping[str, Any]:
    """A connection that has to refresh its token, as far as it comes; then what the next sync finds."""
    owner = f"c{steps.dies_at}{steps.after}"
    creator = replace(MIRA, id=owner)
    warm(clock).put(owner, replace(server.consent(), access_token=None), by="ada")
    before = server.refreshes
    with watched(steps, server), suppress(Died):
        platforms(server, warm(clock), clock).connect(creator).account()
    clock.sleep(LEASE.total_seconds() + 1)
    try:
        platforms(server, warm(clock), clock).connect(creator).account()
    except KeyRejectedError as error:
        return {"rejected": error.reason, "refreshes": server.refreshes - before}
    return {"rejected": None, "refreshes": server.refreshes - before}


def test_wherever_a_refresh_dies_the_next_goes_on_or_says_to_connect_again(
    aws: Cloud, server: Server, clock: ControlledClock
) -> None:
    """Only the death between the platform's answer and the write of the new token loses it."""
    calm = Steps()
    assert run(server, clock, calm) == {"rejected": None, "refreshes": 1}
    exchange = next(number for number, name in enumerate(calm.names) if name.startswith("POST"))
    assert calm.names[exchange + 1] == "UpdateItem", "nothing comes between the answer and the write"
    assert len(calm.names) >= 6
    lost = []
    for number in range(len(calm.names)):
        for after in (False, True):
            outcome = run(server, clock, Steps(number, after))
            if outcome["rejected"]:
                lost.append((number, after))
                assert "invalid_grant" in outcome["rejected"]
    assert lost == [(exchange, True), (exchange + 1, False)]


def test_a_new_token_is_stored_though_the_table_fails_for_a_while_or_its_answer_is_lost(
    aws: Cloud, server: Server, clock: ControlledClock
) -> None:
    credentials = warm(clock)
    credentials.put("c1", replace(server.consent(), access_token=None), by="ada")
    events: Any = dynamodb.resource().meta.client.meta.events
    failing = [500, 500, 500, 500]

    def lose(http_response: Any, parsed: dict[str, Any], model: Any, **_: object) -> None:
        if server.refreshes and model.name == "UpdateItem" and failing:
            parsed["Error"] = {"Code": "InternalServerError", "Message": "the answer was lost"}
            http_response.status_code = failing.pop()

    events.register("after-call", lose)
    try:
        assert platforms(server, credentials, clock).connect(MIRA).account() == UUID
    finally:
        events.unregister("after-call", lose)
    assert server.refreshes == 1
    assert failing == []
