"""The time from a written reading to its frame on a socket, on the local cloud, compared with empty handlers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median, quantiles
from typing import Any

from bench.empty import deploy
from bench.figures import Figure, Section, at_most
from cairn.clock import now
from cairn.model import Reading, Subject, new_trace_id
from cairn.readings.stats import Stats
from testing.listener import Listener
from testing.local_cloud import LocalCloud, started

ROUNDS = 40
EVERY = 5
"""In every fifth round, an update is also sent to the API."""
WARM_UP = 4
"""Warm-up rounds, which are not measured."""
BUDGET = 2.0
LEADING, BEFORE, AFTER = 900_000, 9_000, 10_500
"""Monthly revenues: of the leaders, and of a rep before and after the update."""
PAUSE_SECONDS = 0.35
"""A function runs for another 50 ms after it has posted; and after three pauses, the board may be sent again."""
SETTLING_SECONDS = 3


def measure() -> Section:
    """`ROUNDS` rounds; each measures everything, so that a busy machine slows everything equally."""
    with started("bench") as cloud:
        return _section(_measured(cloud))


def _measured(cloud: LocalCloud) -> dict[str, list[float]]:
    """Seconds from the start of a write to its frame."""
    empty = deploy(cloud.stack.clients)
    stats = Stats(cloud.stack.clients.table(cloud.stack.output("StatsTable")))
    with Listener(_with_ticket(cloud)) as tv, Listener(empty.websocket_url) as other:
        other.send("who am I?")
        _, connection_id = other.next(bool)
        tv.say(action="join", room="tv-display")
        tv.next(_is("joined"))
        reading_reps, update_reps = _create_reps(cloud, tv)

        def forward(text: str) -> float:
            start = time.perf_counter()
            empty.table.put_item(Item={"pk": f"{connection_id} {text}"})
            return other.next(text.__eq__)[0] - start

        def read(rep: int) -> float:
            reading = _next_reading(stats, rep)
            start = time.perf_counter()
            stats.record(reading)
            return _wait_for_celebration(tv, rep) - start

        def update(rep: int) -> float:
            start = time.perf_counter()
            _post(cloud, f"/api/leaderboard/sales-reps/{rep}/update-stats", {"monthlyRevenue": AFTER})
            return _wait_for_celebration(tv, rep) - start

        times: dict[str, list[float]] = {"empty": [], "reading": [], "update": []}
        for number in range(WARM_UP + ROUNDS):
            time.sleep(PAUSE_SECONDS)
            times["empty"].append(forward(str(number)))
            time.sleep(PAUSE_SECONDS)
            times["reading"].append(read(reading_reps[number]))
            tv.next(_is("leaderboard:refresh"))  # and everything else that the reading causes
            if number % EVERY == 0:
                time.sleep(PAUSE_SECONDS)
                times["update"].append(update(update_reps[number // EVERY]))
                tv.next(_is("leaderboard:refresh"))
    return {name: seconds[WARM_UP if name != "update" else 1 :] for name, seconds in times.items()}


def _section(times: dict[str, list[float]]) -> Section:
    empty, reading, update = (times[name] for name in ("empty", "reading", "update"))
    return Section(
        "From a reading to a frame",
        f"{ROUNDS} rounds on the local cloud, all warm. Each writes an item to the empty copy's table, and a rep's "
        "reading that crosses a threshold to Cairn's; some also send such an update to the API. The time ends when the "
        "frame arrives by the WebSocket. The empty copy is a stream, a FIFO queue and `@connections`, with functions "
        "that pass on between them and log a line, as Cairn's do. The ratio is the time of Cairn's own calls and code; "
        "the calls are listed above, under *Calls in sequence*. It is not the ratio that AWS would show: there, the "
        "stream takes some 200 ms and a call a few; here a hop takes 7 ms and a call 2. MiniStack calls a stream's "
        "readers one after the other, and the queue's after them: history and the board, which in AWS come after the "
        "celebration, come before it here.",
        (
            at_most("from a reading written to a frame received, p50", median(reading) / median(empty), BUDGET),
            Figure("the same, p99", f"{_p99(reading) / _p99(empty):.2f}"),
            Figure("from an update sent to the API, p50", f"{median(update) / median(empty):.2f}"),
            Figure("in milliseconds, p50: empty, a reading, an update", _milliseconds(times, median)),
            Figure("the same, p99", _milliseconds(times, _p99)),
        ),
    )


def _milliseconds(times: dict[str, list[float]], of: Callable[[list[float]], float]) -> str:
    return ", ".join(f"{of(seconds) * 1000:.0f}" for seconds in times.values())


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[-1]


def _create_reps(cloud: LocalCloud, tv: Listener) -> tuple[list[int], list[int]]:
    """Create reps for the readings and for the updates, and leaders, so that no update changes the podium."""
    wanted = [LEADING] * 3 + [BEFORE] * (WARM_UP + ROUNDS) + [BEFORE] * (1 + ROUNDS // EVERY)

    def create(monthly_revenue: int) -> int:
        body = {"name": "Ada", "monthlyRevenue": monthly_revenue}
        return int(_post(cloud, "/api/leaderboard/sales-reps", body)["id"])

    ids = [create(monthly_revenue) for monthly_revenue in wanted]
    tv.next(_is("leaderboard:refresh", lambda frame: len(frame["data"]) == len(ids)))
    time.sleep(SETTLING_SECONDS)
    return ids[3 : 3 + WARM_UP + ROUNDS], ids[3 + WARM_UP + ROUNDS :]


def _next_reading(stats: Stats, rep: int) -> Reading:
    """A rep's next reading, as the API writes it."""
    stored = stats.get(Subject("rep", str(rep)))
    assert stored is not None
    changed = {"monthly_revenue": AFTER}
    metrics, peaks = {**stored.metrics, **changed}, {**stored.peaks, **changed}
    return replace(stored, metrics=metrics, peaks=peaks, as_of=now(), trace_id=new_trace_id())


def _wait_for_celebration(tv: Listener, rep: int) -> float:
    """Wait for a rep's celebration; the time of its frame."""

    def wanted(frame: Any) -> bool:
        return bool(frame["data"]["milestone"]["salesRep"]["id"] == rep)

    return tv.next(_is("achievement:celebration", wanted))[0]


def _with_ticket(cloud: LocalCloud) -> str:
    return f"{cloud.outputs['WebSocketUrl']}?ticket={_post(cloud, '/api/ws-ticket', None)['ticket']}"


def _post(cloud: LocalCloud, path: str, body: object) -> Any:
    response = cloud.api.post(path, json=body)
    response.raise_for_status()
    return response.json()


def _is(event: str, condition: Callable[[Any], bool] = bool) -> Callable[[str], bool]:
    def wanted(text: str) -> bool:
        frame = json.loads(text)
        return bool(frame["event"] == event and condition(frame))

    return wanted
