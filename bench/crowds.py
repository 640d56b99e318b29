"""Viewers as fast as a few clients can be, on the local cloud, beside an empty function that the same clients call."""

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
from testing.local_cloud import LocalCloud, started

CLIENTS = 4
ROUNDS = 3
TURN_SECONDS = 1.5
"""How long each has its turn in a round."""
WARM_SECONDS = 1.0
CHANNEL = "crowd"


@dataclass
class Timed:
    """What was asked in its turns."""

    seconds: list[float] = field(default_factory=list)
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.lasted

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100, method="inclusive")[-1]


class Crowd:
    """Clients that keep their connections; each has viewers of its own, for which it beats in turn."""

    def __init__(self, viewer_url: str, empty_url: str, clients: list[httpx.Client]) -> None:
        self._viewer_url = viewer_url
        self._empty_url = empty_url
        self._clients = clients
        self._numbers = count()
        self._joined: list[list[dict[str, str]]] = [[] for _ in clients]

    def silent(self, client: int) -> None:
        self._well(self._clients[client].post(self._empty_url, json={"channelId": CHANNEL}))

    def aloud(self, client: int) -> None:
        self._well(self._clients[client].post(f"{self._empty_url}/aloud", json={"channelId": CHANNEL}))

    def join(self, client: int) -> None:
        joined = self._ask(client, "join", {"channelId": CHANNEL})
        body = {"channelId": CHANNEL, "viewerId": joined["viewerId"], "token": joined["token"]}
        self._joined[client].append(body)

    def beat(self, client: int) -> None:
        viewers = self._joined[client]
        self._ask(client, "heartbeat", viewers[next(self._numbers) % len(viewers)])

    def count(self, client: int) -> None:
        self._well(self._clients[client].get(f"{self._viewer_url}/api/viewer/count/{CHANNEL}"))

    def _ask(self, client: int, what: str, body: Mapping[str, str]) -> Any:
        return self._well(self._clients[client].post(f"{self._viewer_url}/api/viewer/{what}", json=body)).json()

    def _well(self, answer: httpx.Response) -> httpx.Response:
        answer.raise_for_status()
        return answer


def measure() -> Section:
    """`ROUNDS` rounds, in each of which everything has its turn, so that a busy machine slows all alike."""
    with started("crowd", VIEWER_JOINS_PER_MINUTE="1000000") as cloud, ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(timeout=60, trust_env=False)) for _ in range(CLIENTS)]
        return _section(*_measured(cloud, clients))


def _measured(cloud: LocalCloud, clients: list[httpx.Client]) -> tuple[dict[str, Timed], int]:
    """How long each took, and how many were counted in the end."""
    outputs = cloud.outputs
    crowd = Crowd(outputs["ViewerUrl"], deploy_page(outputs["AwsEndpointUrl"]), clients)
    turns = {one.__name__: one for one in (crowd.silent, crowd.aloud, crowd.join, crowd.beat, crowd.count)}
    timed = {name: Timed() for name in turns}
    for turn in turns.values():
        _turn(turn, WARM_SECONDS, Timed())
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            _turn(turn, TURN_SECONDS, timed[name])
    counted = clients[0].get(f"{outputs['ViewerUrl']}/api/viewer/count/{CHANNEL}").json()["viewers"]
    return timed, int(counted)


def _turn(turn: Callable[[int], None], seconds: float, timed: Timed) -> None:
    """All clients at once, each as fast as it is answered."""
    lock, began = threading.Lock(), time.perf_counter()

    def work(client: int) -> None:
        while (asked := time.perf_counter()) < began + seconds:
            turn(client)
            with lock:
                timed.seconds.append(time.perf_counter() - asked)

    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(work, range(CLIENTS)))
    timed.lasted += time.perf_counter() - began


def _section(timed: Mapping[str, Timed], counted: int) -> Section:
    words = {"join": "joins", "beat": "heartbeats", "count": "counts"}
    floors = {"join": "aloud", "beat": "silent", "count": "silent"}
    which = {"aloud": "that logs", "silent": "that is silent too"}
    return Section(
        "Viewers at once",
        f"{CLIENTS} clients call the Lambda URL as fast as they are answered, {ROUNDS} rounds of {TURN_SECONDS:g} s "
        "each, on the local cloud; beside it an empty function behind a Lambda URL, which the same clients call in the "
        "same rounds. MiniStack waits 50 ms for the log of a function that writes none: a join writes a line, and is "
        "compared with one that does; heartbeats and most counts write none. Client, MiniStack and functions share one "
        f"machine, and meanwhile the {counted:,} who joined are counted every two seconds: what is told is how much "
        "Cairn adds, and not what AWS can take.",
        (
            *(
                Figure(f"{word}, beside the empty function {which[floor]}", _beside(timed[name], timed[floor]))
                for (name, word), floor in zip(words.items(), floors.values(), strict=True)
            ),
            *(
                Figure(f"{word} a second; p50 and p99", _absolute(timed[name]))
                for name, word in {**words, "aloud": "empty, logging,", "silent": "empty, silent,"}.items()
            ),
        ),
    )


def _beside(one: Timed, floor: Timed) -> str:
    p50 = median(one.seconds) / median(floor.seconds)
    return f"{one.rate / floor.rate:.2f} of its rate; p50 {p50:.2f} ×, p99 {one.p99 / floor.p99:.2f} ×"


def _absolute(one: Timed) -> str:
    return f"{one.rate:,.0f}; {median(one.seconds) * 1000:.0f} ms, {one.p99 * 1000:.0f} ms"
