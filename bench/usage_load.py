"""Usage events that come at the same time, in virtual time: how long each waits, and that each is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from statistics import median, quantiles
from typing import Any

from bench.account import captured_logs
from bench.figures import Figure, Section, at_most
from testing.dynamodb import stored
from testing.usage_load import AWS_SECONDS, usage_load

AT_ONCE, USERS, LAMBDAS = 50, 1000, 200
MOST_SECONDS = 5.0
LATENCIES = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in AWS_SECONDS.items())


def measure() -> Section:
    """One user's events from many places at once, and those of many users."""
    with_ids = [{"userId": "ada", "type": "reply", "id": str(number)} for number in range(AT_ONCE)]
    without = [{"userId": "ada", "type": "reply"} for _ in range(AT_ONCE)]
    users = [{"userId": f"user-{number}", "type": "reply", "id": str(number)} for number in range(USERS)]
    return Section(
        "Product usage at the same time",
        "Each event to a Lambda of its own, the real handler, in virtual time: each AWS call takes a typical latency "
        f"({LATENCIES}), and nothing else takes any. A transaction that meets another write of the same item is "
        "cancelled, as DynamoDB does. A product that sends one user's events together, in a batch, has none of these "
        "waits. Each event was counted, once.",
        (
            _one_user(f"{AT_ONCE} events of one user at once, with ids", with_ids),
            _one_user(f"{AT_ONCE} events of one user at once, without ids", without),
            Figure(
                f"{USERS:,} users at once, an event with an id each, {LAMBDAS} Lambdas warm: p50, p99",
                _sent(users, LAMBDAS)[1],
            ),
        ),
    )


def _one_user(name: str, bodies: Sequence[dict[str, Any]]) -> Figure:
    p99, shown = _sent(bodies, len(bodies))
    return at_most(f"{name}: p50, p99", p99, MOST_SECONDS, unit="s", shown=shown)


def _sent(bodies: Sequence[dict[str, Any]], lambdas: int) -> tuple[float, str]:
    with redirect_stdout(StringIO()), captured_logs(), usage_load() as load:
        load.warm_up(lambdas)
        load.send(bodies)
        counted = sum(int(item["metrics"]["M"]["replies"]["N"]) for item in stored("STATS_TABLE").items())
    if (counted, load.statuses[200]) != (len(bodies), len(bodies)):
        raise RuntimeError(f"{counted} counted of {len(bodies)}: {load.statuses}")
    p99 = quantiles(load.seconds, n=100, method="inclusive")[-1]
    return p99, f"{1000 * median(load.seconds):,.0f} ms, {1000 * p99:,.0f} ms"
