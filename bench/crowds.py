"""Viewer requests as fast as a few clients can send them, on the local cloud, compared with an empty function."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from statistics import median, quantiles
from typing import Any

import httpx

from bench.empty import deploy_page
from bench.figures import Figure, Section
from operations.stack import Stack
from testing.local_cloud import LocalCloud, cdn_headers, function_url, started

CLIENTS = 4
ROUNDS = 3
TURN_SECONDS = 1.5
"""How long each kind of request runs in a round."""
WARM_SECONDS = 1.0
CHANNEL = "crowd"


@dataclass
class Timed:
    """The response times of one kind of request."""

    seconds: list[float] = field(default_factory=list)
    duration: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.duration

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100, method="inclusive")[-1]


class Crowd:
    """Clients with persistent connections; each has its own viewers, and sends their heartbeats in turn."""

    def __init__(self, viewer_url: str, empty_url: str, clients: list[httpx.Client]) -> None:
        self._viewer_url = viewer_url
        self._empty_url = empty_url
        self._clients = clients
        self._numbers = count()
        self._joined: list[list[dict[str, str]]] = [[] for _ in clients]

    def empty(self, client: int) -> None:
        self._checked(self._clients[client].post(f"{self._empty_url}/", json={"channelId": CHANNEL}))

    def join(self, client: int) -> None:
        joined = self._post(client, "join", {"channelId": CHANNEL})
        body = {"channelId": CHANNEL, "viewerId": joined["viewerId"], "token": joined["token"]}
        self._joined[client].append(body)

    def beat(self, client: int) -> None:
        viewers = self._joined[client]
        self._post(client, "heartbeat", viewers[next(self._numbers) % len(viewers)])

    def count(self, client: int) -> None:
        self._checked(self._clients[client].get(f"{self._viewer_url}/api/viewer/count/{CHANNEL}"))

    def _post(self, client: int, action: str, body: Mapping[str, str]) -> Any:
        return self._checked(self._clients[client].post(f"{self._viewer_url}/api/viewer/{action}", json=body)).json()

    def _checked(self, response: httpx.Response) -> httpx.Response:
        response.raise_for_status()
        return response


def measure() -> Section:
    """`ROUNDS` rounds; each runs every kind of request, so that a busy machine slows all equally."""
    # A heartbeat that comes sooner than a quarter of the interval is answered from memory, and is none to measure.
    limits = {"VIEWER_JOINS_PER_MINUTE": "1000000", "VIEWER_HEARTBEAT_INTERVAL": "1000"}
    with started("crowd", **limits) as cloud, ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(timeout=60, trust_env=False)) for _ in range(CLIENTS)]
        return _section(*_measured(cloud, clients))


def _measured(cloud: LocalCloud, clients: list[httpx.Client]) -> tuple[dict[str, Timed], int]:
    """The times of each kind of request, and the final count."""
    log_events(cloud.stack, "ViewerHeartbeat")
    viewer_url = function_url(cloud.stack, "ViewerHeartbeat")
    for http in clients:
        http.headers.update(cdn_headers(cloud.stack, "ViewerHeartbeat"))
    crowd = Crowd(viewer_url, deploy_page(cloud.stack.clients), clients)
    turns = {turn.__name__: turn for turn in (crowd.empty, crowd.join, crowd.beat, crowd.count)}
    timed = {name: Timed() for name in turns}
    for turn in turns.values():
        _turn(turn, WARM_SECONDS, Timed())
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            _turn(turn, TURN_SECONDS, timed[name])
    counted = clients[0].get(f"{viewer_url}/api/viewer/count/{CHANNEL}").json()["viewers"]
    return timed, int(counted)


def log_events(stack: Stack, function: str) -> None:
    """Let a function log every event: MiniStack waits 50 ms for the log of an invocation that writes none."""
    functions, name = stack.clients.functions, stack.output(f"{function}Function")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "POWERTOOLS_LOGGER_LOG_EVENT": "true"}}
    )


def _turn(turn: Callable[[int], None], seconds: float, timed: Timed) -> None:
    """All clients in parallel, each as fast as it gets responses."""
    lock, start = threading.Lock(), time.perf_counter()

    def work(client: int) -> None:
        while (sent_at := time.perf_counter()) < start + seconds:
            turn(client)
            with lock:
                timed.seconds.append(time.perf_counter() - sent_at)

    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(work, range(CLIENTS)))
    timed.duration += time.perf_counter() - start


def _section(timed: Mapping[str, Timed], counted: int) -> Section:
    words = {"join": "joins", "beat": "heartbeats", "count": "counts"}
    empty = timed["empty"]
    return Section(
        "Concurrent viewers",
        f"On the local cloud, {CLIENTS} clients call the Lambda URL as fast as they get responses, in {ROUNDS} rounds "
        f"of {TURN_SECONDS:g} s each. In the same rounds they call an empty function behind a Lambda URL. Both log "
        "each event, since MiniStack waits 50 ms for the log of an invocation that writes none. Clients, MiniStack and "
        f"functions share one machine, and the {counted:,} viewers who joined are counted every two seconds. So the "
        "figures show how much Cairn adds to a request on a busy machine, not how many requests AWS can handle.",
        (
            *(
                Figure(f"{word}, compared with the empty function", _compared(timed[name], empty))
                for name, word in words.items()
            ),
            *(
                Figure(f"{word} per second; p50 and p99", _absolute(timed[name]))
                for name, word in {**words, "empty": "calls of the empty function"}.items()
            ),
        ),
    )


def _compared(timed: Timed, baseline: Timed) -> str:
    p50 = median(timed.seconds) / median(baseline.seconds)
    return f"{timed.rate / baseline.rate:.2f} of the rate; p50 {p50:.2f} ×, p99 {timed.p99 / baseline.p99:.2f} ×"


def _absolute(timed: Timed) -> str:
    return f"{timed.rate:,.0f}; {median(timed.seconds) * 1000:.0f} ms, {timed.p99 * 1000:.0f} ms"
