"""An account in memory whose functions are called with the events that AWS and clients bring, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.upgrade import product
from tests.upgrade.world import World

SETTINGS = {"live_channels": {"demo": "Demo stream"}}
QUEUES = ("notify", "fetch", "broadcast", "count", "webhooks", "creators")
SCHEDULE = {"source": "schedule"}
MOST_STEPS = 3000


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    cookies: tuple[str, ...]
    """Set-Cookie headers."""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Site:
    account: product.Account
    world: World
    frames: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What each socket was sent, in order."""
    opened: dict[str, datetime] = field(default_factory=dict)
    """Since when each socket is open."""

    @property
    def now(self) -> datetime:
        return product.now()

    def advance_to(self, instant: datetime) -> None:
        """Let time pass, and bring nothing."""
        assert self.now <= instant, f"it is {self.now} already, not {instant}"
        self.account.clock.advance_to(instant)

    def run(self, until: datetime) -> None:
        """Bring everything that is due by then."""
        for _ in range(MOST_STEPS):
            due = min(filter(None, (source.due() for source in self.account.sources)), default=None)
            if due is None or due > until:
                self.advance_to(until)
                return
            self.account.step()
        raise AssertionError(f"nothing settles in {MOST_STEPS} steps")

    def call(self, function: str, event: Mapping[str, Any]) -> Any:
        return self.account.invoke(function, dict(event))

    # -- clients

    def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        key: str | None = None,
        cookies: Mapping[str, str] | None = None,
        function: str = "api",
    ) -> Answer:
        """A call of one of the two Lambda URLs."""
        headers = {"content-type": "application/json"} if body is not None else {}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        if cookies:
            headers["sec-fetch-site"] = "same-origin"
        event = product.url_event(
            method,
            path,
            query=query or "",
            headers=headers,
            cookies=cookies,
            body=json.dumps(body) if body is not None else None,
        )
        answer = self.call(function, event)
        return Answer(answer["statusCode"], answer.get("body") or "", tuple(answer.get("cookies", ())))

    def viewer(self, action: str, channel: str, viewer_id: str | None = None, token: str | None = None) -> Answer:
        """What a page that watches by heartbeats sends."""
        given = {"channelId": channel, "viewerId": viewer_id, "token": token}
        body = {name: value for name, value in given.items() if value is not None}
        return self.api("POST", f"/api/viewer/{action}", body, function="viewer_heartbeat")

    def telegram(self, update: Mapping[str, Any]) -> None:
        """An update brought to the webhook."""
        secret = product.SECRETS["TELEGRAM_SECRET"]["TELEGRAM_WEBHOOK_SECRET"]
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": secret}
        event = product.url_event("POST", "/api/telegram/webhook", headers=headers, body=json.dumps(update))
        assert self.call("telegram_webhook", event)["statusCode"] == 200

    def connect(self, connection_id: str, ticket: str | None = None) -> int:
        """The status of a WebSocket's handshake."""
        self.opened[connection_id] = self.now
        query = {"ticket": ticket} if ticket is not None else None
        event = self._socket_event(connection_id, "$connect", "CONNECT", queryStringParameters=query)
        status: int = self.call("ws_connect", event)["statusCode"]
        if status == 200:
            self.hold_open(connection_id, self.now)
        return status

    def hold_open(self, connection_id: str, opened_at: datetime) -> None:
        """A socket that API Gateway has open."""
        self.opened[connection_id] = opened_at
        self.account.gateway.connected[connection_id] = partial(self._hear, connection_id)

    def send(self, connection_id: str, **frame: object) -> Any:
        """The answer to a client's frame; None when there is none."""
        event = self._socket_event(connection_id, "$default", "MESSAGE", body=json.dumps(frame))
        answer = self.call("ws_connect", event)
        return json.loads(answer["body"]) if "body" in answer else None

    def disconnect(self, connection_id: str) -> None:
        self.vanish(connection_id)
        assert self.call("ws_connect", self._socket_event(connection_id, "$disconnect", "DISCONNECT")) == {
            "statusCode": 200
        }

    def vanish(self, connection_id: str) -> None:
        """API Gateway knows that the socket is closed, and nobody else does."""
        self.account.gateway.connected.pop(connection_id)

    def _hear(self, connection_id: str, frame: dict[str, Any] | None) -> None:
        if frame is not None:
            self.frames.setdefault(connection_id, []).append(frame)

    def _socket_event(self, connection_id: str, route: str, type_: str, **more: object) -> dict[str, Any]:
        client = product.Client(connection_id, opened_at=self.opened[connection_id])
        return product.socket_event(client, route, type_, **more)

    # -- queues

    def waiting(self, queue: str) -> list[dict[str, Any]]:
        """The messages of a queue, in order."""
        messages: Sequence[Any] = getattr(self.account, queue).messages
        return [_message(queue, one) for one in messages]

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message as a function does."""
        entry = {"MessageBody": message["body"]}
        if "group" in message:
            entry |= {"MessageGroupId": message["group"], "MessageDeduplicationId": message["deduplication"]}
        getattr(self.account, message["queue"]).send(entry)

    def bring(self, queue: str, until: datetime | None = None) -> None:
        """Bring what is due in one queue by then, or by now."""
        source = getattr(self.account, queue)
        last = until or self.now
        while (due := source.due()) and due <= last:
            self.account.clock.advance_to(due)
            source.step(self.account.invoke)

    def step(self, queue: str) -> None:
        """Bring one batch of what is due now."""
        source = getattr(self.account, queue)
        if (due := source.due()) and due <= self.now:
            source.step(self.account.invoke)

    def bring_one(self, part_of_body: str) -> None:
        """Bring one message of the notify queue, once."""
        queue = self.account.notify
        queue.order = lambda visible: next(one for one in visible if part_of_body in one.body)
        queue.step(self.account.invoke)
        queue.order = lambda visible: visible[0]

    # -- tables

    def items(self, table: str) -> list[dict[str, Any]]:
        """A table's items in DynamoDB's JSON."""
        return product.stored(table).items()

    def records(self) -> list[dict[str, Any]]:
        """The stats table's stream."""
        return product.stored("STATS_TABLE").records()

    # -- failures

    @contextmanager
    def dying(self, call: str, *, turn: int = 1, after: bool = False) -> Iterator[None]:
        """Within, the sandbox dies at a function's call of that name and number, before or after it takes effect."""
        left, kind = turn, product.Failure.DIES_AFTER if after else product.Failure.DIES_BEFORE

        def choose(_number: int, name: str) -> product.Failure | None:
            nonlocal left
            left -= name == call
            if left or name != call:
                return None
            left = -1
            return kind

        self.account.wire.choose = choose
        with suppress(product.InvocationFailedError):
            yield
        self.account.wire.choose = lambda _number, _name: None
        assert left == -1, f"there was no call {turn} of {call}"


def _message(queue: str, message: Any) -> dict[str, Any]:
    found = {"queue": queue, "body": message.body}
    ordered = {"group": message.group, "deduplication": message.deduplication_id}
    return found | ordered if message.group else found


def channel_path(channel_id: str) -> str:
    return f"/api/channels/{quote(channel_id, safe='')}"


@contextmanager
def site(world: World | None = None, **settings: Any) -> Iterator[Site]:
    """A fresh account at the tests' first instant, with nothing in it."""
    outside = world or World()
    with product.silence(), product.account(outside.answer, **SETTINGS, **settings) as account:
        outside.sleep = account.clock.sleep
        yield Site(account, outside)
