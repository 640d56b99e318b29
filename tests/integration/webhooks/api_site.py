"""The API with webhooks behind it: what requests queue is delivered to receivers that answer here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from testing.api import ABSENT, Answer, Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Cloud, Context, cloud
from testing.functions import FUNCTIONS

ENDPOINTS = "/api/webhooks/endpoints"
MESSAGES = "/api/webhooks/messages"
EVENTS = "/api/webhooks/events"
URL = "https://crm.test/hooks/cairn"


@dataclass
class ApiSite:
    aws: Cloud
    clock: ControlledClock
    api: Api
    respond: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200)
    received: list[httpx.Request] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: object = ABSENT, **options: Any) -> Answer:
        options.setdefault("scopes", ("ingest",) if path == EVENTS else ("webhooks",))
        return self.api(method, path, body, **options)

    def endpoint(self, url: str = URL, **settings: Any) -> dict[str, Any]:
        """A new endpoint, as the API answers."""
        answer = self("POST", ENDPOINTS, {"url": url, **settings})
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    def publish(self, type_: str = "acme.order_paid", data: Mapping[str, Any] | None = None, **more: Any) -> str:
        """The id of the event."""
        answer = self("POST", EVENTS, {"type": type_, "data": data or {"amount": 49}, **more})
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def deliver(self) -> None:
        """Until the queue is empty."""
        while records := self.aws.messages("WEBHOOK_QUEUE_URL"):
            for record in records:
                answer = FUNCTIONS["deliver_webhook"]({"Records": [record]}, Context())
                if not answer["batchItemFailures"]:  # a retry waits for its time
                    self.aws.delete("WEBHOOK_QUEUE_URL", record)

    def messages(self, **query: object) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self("GET", MESSAGES, query=query)
            assert answer.status == 200, answer.text
            found += answer.json["items"]
            if not answer.json["nextCursor"]:
                return found
            query["cursor"] = answer.json["nextCursor"]

    def message(self, id_: str) -> dict[str, Any]:
        answer = self("GET", f"{MESSAGES}/{id_}")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.received]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.received.append(request)
        return self.respond(request)


@contextmanager
def api_site() -> Iterator[ApiSite]:
    made: list[ApiSite] = []
    transport = httpx.MockTransport(lambda request: made[0].answer(request))
    with controlled_clock() as clock, cloud(transport) as aws:
        made.append(ApiSite(aws, clock, Api(aws)))
        yield made[0]
