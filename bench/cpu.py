"""How much of a warm invocation's CPU time is Cairn's own, and how much botocore's.

botocore's is the time inside its clients' calls, which serialise, sign, send and parse; the rest is own: Cairn's code,
Powertools, pydantic, the logger, the client that posts to sockets, httpx. AWS is MiniStack in another process, so its
time is in neither. Without TLS, botocore takes less than in AWS, so the own share shown is rather too high.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
import httpx

from bench.account import captured_logs
from bench.figures import Section, at_most
from bench.gateway import gateway
from bench.invocations import CASES, Case, Stage
from bench.ministack import ministack
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms
from testing.workspace import begin_with

WARM_UP, ROUNDS = 3, 20
BUDGETS = {"api": 0.25}
BUDGET = 0.20


@dataclass
class Elsewhere:
    """CPU seconds that are not the functions' own."""

    botocore: float = 0.0
    platforms: float = 0.0
    """Of the fakes of the platforms, which are in this process."""


@dataclass
class Spent:
    """CPU seconds of all rounds of a case."""

    total: float = 0.0
    botocore: float = 0.0

    @property
    def own_share(self) -> float:
        return (self.total - self.botocore) / self.total

    @property
    def own_milliseconds(self) -> float:
        return (self.total - self.botocore) / ROUNDS * 1000


def measure() -> Section:
    elsewhere = Elsewhere()
    platforms = FakePlatforms()

    def answer(request: httpx.Request) -> httpx.Response:
        start = time.thread_time()
        try:
            return platforms.answer(request)
        finally:
            elsewhere.platforms += time.thread_time() - start

    with gateway() as url, ministack() as aws, _functions(httpx.MockTransport(answer), elsewhere):
        os.environ["CONNECTIONS_URL"] = url
        begin_with(telegram_messages_per_second=1000)
        with captured_logs():
            stage = Stage(aws, platforms)
            spent = {case: _spent(stage, case, elsewhere) for case in CASES}
    return Section(
        "CPU time",
        f"Of {ROUNDS} warm invocations each, in this process, with MiniStack as AWS in another. Own is everything but "
        "botocore's calls: Cairn's code, Powertools, pydantic, the logger, and the clients that post to sockets and "
        "call platforms. botocore's calls serialise, sign, send and parse; here without TLS, so that in AWS the own "
        "share is lower. A function that makes few calls has a high share of a short time, which is therefore given, "
        "too.",
        tuple(
            at_most(
                f"`{case.function}`: {case.what}",
                one.own_share,
                BUDGETS.get(case.function, BUDGET),
                shown=f"{one.own_share:.2f}, {one.own_milliseconds:.1f} ms",
            )
            for case, one in spent.items()
        ),
    )


def _spent(stage: Stage, case: Case, elsewhere: Elsewhere) -> Spent:
    spent = Spent()
    for number in range(WARM_UP + ROUNDS):
        event = case.event(stage, number + 1)
        elsewhere.botocore = elsewhere.platforms = 0.0
        start = time.process_time()
        FUNCTIONS[case.function](event, Context())
        total = time.process_time() - start - elsewhere.platforms
        if number >= WARM_UP:
            spent.total += total
            spent.botocore += elsewhere.botocore
    return spent


@contextmanager
def _functions(transport: httpx.BaseTransport, elsewhere: Elsewhere) -> Iterator[None]:
    """Cold functions whose botocore clients note the CPU time of their calls."""

    class Timed:
        """Comes before botocore's own class: https://docs.aws.amazon.com/boto3/latest/guide/events.html"""

        def _make_api_call(self, *arguments: Any) -> Any:
            start = time.thread_time()
            try:
                return super()._make_api_call(*arguments)  # type: ignore[misc]  # of botocore's class
            finally:
                elsewhere.botocore += time.thread_time() - start

    def add(**given: Any) -> None:
        given["base_classes"].insert(0, Timed)

    session = botocore.session.get_session()
    session.register("creating-client-class", add)
    boto3.setup_default_session(botocore_session=session)
    FUNCTIONS.forget()
    FUNCTIONS.transport = transport
    try:
        yield
    finally:
        FUNCTIONS.transport = None
        FUNCTIONS.forget()
