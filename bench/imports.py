"""The imports of a cold start: handler modules compared with `import boto3` and one client, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from time import perf_counter

from bench.figures import Figure, Section, at_most

ROUNDS = 9
EVERY = 3
"""Functions without a budget run in every third round only."""
BUDGET = 1.5
BASELINE = "import boto3; boto3.client('dynamodb')"
HOT = {
    "detect_milestone": ("detection",),
    "ws_connect": ("sockets", "tickets", "revocations", "request_handler"),
    "broadcast": ("consumer", "broadcaster"),
    "viewer_heartbeat": ("join_limits", "presence", "counting"),
    "count_viewers": ("consumer", "counting", "stale_sockets"),
}
"""The functions that somebody waits for, with the dependencies that each creates at its first invocation."""
OTHERS = (
    *("record_history", "month_rollover", "check_milestones", "notify", "fetch_stats", "telegram_webhook", "api"),
)
SETTINGS = {
    "STATS_TABLE": "stats",
    "MILESTONES_TABLE": "milestones",
    "LEADERBOARD_TABLE": "leaderboard",
    "CONNECTIONS_TABLE": "connections",
    "NOTIFY_QUEUE_URL": "https://queue",
    "BROADCAST_QUEUE_URL": "https://queue.fifo",
    "CONNECTIONS_URL": "https://api/live",
    "PRESENCE_TABLE": "presence",
    "SESSIONS_TABLE": "sessions",
    "HISTORY_TABLE": "history",
    "CHANNELS_TABLE": "channels",
    "COUNT_QUEUE_URL": "https://queue.fifo",
    "WEBSOCKET_URL": "wss://api/live",
    "CDN_KEYS": "front",
    "DIRECT_CALLS": "reject",
    "STALE_AFTER_SECONDS": "900",
    "VIEWER_HEARTBEAT_INTERVAL": "30000",
    "VIEWER_TIMEOUT": "60",
    "VIEWER_COUNT_UPDATE_INTERVAL": "2000",
    "VIEWER_JOINS_PER_MINUTE": "200",
    "LIVE_CHANNELS": "{}",
    "LADDERS": "{}",
    "TIME_ZONE": "UTC",
}


def measure() -> Section:
    """Medians of `ROUNDS` rounds; each runs everything once, so that a busy machine slows everything equally."""
    code = {"baseline": BASELINE}
    for name, needed in HOT.items():
        accesses = "; ".join(f"dependencies.{dependency}" for dependency in needed)
        ready = f"from functions.{name}.handler import Dependencies; dependencies = Dependencies(); {accesses}"
        code |= {name: _import(name), f"{name}, ready": ready}
    code |= {name: _import(name) for name in OTHERS}
    times: dict[str, list[float]] = {name: [] for name in code}
    for number in range(ROUNDS + 1):
        for name, statement in code.items():
            if name in OTHERS and number % EVERY:
                continue
            seconds = _run(statement)
            if number:  # the first round fills the caches of the file system and of compiled modules
                times[name].append(seconds)
    ratios = {name: median(seconds) / median(times["baseline"]) for name, seconds in times.items()}
    return Section(
        "Imports",
        f"Medians of {ROUNDS} rounds, in which each import runs in a new process, compared with a process that runs "
        f"`{BASELINE}`. The hot paths, where somebody waits for a cold start, come first.",
        (
            *(figure for name in HOT for figure in _hot(name, ratios)),
            *(Figure(f"import `{name}`", f"{ratios[name]:.2f}") for name in OTHERS),
        ),
    )


def _hot(name: str, ratios: Mapping[str, float]) -> tuple[Figure, Figure]:
    return (
        at_most(f"import `{name}`", ratios[name], BUDGET),
        at_most("the same, with its tables, queues and sockets ready", ratios[f"{name}, ready"], BUDGET),
    )


def _import(function: str) -> str:
    return f"import functions.{function}.handler"


def _run(statement: str) -> float:
    # Layers and functions are deployed with compiled modules, whatever this environment says about them.
    compiled = {"PYTHONDONTWRITEBYTECODE": ""}
    began = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env={**os.environ, **SETTINGS, **compiled})  # noqa: S603 - ours
    return perf_counter() - began
