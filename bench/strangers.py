"""What a million calls cost that need neither a key nor a person, call by call; docs/scale.md tells their bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from bench.account import Work
from bench.audience import CHANNEL, Audience, simulated_audience
from bench.costs.deployed import Deployed
from bench.costs.table import shown, table
from bench.figures import Section
from testing import prices, websocket_client
from testing.api import event, webhook_event
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.prices import Charges, cdn_charges, dollars, lambda_charges, log_charges, total
from testing.viewer_site import Site
from testing.websocket_client import Client

SECONDS = 0.02
"""The assumed time of each function."""
HEADER_BYTES = 500
"""Of a response, on average; they are part of CloudFront's data out."""
LATER = 30
"""Seconds before a measured call: a heartbeat's interval, and longer than a Lambda remembers a count."""
OUR_PAGE = {"content-type": "application/json", "sec-fetch-site": "same-origin"}


@dataclass(frozen=True, slots=True)
class Called:
    """A call's usage, without what it causes later."""

    what: str
    function: str
    work: Work
    answer_bytes: int
    messages: int = 0
    """Of a socket; without any, the call comes through CloudFront."""

    def charges(self, deployed: Deployed) -> Charges:
        size = self.answer_bytes + HEADER_BYTES
        # The viewers' routes run no CloudFront function.
        way = cdn_charges(1, size, self.function != "viewer_heartbeat")
        return total(
            self.work.charges,
            lambda_charges(1, SECONDS, deployed.memory[self.function]),
            log_charges(self.work.logged + deployed.platform_lines),
            {prices.SOCKET_MESSAGE: self.messages} if self.function == "ws_connect" else way,
        )


def measure() -> Section:
    deployed = Deployed.read()
    rows = [
        (
            one.what,
            f"{one.work.write_units:g}",
            f"{one.work.read_units:g}",
            f"{one.work.fifo_requests:g}",
            f"{one.answer_bytes:,}",
            shown(1e6 * dollars(one.charges(deployed))),
        )
        for one in _called()
    ]
    head = ["call", "WRU", "RRU", "FIFO requests", "bytes of the answer", "a million"]
    return Section(
        "Strangers' calls",
        "Calls that need neither a key nor a person, made through the functions in simulated time. What they cause "
        "later, such as a count or a channel that is kept, is not among it, nor what an open socket costs. Each "
        f"function is assumed to run for {SECONDS * 1000:g} ms. docs/scale.md says how each is bounded.",
        (),
        table(head, rows),
    )


def _called() -> Iterator[Called]:
    with simulated_audience() as audience:
        caller = _Caller(audience)
        caller.watch(CHANNEL)
        tab = Site("198.51.100.1").join(CHANNEL)
        opened = count()
        yield caller.viewer("join", "POST", "join", {"channelId": CHANNEL})
        yield caller.viewer("a join that opens a channel", "POST", "join", {"channelId": f"new-{next(opened)}"})
        yield caller.viewer("heartbeat", "POST", "heartbeat", tab.body)
        yield caller.viewer("heartbeat, without a join", "POST", "heartbeat", {**tab.body, "token": "x" * 20})
        yield caller.viewer("leave", "POST", "leave", tab.body)
        yield caller.viewer("count, the first in an interval", "GET", f"count/{CHANNEL}")
        yield caller.viewer("count, later in the interval", "GET", f"count/{CHANNEL}", later=1)
        yield caller.viewer("count, within half a second", "GET", f"count/{CHANNEL}", later=0)
        for route in ("curve", "channel"):
            yield caller.viewer(route, "GET", f"{route}/{CHANNEL}")
        yield caller.socket("WebSocket: connect", "$connect", "CONNECT")
        ticket = {"queryStringParameters": {"ticket": "made-up"}}
        yield caller.socket("connect with a made-up ticket", "$connect", "CONNECT", **ticket)
        yield caller.frame("ping", {"action": "ping"})
        yield caller.frame("a join by socket", {"action": "join", "room": f"channel:{CHANNEL}"})
        yield caller.frame("a join of a room that needs a person", {"action": "join", "room": "tv-display"})
        audience.account.aws.people.add("ada", "leaderboard")
        wrong = json.dumps({"name": "ada", "password": "wrong"})
        yield caller.api("a failed sign-in", "api", event("POST", "/api/session", headers=OUR_PAGE, body=wrong))
        yield caller.api("`GET /api/health`", "api", event("GET", "/api/health"))
        yield caller.api("an API call without a key", "api", event("GET", "/api/channels"))
        yield caller.api("Telegram's webhook, without its secret", "telegram_webhook", webhook_event({}, secret=None))


class _Caller:
    """Makes each call twice, the second of which is measured: the functions are warm then."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._sockets = count()

    def watch(self, channel: str) -> None:
        """Let the channel have a viewer by socket."""
        client = self._connected()
        client.join(f"channel:{channel}")

    def viewer(self, what: str, method: str, path: str, body: object = None, *, later: float = LATER) -> Called:
        text = None if body is None else json.dumps(body)
        headers = {"x-cairn-viewer": "198.51.100.2"}
        request = event(method, f"/api/viewer/{path}", headers=headers, body=text)
        if isinstance(body, dict) and str(body["channelId"]).startswith("new-"):
            other = event(method, f"/api/viewer/{path}", headers=headers, body=json.dumps({"channelId": "another"}))
            return self._measured(what, "viewer_heartbeat", other, request)
        return self._measured(what, "viewer_heartbeat", request, request, later=later)

    def socket(self, what: str, route: str, kind: str, **more: Any) -> Called:
        clients = [Client(f"made-{next(self._sockets):07}=") for _ in range(2)]
        requests = [websocket_client.event(one, route, kind, headers={"Host": "x"}, **more) for one in clients]
        return self._measured(what, "ws_connect", *requests)

    def frame(self, what: str, body: Mapping[str, str]) -> Called:
        """A frame, and its answer."""
        requests = [
            websocket_client.event(self._connected(), "$default", "MESSAGE", body=json.dumps(body)) for _ in range(2)
        ]
        return self._measured(what, "ws_connect", *requests, messages=2)

    def api(self, what: str, function: str, request: dict[str, Any]) -> Called:
        return self._measured(what, function, request, request)

    def _connected(self) -> Client:
        client = Client(f"made-{next(self._sockets):07}=", address=f"203.0.113.{next(self._sockets) % 250}")
        client.connect()
        return client

    def _measured(
        self,
        what: str,
        function: str,
        first: dict[str, Any],
        second: dict[str, Any],
        *,
        messages: int = 0,
        later: float = LATER,
    ) -> Called:
        self._audience.measured(lambda: FUNCTIONS[function](first, Context(10.0)))
        self._audience.run(later)
        answers: list[Any] = []
        work = self._audience.measured(lambda: answers.append(FUNCTIONS[function](second, Context(10.0))))
        if answers[0]["statusCode"] >= 500:
            raise RuntimeError(f"{what}: {answers[0]}")
        return Called(what, function, work, len(answers[0].get("body") or ""), messages)
