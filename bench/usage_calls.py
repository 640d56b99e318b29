"""A product's own calls on the local cloud, one after the other, beside calls of an empty function."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import count
from statistics import median, quantiles

import httpx

from bench.crowds import log_events
from bench.empty import deploy_page
from bench.figures import Figure, Section
from testing.local_cloud import LocalCloud, cdn_headers, function_url, started

FUNCTION = "IngestUsage"
WARM_UP, ROUNDS = 10, 120
PAUSE_SECONDS = 0.1
"""After each call: the readers of the stream, which share the machine, are done by then."""
EMPTY, PLAIN, WITH_ID = "the empty function", "an event without an id", "an event with an id"
Times = Mapping[str, list[float]]


def measure() -> Section:
    """`ROUNDS` rounds, each with every kind of call, so that a busy machine slows all equally."""
    with started("usage") as cloud, httpx.Client(timeout=60, trust_env=False) as http:
        times = _measured(cloud, http)
    empty = times[EMPTY]
    return Section(
        "Product usage: the product's own call",
        f"On the local cloud, one client sends events to the Lambda URL, {ROUNDS} of each kind, and as many requests "
        "to an empty function behind a Lambda URL, in turn and with a pause after each. Both log each event, since "
        "MiniStack waits 50 ms for the log of an invocation that writes none. The difference is two calls of "
        "MiniStack's DynamoDB, which take longer than AWS's, and the function's own time. What the event leads to "
        "comes after the answer.",
        (
            *(Figure(f"{name}, compared with {EMPTY}", _compared(times[name], empty)) for name in (PLAIN, WITH_ID)),
            *(Figure(f"{name}: p50, p99", _absolute(times[name])) for name in (PLAIN, WITH_ID, EMPTY)),
        ),
    )


def _measured(cloud: LocalCloud, http: httpx.Client) -> Times:
    log_events(cloud.stack, FUNCTION)
    usage_url, empty_url = function_url(cloud.stack, FUNCTION), deploy_page(cloud.stack.clients)
    headers = {**cdn_headers(cloud.stack, FUNCTION), "Authorization": f"Bearer {cloud.outputs['AdminApiKey']}"}
    numbers = count()

    def post(url: str, body: Mapping[str, str]) -> None:
        http.post(url, json=body, headers=headers).raise_for_status()

    event = {"userId": "ada", "type": "reply"}
    calls: dict[str, Callable[[], None]] = {
        EMPTY: lambda: post(f"{empty_url}/", event),
        PLAIN: lambda: post(f"{usage_url}/api/usage/track", event),
        WITH_ID: lambda: post(f"{usage_url}/api/usage/track", {**event, "id": str(next(numbers))}),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(WARM_UP + ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number >= WARM_UP:
                times[name].append(time.perf_counter() - start)
            time.sleep(PAUSE_SECONDS)
    return times


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[-1]


def _compared(times: list[float], empty: list[float]) -> str:
    p50, p99 = (1000 * (of(times) - of(empty)) for of in (median, _p99))
    return f"p50 {p50:+.0f} ms, p99 {p99:+.0f} ms"


def _absolute(times: list[float]) -> str:
    return f"{1000 * median(times):.0f} ms, {1000 * _p99(times):.0f} ms"
