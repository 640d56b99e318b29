"""What a cold start imports: handler modules against `import boto3` and one client, whole processes, turn by turn."""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from time import perf_counter

from bench.figures import Figure, Section, at_most

ROUNDS = 9
EVERY = 3
"""What is shown for information is run in every third round only."""
BUDGET = 1.5
YARDSTICK = "import boto3; boto3.client('dynamodb')"
CLIENTS = "from functions.detect_milestone.handler import detection; detection()"
OTHERS = ("record_history", "notify", "fetch_stats", "telegram_webhook", "api")
SETTINGS = {"MILESTONES_TABLE": "milestones", "NOTIFY_QUEUE_URL": "https://queue", "LADDERS": "{}", "TIME_ZONE": "UTC"}


def measure() -> Section:
    """Medians of `ROUNDS` rounds, each of which runs everything once, so that a busy machine slows all alike."""
    code = {"yardstick": YARDSTICK, "detect_milestone": _import("detect_milestone"), "clients": CLIENTS}
    code |= {name: _import(name) for name in OTHERS}
    times: dict[str, list[float]] = {name: [] for name in code}
    for number in range(ROUNDS + 1):
        for name, statement in code.items():
            if name in OTHERS and number % EVERY:
                continue
            seconds = _run(statement)
            if number:  # the first round fills the caches of the file system and of compiled modules
                times[name].append(seconds)
    ratios = {name: median(seconds) / median(times["yardstick"]) for name, seconds in times.items()}
    return Section(
        "Imports",
        f"Medians of {ROUNDS} rounds of whole processes, in turn, against one that runs `{YARDSTICK}`. Only "
        "`detect_milestone` is on a hot path of what is built so far.",
        (
            at_most("import `detect_milestone`", ratios["detect_milestone"], BUDGET),
            at_most("the same, and its table and queue made ready", ratios["clients"], BUDGET),
            *(Figure(f"import `{name}`", f"{ratios[name]:.2f}") for name in OTHERS),
        ),
    )


def _import(function: str) -> str:
    return f"import functions.{function}.handler"


def _run(statement: str) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env={**os.environ, **SETTINGS})  # noqa: S603 - ours
    return perf_counter() - began
