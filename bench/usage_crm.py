"""The time from a reply that a product reports to the CRM that is told, on the local cloud."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

import httpx

from bench.figures import Figure, Section, at_most
from testing.local_cloud import LocalCloud, started
from testing.waiting import wait_for

USERS = 60
"""Each sends a first reply, which is a milestone."""
WARM_UP = 5
CRM = "bench"
PAUSE_SECONDS = 0.3
WITHIN_SECONDS = 30.0


def measure() -> Section:
    """`USERS` first replies, one after the other."""
    with started("bench") as cloud:
        calls, arrivals, wrong = _measured(cloud)
    return Section(
        "From a reply to the CRM",
        f"{USERS} users who are known send their first reply to `POST /api/usage/track` of the local cloud, one after "
        "the other, all functions warm. The time begins when the product sends the event and ends when the CRM of the "
        "sandbox has the `milestone_reached`: stats table, stream, detection, queue, delivery. The product waits for "
        "its own call alone. MiniStack runs one copy of each function, takes a few milliseconds for a call, and calls "
        "a stream's readers one after the other; in AWS the stream takes some 200 ms.",
        (
            at_most(f"first replies of {USERS} of which the CRM heard not exactly once", wrong, 0),
            Figure("from the reply to the CRM, p50 and p99", _times(arrivals)),
            Figure("the product's own call, p50 and p99", _times(calls)),
        ),
    )


def _measured(cloud: LocalCloud) -> tuple[list[float], list[float], int]:
    """Seconds of the product's call, and until the CRM knew; and of how many it heard not exactly once."""
    url = f"{cloud.outputs['SandboxUrl']}/crm/{CRM}"
    made = _ok(cloud.api.post("/api/webhooks/endpoints", json={"url": url, "events": ["milestone_reached"]}))
    _ok(cloud.sandbox.put(f"/control/crm/{CRM}", json={"secret": made["secret"]}))
    ids = [f"user-{number}" for number in range(WARM_UP + USERS)]
    _ok(cloud.api.put("/api/users", json={"users": [{"id": id_, "name": id_} for id_ in ids]}))
    calls, arrivals = list[float](), list[float]()
    for id_ in ids:
        time.sleep(PAUSE_SECONDS)
        began = time.time()
        _ok(cloud.api.post("/api/usage/track", json={"userId": id_, "type": "reply", "id": id_}))
        calls.append(time.time() - began)
        arrivals.append(_arrival(cloud, id_) - began)
    heard = [_subject(one) for one in _deliveries(cloud)]
    wrong = sum(heard.count(f"user:{id_}") != 1 for id_ in ids)
    return calls[WARM_UP:], arrivals[WARM_UP:], wrong


def _arrival(cloud: LocalCloud, id_: str) -> float:
    """When the CRM got the milestone, in seconds since 1970."""

    def found() -> float | None:
        times = [one["time"] / 1000 for one in _deliveries(cloud) if _subject(one) == f"user:{id_}"]
        return times[0] if times else None

    return wait_for(found, WITHIN_SECONDS, pause=0.02, missing=f"a message about {id_}")


def _deliveries(cloud: LocalCloud) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _ok(cloud.sandbox.get(f"/control/crm/{CRM}"))["deliveries"]
    return found


def _subject(delivery: dict[str, Any]) -> str:
    return str(json.loads(delivery["body"])["data"]["subject"])


def _times(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1000:.0f} ms, {quantiles(seconds, n=100, method='inclusive')[-1] * 1000:.0f} ms"


def _ok(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json() if response.content else None
