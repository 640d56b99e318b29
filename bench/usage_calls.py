"""Usage events as fast as a few clients can send them, on the local cloud, compared with an empty function."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count

import httpx

from bench.crowds import CLIENTS, ROUNDS, TURN_SECONDS, WARM_SECONDS, Timed, absolute, compared, log_events, take_turn
from bench.empty import deploy_page
from bench.figures import Figure, Section
from testing.local_cloud import LocalCloud, cdn_headers, function_url, started

FUNCTION = "IngestUsage"
USERS = 50


class Products:
    """Clients with persistent connections, whose users reply in turn."""

    def __init__(self, usage_url: str, empty_url: str, clients: list[httpx.Client]) -> None:
        self._usage_url = usage_url
        self._empty_url = empty_url
        self._clients = clients
        self._numbers = count()

    def empty(self, client: int) -> None:
        self._post(client, f"{self._empty_url}/", {"userId": "ada"})

    def plain(self, client: int) -> None:
        self._post(client, f"{self._usage_url}/api/usage/track", self._event(client))

    def with_id(self, client: int) -> None:
        event = self._event(client)
        self._post(client, f"{self._usage_url}/api/usage/track", {**event, "id": f"{client} {next(self._numbers)}"})

    def _event(self, client: int) -> dict[str, str]:
        """No two clients send events of the same user."""
        return {"userId": f"user-{client}-{next(self._numbers) % USERS}", "type": "reply"}

    def _post(self, client: int, url: str, body: Mapping[str, str]) -> None:
        self._clients[client].post(url, json=body).raise_for_status()


def measure() -> Section:
    """`ROUNDS` rounds; each sends every kind of request, so that a busy machine slows all equally."""
    with started("usage") as cloud, ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(timeout=60, trust_env=False)) for _ in range(CLIENTS)]
        return _section(_measured(cloud, clients))


def _measured(cloud: LocalCloud, clients: list[httpx.Client]) -> dict[str, Timed]:
    log_events(cloud.stack, FUNCTION)
    for http in clients:
        http.headers.update(cdn_headers(cloud.stack, FUNCTION))
        http.headers["Authorization"] = f"Bearer {cloud.outputs['AdminApiKey']}"
    products = Products(function_url(cloud.stack, FUNCTION), deploy_page(cloud.stack.clients), clients)
    turns = {turn.__name__: turn for turn in (products.empty, products.plain, products.with_id)}
    timed = {name: Timed() for name in turns}
    for turn in turns.values():
        take_turn(turn, WARM_SECONDS, Timed())
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            take_turn(turn, TURN_SECONDS, timed[name])
    return timed


def _section(timed: Mapping[str, Timed]) -> Section:
    words = {"plain": "events without an id", "with_id": "events with an id"}
    return Section(
        "Product usage: the product's own call",
        f"On the local cloud, {CLIENTS} clients send events to the Lambda URL as fast as they get answers, in {ROUNDS} "
        f"rounds of {TURN_SECONDS:g} s each. In the same rounds they call an empty function behind a Lambda URL. Both "
        "log each event, since MiniStack waits 50 ms for the log of an invocation that writes none. Clients, "
        "MiniStack, `ingest_usage` and both readers of the stream share one machine. So the figures show how much "
        "Cairn adds to a request on a busy machine, not how many events AWS can take.",
        (
            *(
                Figure(f"{word}, compared with the empty function", compared(timed[name], timed["empty"]))
                for name, word in words.items()
            ),
            *(
                Figure(f"{word} per second; p50 and p99", absolute(timed[name]))
                for name, word in {**words, "empty": "calls of the empty function"}.items()
            ),
        ),
    )
