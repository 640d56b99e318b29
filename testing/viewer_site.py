"""A page on any site that calls the viewers' Lambda URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cairn.clock import now
from cairn.errors import NotYetError
from cairn.messages import CountViewers
from testing.api import ABSENT, Answer, event
from testing.cloud import Context
from testing.functions import FUNCTIONS

ADDRESS = "203.0.113.9"


@dataclass(frozen=True)
class Tab:
    """A page's state after a join."""

    channel: str
    viewer_id: str
    token: str

    @property
    def body(self) -> dict[str, str]:
        return {"channelId": self.channel, "viewerId": self.viewer_id, "token": self.token}


@dataclass(frozen=True)
class Site:
    address: str = ADDRESS

    def __call__(
        self,
        method: str,
        path: str,
        body: object = ABSENT,
        *,
        query: Mapping[str, object] | str = "",
        headers: Mapping[str, str] | None = None,
        raw: str | bytes | None = None,
        address: str | None = None,
    ) -> Answer:
        """`path` is relative to `/api/viewer/`, unless it starts with a slash."""
        request = event(
            method,
            path if path.startswith("/") else f"/api/viewer/{path}",
            query=query,
            headers={"x-cairn-viewer": address or self.address, **(headers or {})},
            body=raw if body is ABSENT else json.dumps(body),
        )
        answer = FUNCTIONS["viewer_heartbeat"](request, Context(10.0))
        return Answer(
            answer["statusCode"], {name.lower(): value for name, value in answer["headers"].items()}, answer["body"]
        )

    def join(self, channel: str = "demo", viewer_id: str | None = None) -> Tab:
        known = {"viewerId": viewer_id} if viewer_id else {}
        joined = self("POST", "join", {"channelId": channel, **known})
        assert joined.status == 200, joined.text
        return Tab(channel, joined.json["viewerId"], joined.json["token"])

    def beat(self, tab: Tab) -> Answer:
        return self("POST", "heartbeat", tab.body)

    def leave(self, tab: Tab) -> Answer:
        return self("POST", "leave", tab.body)

    def count(self, channel: str = "demo") -> tuple[int, int]:
        """Viewers and connections, from the public route."""
        found: dict[str, Any] = self("GET", f"count/{channel}").json
        return found["viewers"], found["connections"]


class PromptSite(Site):
    """Each of its joins is counted at once, as by a message of the count queue, unless the next count has to wait."""

    def __call__(self, method: str, path: str, body: object = ABSENT, **request: Any) -> Answer:
        answer = super().__call__(method, path, body, **request)
        if path == "join" and answer.status == 200 and isinstance(body, dict):
            count_now(body["channelId"])
        return answer


def count_now(channel: str) -> None:
    """What the count queue's message of a first join does."""
    with suppress(NotYetError):
        counting = FUNCTIONS["count_viewers"].dependencies.counting
        counting.handle(CountViewers(channel, now(), check=False, trace_id="counted"))
