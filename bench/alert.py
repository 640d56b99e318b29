"""An alert to 500 chats through one bot by several concurrent Lambdas: processes, MiniStack and a strict Telegram."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import boto3

from bench.figures import Figure, Section, at_least, at_most
from bench.ministack import ministack
from bench.telegram import PER_SECOND, Telegram, telegram
from cairn.aws.sqs import Queue
from cairn.messages import Alert
from cairn.model import Milestone, Subject, new_trace_id
from cairn.readings.milestones import Milestones, milestone_key
from testing.cloud import Cloud
from testing.readings import channel_milestone
from testing.subscribers import subscribe_many
from testing.waiting import wait_for

CHATS = 500
LAMBDAS = 8
BUDGET = 0.97
LATENCIES = (0.0, 0.08)
TIMEOUT_SECONDS = 60
REASON_MISSED = (
    "A sender that wakes more than 18 ms after its send slot skips it and uses the next one of its lane. So a busy "
    "machine costs time but no 429, which would pause the whole bot. In simulated time, which no other load disturbs, "
    "the same code reaches 0.97 at latencies of 1 to 120 ms (tests/integration/telegram/test_senders.py)."
)


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one alert."""

    latency: float
    seconds: float
    rejected: int
    sent: int
    chats: int
    busy: float
    """Seconds of Lambda time, including the waits for send slots."""

    @property
    def ratio(self) -> float:
        """How close to the ideal, in which messages arrive as fast as Telegram accepts them."""
        return CHATS / PER_SECOND / self.seconds


def measure() -> tuple[Section, Run]:
    """The section, and the run at the real Telegram's latency, whose Lambda time the costs are based on."""
    with ministack() as aws:
        subscribe_many(aws, CHATS)
        runs = [_run(aws, latency) for latency in LATENCIES]
    figures: list[Figure] = []
    for run in runs:
        at = f"responds after {run.latency * 1000:.0f} ms"
        figures += [
            at_least(f"Telegram {at}: ratio to the ideal {CHATS / PER_SECOND:.1f} s", run.ratio, BUDGET),
            at_most(f"Telegram {at}: 429s", run.rejected, 0),
            at_most(f"Telegram {at}: messages beyond one per chat", run.sent - run.chats, 0),
        ]
    prose = (
        f"{LAMBDAS} processes of notify receive the parts of one alert from MiniStack's queue and send to a Telegram "
        f"on loopback that rejects the 31st message in any second. The ideal is {CHATS} messages at {PER_SECOND} a "
        "second, measured from the first message to the last."
    )
    if any(figure.met is False for figure in figures):
        prose += " " + REASON_MISSED
    return Section("An alert to 500 chats", prose, tuple(figures)), runs[-1]


def _run(aws: Cloud, latency: float) -> Run:
    with telegram(latency) as server, tempfile.TemporaryDirectory() as logs:
        os.environ["TELEGRAM_API_URL"] = server.url
        outputs = [Path(logs, str(number)) for number in range(LAMBDAS)]
        workers = [_worker(output) for output in outputs]
        try:
            _wait_until_warm(outputs)
            milestone = _milestone(aws)
            Queue(boto3.client("sqs"), os.environ["NOTIFY_QUEUE_URL"]).send([Alert(milestone)])
            _wait(aws, milestone, server)
        finally:
            for worker in workers:
                with suppress(BrokenPipeError):
                    worker.communicate(b"end\n", timeout=30)
        ends = [json.loads(output.read_text().splitlines()[-1]) for output in outputs]
        return Run(
            latency=latency,
            seconds=max(server.arrivals) - min(server.arrivals),
            rejected=server.rejected,
            sent=len(server.chats),
            chats=len(set(server.chats)),
            busy=sum(end["busy"] for end in ends),
        )


def _worker(output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", "bench.worker", os.environ["AWS_ENDPOINT_URL"]],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )


def _wait_until_warm(outputs: list[Path]) -> None:
    """Wait until every worker has its clients."""
    wait_for(
        lambda: all("warm" in output.read_text() for output in outputs),
        TIMEOUT_SECONDS,
        missing="not every worker is warm",
    )


def _wait(aws: Cloud, milestone: Milestone, server: Telegram) -> None:
    """Wait until the tally says that every chat was notified."""
    table = aws.table("MILESTONES_TABLE")

    def delivered() -> bool:
        key = milestone_key(milestone)
        return len(server.chats) >= CHATS and bool(table.get_item(Key=key)["Item"]["delivered"] == CHATS)

    wait_for(delivered, TIMEOUT_SECONDS, pause=0.2, missing=f"not {CHATS} messages")


def _milestone(aws: Cloud) -> Milestone:
    """A recorded milestone, which holds the tally."""
    subject = Subject("channel", f"youtube:UC{time.time_ns():022d}")
    milestone = channel_milestone(10_000, subject=subject, value=10_100, trace_id=new_trace_id())
    Milestones(aws.table("MILESTONES_TABLE")).record(milestone)
    return milestone
