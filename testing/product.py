"""A product that tells Cairn what its users do, with a key of the scope `ingest`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from testing.api import ABSENT, Answer, event
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS


@dataclass
class Product:
    aws: Cloud
    scopes: tuple[str, ...] = ("ingest",)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = ApiKeys(self.aws.table("KEYS_TABLE")).create("product", self.scopes, now())

    @property
    def key_id(self) -> str:
        """The key's id, to which the ids of its events belong."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:12]

    def request(self, path: str, body: object) -> dict[str, Any]:
        """The event of a POST."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        return event("POST", path, headers=headers, body=json.dumps(body))

    def __call__(
        self,
        path: str,
        body: object = ABSENT,
        *,
        method: str = "POST",
        raw: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30.0,
    ) -> Answer:
        """`path` is relative to `/api/usage/`, unless it starts with a slash."""
        request = event(
            method,
            path if path.startswith("/") else f"/api/usage/{path}",
            headers={"authorization": f"Bearer {self.key}"} if headers is None else headers,
            body=raw if body is ABSENT else json.dumps(body),
        )
        found = FUNCTIONS["ingest_usage"](request, Context(seconds))
        answered = {name.lower(): text for name, text in found["headers"].items()}
        return Answer(found["statusCode"], answered, found["body"])

    def track(self, user: str = "ada", kind: str = "reply", **fields: Any) -> Answer:
        return self("track", {"userId": user, "type": kind, **fields})

    def tracked(self, user: str = "ada", kind: str = "reply", **fields: Any) -> Any:
        """The answer to an event that has to be accepted."""
        answer = self.track(user, kind, **fields)
        assert answer.status == 200, answer.text
        return answer.json

    def batch(self, *events: object, seconds: float = 30.0) -> Any:
        """The results, one for each event."""
        answer = self("batch", {"events": list(events)}, seconds=seconds)
        assert answer.status == 200, answer.text
        results = answer.json["results"]
        assert len(results) == len(events)
        return results
