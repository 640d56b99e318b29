"""Webhooks under load, in virtual time: beside a dead and a slow endpoint, and to a receiver that often fails."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import testing.environment  # noqa: F401 - comes first in each process, for what it sets
from bench.figures import Figure, Section, at_least, at_most
from cairn.observability import logger
from testing.webhook_load import LAMBDAS, Receiver, WebhookLoad, dead, failing, healthy, slow, webhook_load

EVENTS = 10_000
PER_SECOND = 20
SLOW_SECONDS = 3.0
BAD_SECONDS = 60.0
"""How long the bad endpoints stay so after the last event."""
FAILURE_RATE = 0.2
SOON_SECONDS = 300.0
SLOWED_BUDGET = 1.1
DELIVERED_BUDGET = 0.95


@dataclass(frozen=True)
class Run:
    """The result of one load; latencies are of healthy endpoints, in seconds from an event to its 2xx."""

    latencies: dict[str, list[float]]
    messages: int
    lost: int
    repeated: int
    most_at_once: int
    """Attempts at one endpoint."""
    most_busy: int
    """Lambdas."""
    failures: int
    """Invocations without a result, and dead letters."""

    @classmethod
    def of(cls, load: WebhookLoad, measured: dict[str, Receiver]) -> Run:
        return cls(
            latencies={name: load.latencies(receiver) for name, receiver in measured.items()},
            messages=len(load.published) * len(load.receivers),
            lost=load.lost(),
            repeated=load.repeated(),
            most_at_once=max(receiver.most_at_once for receiver in load.receivers.values()),
            most_busy=load.most_busy,
            failures=len(load.failed_invocations) + len(load.queue.dead_letters),
        )

    def p99(self, name: str) -> float:
        return quantiles(self.latencies[name], n=100, method="inclusive")[-1]


def beside(events: int, *, others: bool) -> Run:
    """Two healthy endpoints, alone or beside a dead and a slow one, which recover after the last event."""
    with webhook_load() as load:
        measured = {name: healthy(seed) for seed, name in enumerate(("first", "second"))}
        for name, receiver in measured.items():
            load.endpoint(name, receiver)
        bad = [dead(), slow(SLOW_SECONDS)] if others else []
        for number, receiver in enumerate(bad):
            load.endpoint(f"bad{number}", receiver)

        def recover() -> None:
            load.virtual.sleep(BAD_SECONDS)
            for receiver in bad:
                receiver.become(healthy(9))

        load.run(events, PER_SECOND, then=recover)
        return Run.of(load, measured)


def now_and_then(events: int) -> Run:
    """One endpoint that fails FAILURE_RATE of the attempts."""
    with webhook_load() as load:
        receiver = failing(FAILURE_RATE, seed=1)
        load.endpoint("failing", receiver)
        load.run(events, PER_SECOND)
        return Run.of(load, {"failing": receiver})


def measure() -> list[Section]:
    """Each run in a process of its own."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        runs = [processes.submit(_silent, name) for name in ("beside", "alone", "failing")]
        with_others, alone, failed = (run.result() for run in runs)
    return [_beside_section(with_others, alone), _failing_section(failed)]


def _silent(name: str) -> Run:
    logger.setLevel("CRITICAL")
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        match name:
            case "beside":
                return beside(EVENTS, others=True)
            case "alone":
                return beside(EVENTS, others=False)
            case _:
                return now_and_then(EVENTS)


def slowed(with_others: Run, alone: Run) -> float:
    """How many times as long the p99 of the endpoint is that suffers most."""
    return max(with_others.p99(name) / alone.p99(name) for name in alone.latencies)


def _beside_section(with_others: Run, alone: Run) -> Section:
    return Section(
        "Webhooks beside a dead and a slow endpoint",
        f"{EVENTS:,} events, {PER_SECOND} a second, go to four endpoints: two that answer after 50 to 150 ms, one that "
        f"accepts no connection (an attempt takes 5 s), and one that answers after {SLOW_SECONDS:g} s, which is a "
        "twelfth as fast as events come. The bad two recover a minute after the last event. The same events go to the "
        "two good ones alone. Time is simulated: each message has a Lambda of its own, a message group has one in "
        f"flight, at most {LAMBDAS} run at once, and each AWS call takes 6 ms. Queue and table are those of AWS as "
        "the tests model them; what a cold start or a network costs is not in it.",
        (
            at_most(
                "p99 from an event to its 2xx, the good endpoint that suffers most, beside ÷ alone",
                slowed(with_others, alone),
                SLOWED_BUDGET,
                unit="×",
            ),
            at_most(f"messages of {with_others.messages:,} that were never accepted", with_others.lost, 0),
            at_most("messages that were accepted twice", with_others.repeated, 0),
            at_most("failed invocations and dead letters", with_others.failures, 0),
            at_most("attempts at once at one endpoint", with_others.most_at_once, 5),
            Figure("Lambdas at once, beside · alone", f"{with_others.most_busy} · {alone.most_busy}"),
            Figure("p50 and p99, beside", _absolute(with_others)),
            Figure("p50 and p99, alone", _absolute(alone)),
        ),
    )


def _failing_section(run: Run) -> Section:
    (latencies,) = run.latencies.values()
    soon = sum(latency <= SOON_SECONDS for latency in latencies) / EVENTS
    return Section(
        "Webhooks to a receiver that fails a fifth of the time",
        f"{EVENTS:,} events, {PER_SECOND} a second, to one endpoint that answers 500 to {FAILURE_RATE:.0%} of the "
        "attempts, in simulated time as above.",
        (
            at_least("events that were delivered", 1 - run.lost / EVENTS, DELIVERED_BUDGET),
            at_least("events that were delivered within 5 minutes", soon, DELIVERED_BUDGET),
            at_most("events that were delivered twice", run.repeated, 0),
            at_most("failed invocations and dead letters", run.failures, 0),
            Figure("p50 and p99 from an event to its 2xx", _absolute(run)),
        ),
    )


def _absolute(run: Run) -> str:
    everything = [latency for latencies in run.latencies.values() for latency in latencies]
    return f"{median(everything):.2f} s, {quantiles(everything, n=100, method='inclusive')[-1]:.2f} s"
