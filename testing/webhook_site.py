"""An account with webhook endpoints, the receivers that answer for them, and the schedule that runs each minute."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from cairn.aws import sqs
from cairn.clock import now
from cairn.webhooks.announce import queued
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.model import Contact, Endpoint, Event, Message, Secret, event_id, new_endpoint_id
from cairn.webhooks.signing import new_secret
from testing.account import Account, account
from testing.functions import FUNCTIONS

Respond = Callable[[httpx.Request], httpx.Response]
MINUTE = timedelta(minutes=1)
LONG = timedelta(hours=4)


def ok(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


def status(code: int, **headers: str) -> Respond:
    """Always this answer."""
    return lambda _: httpx.Response(code, headers={name.replace("_", "-"): value for name, value in headers.items()})


def hangs(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("no answer in 15 s", request=request)


def in_turn(*answers: Respond) -> Respond:
    """One after the other; the last one from then on."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


@dataclass
class Receiver:
    """What answers at an endpoint's address, and what came there."""

    respond: Respond = ok
    seconds: float = 0.01
    received: list[httpx.Request] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.received]

    @property
    def repeated(self) -> list[str]:
        return [one for one, times in Counter(self.ids).items() if times > 1]

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.received]


@dataclass
class WebhookSite:
    account: Account
    receivers: dict[str, Receiver] = field(default_factory=dict)
    telegram: list[dict[str, Any]] = field(default_factory=list)
    """What the bot sent."""
    _number: int = 0

    @property
    def endpoints(self) -> Endpoints:
        endpoints: Endpoints = FUNCTIONS["deliver_webhook"].dependencies.endpoints
        return endpoints

    def endpoint(self, receiver: Receiver | None = None, **settings: Any) -> Endpoint:
        """A new endpoint, whose address this receiver answers for."""
        id_ = new_endpoint_id()
        host = f"{id_.removeprefix('ep_')}.test"
        self.receivers[host] = receiver or Receiver()
        asked: dict[str, Any] = {
            "format": "standard",
            "events": ("*",),
            "secrets": (Secret(new_secret()),),
            "created_at": now(),
        }
        made = self.endpoints.add(Endpoint(id=id_, url=f"https://{host}/hook", **(asked | settings)))
        assert made
        return made

    def receiver(self, endpoint: Endpoint) -> Receiver:
        return self.receivers[f"{endpoint.id.removeprefix('ep_')}.test"]

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/sendMessage"):
            self.telegram.append(json.loads(request.content))
            return httpx.Response(200, json={"ok": True, "result": {"message_id": 1}})
        receiver = self.receivers[request.url.host]
        receiver.received.append(request)
        receiver.at.append(now())
        self.account.clock.sleep(receiver.seconds)
        return receiver.respond(request)

    def publish(
        self,
        type_: str = "acme.order_paid",
        data: Mapping[str, Any] | None = None,
        *,
        subject: str | None = "user:7",
        contact: Contact | None = None,
        at: datetime | None = None,
    ) -> Event:
        """Put an event on the webhook queue, as detection and the API do."""
        self._number += 1
        happened = at or now()
        event = Event(
            event_id(happened, f"event {self._number}"),
            type_,
            happened,
            subject,
            data if data is not None else {"number": self._number},
            contact,
            f"trace {self._number}",
        )
        sqs.queue(FUNCTIONS["deliver_webhook"].dependencies.settings.webhook_queue_url).send([queued(event)])
        return event

    def message(self, endpoint: Endpoint, event: Event) -> Message | None:
        found: Message | None = FUNCTIONS["deliver_webhook"].dependencies.deliveries.get(endpoint.id, event.key)
        return found

    def settle(self) -> None:
        """Until the queue is empty; what is due later than in a minute waits for the schedule."""
        self.account.settle()

    def run(self, duration: timedelta) -> None:
        """Let this time pass, with the schedule of each minute; of long times, each quarter of an hour."""
        end, step = now() + duration, MINUTE if duration <= LONG else 15 * MINUTE
        while now() < end:
            self.account.sweep.put({"source": "schedule"})
            self.account.run(min(end, now() + step))

    def until(self, reached: Callable[[], bool], most: timedelta = timedelta(days=7)) -> None:
        """Let time pass until something holds."""
        end = now() + most
        while not reached():
            assert now() < end, "it did not happen"
            self.run(2 * LONG)


@contextmanager
def webhook_site(**settings: str) -> Iterator[WebhookSite]:
    """A fresh account without endpoints."""
    site: WebhookSite | None = None

    def answer(request: httpx.Request) -> httpx.Response:
        assert site
        return site.answer(request)

    with account(answer, **settings) as made:
        site = WebhookSite(made)
        yield site


def with_secret(endpoint: Endpoint) -> Endpoint:
    """The endpoint as its receiver knows it."""
    opened: Endpoint = FUNCTIONS["deliver_webhook"].dependencies.endpoints.unseal(replace(endpoint, url=""))
    return opened
