"""Endpoints and their receivers, and what must hold of their messages when everything has settled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from boto3.dynamodb.types import TypeDeserializer

from cairn.aws import sqs
from cairn.clock import from_millis, now
from cairn.messages import WebhookReplay
from cairn.model import Reading, Subject, new_trace_id
from cairn.readings.stats import Stats
from cairn.webhooks.model import Endpoint
from cairn.webhooks.signing import headers
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.webhook_site import Receiver, Respond, WebhookSite, ok, webhook_site, with_secret
from tests.crash.channels.way import silence
from tests.crash.explorer import Verdict

CATS = Subject("channel", "youtube:UC" + "c" * 22)
SWEEPS, APART = 5, timedelta(minutes=4)
"""By then, the schedule has looked after what a crash left. It runs each minute; less often is no easier."""


@dataclass
class Accepting:
    """Answers as it is told, and keeps the bodies of what it answered with success."""

    respond: Respond
    accepted: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        response = self.respond(request)
        if response.is_success:
            self.accepted.append(json.loads(request.content))
        return response


@dataclass
class Scenario:
    site: WebhookSite
    wanting: dict[str, Endpoint] = field(default_factory=dict)
    answering: dict[str, Accepting] = field(default_factory=dict)

    def endpoint(self, name: str, respond: Respond = ok, **settings: Any) -> Endpoint:
        self.answering[name] = Accepting(respond)
        self.wanting[name] = self.site.endpoint(Receiver(self.answering[name]), **settings)
        return self.wanting[name]

    def write(self, subscribers: int, subject: Subject = CATS) -> None:
        """A reading, as any source of readings writes it; nothing follows before time passes."""
        self.site.account.clock.sleep(1)
        reading = Reading(subject, "Cats", {"subscribers": subscribers}, now(), "api", new_trace_id())
        assert Stats(self.site.account.cloud.table("STATS_TABLE")).record(reading)

    def ask(self, message: WebhookReplay) -> None:
        """As the API does for a person."""
        sqs.queue(FUNCTIONS["deliver_webhook"].dependencies.settings.webhook_queue_url).send([message])

    def verdict(self, expected: Mapping[str, Collection[str]]) -> Verdict:
        """Let everything settle, and compare: `expected` are the events that each endpoint must get, by `told`."""
        for _ in range(SWEEPS):
            self.site.account.sweep.put({"source": "schedule"})
            self.site.account.run(now() + APART)
        self.site.settle()
        lost, wrong, repeated = [], list[str](), 0
        for name, endpoint in self.wanting.items():
            receiver = self.site.receiver(endpoint)
            accepted = self.answering[name].accepted
            got = Counter(map(told, accepted))
            lost += [f"{name} did not get {one}" for one in expected[name] if one not in got]
            wrong += [f"{name} got {one}" for one in got if one not in expected[name]]
            repeated += len(accepted) - len(got)
            wrong += self._wrong_with(name, endpoint, receiver, len(expected[name]))
        wrong += self._sequences()
        wrong += [f"{name}: {found}" for name, found in self.site.account.left_behind().items()]
        wrong += [f"{source} is not empty" for source in self.site.account.sources if source.due()]
        return Verdict(tuple(lost), tuple(wrong), repeated)

    def _wrong_with(self, name: str, endpoint: Endpoint, receiver: Receiver, expected: int) -> list[str]:
        wrong = []
        bodies = {(request.headers["webhook-id"], request.content) for request in receiver.received}
        if len(bodies) != len(set(receiver.ids)):
            wrong.append(f"{name} got different bytes under one id")
        if len(bodies) != expected:
            wrong.append(f"{name} got {len(bodies)} messages and not {expected}")
        secrets = with_secret(endpoint).secrets
        for request in receiver.received:
            at = from_millis(int(request.headers["webhook-timestamp"]) * 1000)
            for header, value in headers(request.headers["webhook-id"], at, request.content, secrets).items():
                if request.headers[header] != value:
                    wrong.append(f"{name} got {header} {request.headers[header]} and not {value}")
        noted = {
            f"msg_{item['sk']}{endpoint.id.removeprefix('ep_')}": item for item in items(f"endpoint#{endpoint.id}")
        }
        if noted.keys() != set(receiver.ids):
            wrong.append(f"{name}: noted {sorted(noted)}, received {sorted(set(receiver.ids))}")
        for id_, item in noted.items():
            log = item.get("log", [{}])
            numbers = [int(attempt.get("n", 0)) for attempt in log]
            arrived = log[-1].get("status") == 200 and "error" not in log[-1]
            if item["status"] != "sent" or "due_at" in item or not arrived:
                wrong.append(f"{name}: {id_} is noted as {item}")
            if numbers != list(range(1, int(item["tries"]) + 1)):
                wrong.append(f"{name}: {id_} has the attempts {numbers} and not {item['tries']}")
        return wrong

    def _sequences(self) -> list[str]:
        """Each event of a subject has a number of its own, and the later event has the higher one."""
        numbers: dict[str, list[tuple[str, int]]] = {}
        for item in items("events#"):
            numbers.setdefault(item["subject"], []).append((item["sk"], int(item["sequence"])))
        return [
            f"the events of {subject} are numbered {found}"
            for subject, found in numbers.items()
            if [number for _, number in sorted(found)] != sorted({number for _, number in found})
        ]


def told(body: Mapping[str, Any]) -> str:
    """What a body is about, in any format: the milestone's id, or the number that the test published."""
    data = body.get("data") or body.get("metadata") or body
    return str(data.get("milestone") or data.get("number"))


def items(partition: str) -> list[dict[str, Any]]:
    """What is in the webhooks table under keys that begin so."""
    read = TypeDeserializer().deserialize
    found = [item for item in stored("WEBHOOKS_TABLE").items() if item["pk"]["S"].startswith(partition)]
    return [{key: read(value) for key, value in item.items()} for item in found]


@contextmanager
def deliveries() -> Iterator[Scenario]:
    """A fresh account without endpoints."""
    with silence(), webhook_site() as site:
        yield Scenario(site)
