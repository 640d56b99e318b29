"""From a reading written to the frame on a socket, on the local cloud, beside the same hops with empty handlers."""

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
"""Of the rounds, in which an update is sent to the API as well."""
WARM = 4
"""Rounds that start the functions, and are not counted."""
BUDGET = 1.5
LEADING, BEFORE, AFTER = 900_000, 9_000, 10_500
"""Monthly revenues: of the first three, and of a rep before and after."""
PAUSE_SECONDS = 0.35
"""A function that has told its socket is not done for another 50 ms; and after three, the board may be shown again."""
SETTLING_SECONDS = 3


def measure() -> Section:
    """`ROUNDS` rounds, in each of which everything has its turn, so that a busy machine slows all alike."""
    with started("bench") as cloud:
        return _section(_measured(cloud))


def _measured(cloud: LocalCloud) -> dict[str, list[float]]:
    """Seconds from the beginning of a write to its frame."""
    empty = deploy(cloud.outputs["AwsEndpointUrl"])
    stats = Stats(cloud.stack.clients.table(cloud.stack.output("StatsTable")))
    with Listener(_with_ticket(cloud)) as tv, Listener(empty.websocket_url) as other:
        other.send("who am I?")
        _, connection_id = other.next(bool)
        tv.say(action="join", room="tv-display")
        tv.next(_is("joined"))
        sellers, updated = _hire(cloud, tv)

        def forwarded(text: str) -> float:
            began = time.perf_counter()
            empty.table.put_item(Item={"pk": f"{connection_id} {text}"})
            return other.next(text.__eq__)[0] - began

        def read(rep: int) -> float:
            reading = _raised(stats, rep)
            began = time.perf_counter()
            stats.record(reading)
            return _celebrated(tv, rep) - began

        def update(rep: int) -> float:
            began = time.perf_counter()
            _ask(cloud, f"/api/leaderboard/sales-reps/{rep}/update-stats", {"monthlyRevenue": AFTER})
            return _celebrated(tv, rep) - began

        times: dict[str, list[float]] = {"empty": [], "aloud": [], "reading": [], "update": []}
        for number in range(WARM + ROUNDS):
            time.sleep(PAUSE_SECONDS)
            times["empty"].append(forwarded(f"{number} in silence"))
            time.sleep(PAUSE_SECONDS)
            times["aloud"].append(forwarded(f"{number} aloud"))
            time.sleep(PAUSE_SECONDS)
            times["reading"].append(read(sellers[number]))
            tv.next(_is("leaderboard:refresh"))  # and whatever else there was to do
            if number % EVERY == 0:
                time.sleep(PAUSE_SECONDS)
                times["update"].append(update(updated[number // EVERY]))
                tv.next(_is("leaderboard:refresh"))
    return {name: seconds[WARM if name != "update" else 1 :] for name, seconds in times.items()}


def _section(times: dict[str, list[float]]) -> Section:
    empty, aloud, reading, update = (times[name] for name in ("empty", "aloud", "reading", "update"))
    return Section(
        "From a reading to a frame",
        f"{ROUNDS} rounds on the local cloud, all warm: an item put into the empty copy's table, a rep's reading that "
        "crosses a threshold put into Cairn's, and in some an update like it sent to the API, each until its frame "
        "comes by the WebSocket. The empty copy is a stream, a FIFO queue and `@connections`, and between them "
        "functions that hand on, and nothing else. MiniStack waits 50 ms for the log of a function that writes none, "
        "as an empty one; so there is a second comparison, with one that writes a line. And it calls a stream's "
        "readers one after the other, and the queue's after them: history and the board, which come after the "
        "celebration in AWS, come before it here.",
        (
            at_most("from a reading written to a frame received, p50", median(reading) / median(empty), BUDGET),
            Figure("the same, p99", f"{_p99(reading) / _p99(empty):.2f}"),
            Figure("the same beside handlers that log a line, p50", f"{median(reading) / median(aloud):.2f}"),
            Figure("from an update sent to the API, p50", f"{median(update) / median(empty):.2f}"),
            Figure("in milliseconds, p50: empty, logging, a reading, an update", _milliseconds(times, median)),
            Figure("the same, p99", _milliseconds(times, _p99)),
        ),
    )


def _milliseconds(times: dict[str, list[float]], of: Callable[[list[float]], float]) -> str:
    return ", ".join(f"{of(seconds) * 1000:.0f}" for seconds in times.values())


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[-1]


def _hire(cloud: LocalCloud, tv: Listener) -> tuple[list[int], list[int]]:
    """Reps for the readings and for the updates; and leaders, for a step of the podium is another story."""
    wanted = [LEADING] * 3 + [BEFORE] * (WARM + ROUNDS) + [BEFORE] * (1 + ROUNDS // EVERY)

    def hire(monthly_revenue: int) -> int:
        body = {"name": "Ada", "monthlyRevenue": monthly_revenue}
        return int(_ask(cloud, "/api/leaderboard/sales-reps", body)["id"])

    ids = [hire(monthly_revenue) for monthly_revenue in wanted]
    tv.next(_is("leaderboard:refresh", lambda frame: len(frame["data"]) == len(ids)))
    time.sleep(SETTLING_SECONDS)
    return ids[3 : 3 + WARM + ROUNDS], ids[3 + WARM + ROUNDS :]


def _raised(stats: Stats, rep: int) -> Reading:
    """A rep's next reading, as the API writes it."""
    stored = stats.get(Subject("rep", str(rep)))
    assert stored is not None
    raised = {"monthly_revenue": AFTER}
    metrics, peaks = {**stored.metrics, **raised}, {**stored.peaks, **raised}
    return replace(stored, metrics=metrics, peaks=peaks, as_of=now(), trace_id=new_trace_id())


def _celebrated(tv: Listener, rep: int) -> float:
    """When a rep was celebrated."""

    def wanted(frame: Any) -> bool:
        return bool(frame["data"]["milestone"]["salesRep"]["id"] == rep)

    return tv.next(_is("achievement:celebration", wanted))[0]


def _with_ticket(cloud: LocalCloud) -> str:
    return f"{cloud.outputs['WebSocketUrl']}?ticket={_ask(cloud, '/api/ws-ticket', None)['ticket']}"


def _ask(cloud: LocalCloud, path: str, body: object) -> Any:
    answer = cloud.api.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


def _is(event: str, also: Callable[[Any], bool] = bool) -> Callable[[str], bool]:
    def wanted(text: str) -> bool:
        frame = json.loads(text)
        return bool(frame["event"] == event and also(frame))

    return wanted
