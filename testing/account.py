"""An account whose event sources run by themselves, on a controlled clock, with a failure at any call."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from moto.core.models import DEFAULT_ACCOUNT_ID

from testing.clock import ControlledClock, controlled_clock
from testing.cloud import SECRETS, Cloud, Context, cloud
from testing.event_sources import Asynchronous, Source, Stream, Updates
from testing.fault_injection import FaultInjector, SandboxDied
from testing.functions import FUNCTIONS, InvocationFailedError
from testing.sqs import Fifo, StandardQueue
from testing.websocket_api import Gateway, poster_in_place_of_api_gateway
from testing.workspace import begin_with

TIMEOUTS = {
    "fetch_stats": 60,
    "detect_milestone": 30,
    "record_history": 30,
    "notify": 60,
    "telegram_webhook": 10,
    "api": 30,
    "broadcast": 20,
    "ws_connect": 29,
    "month_rollover": 300,
    "check_milestones": 300,
    "erase_retired_reps": 300,
    "erase_users": 300,
    "viewer_heartbeat": 10,
    "count_viewers": 20,
    "deliver_webhook": 45,
    "ingest_usage": 30,
    "day_rollover": 60,
    "sync_transactions": 120,
    "roll_up_transactions": 300,
    "creator_webhook": 10,
}
MOST_STEPS = 3000


class Account:
    """The calls of all functions go through `wire`, which can let any of them fail."""

    def __init__(self, clock: ControlledClock, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.clock = clock
        self.cloud: Cloud
        self.wire = FaultInjector(clock, answer, self._sqs)
        self.fetch = StandardQueue(clock, "fetch_stats", max_receives=5, hidden=timedelta(minutes=6))
        self.notify = StandardQueue(clock, "notify", max_receives=30, hidden=timedelta(minutes=6), recursive=True)
        self.broadcast = Fifo(clock, "broadcast", max_receives=30, hidden=timedelta(minutes=2))
        self.count = Fifo(clock, "count_viewers", max_receives=30, hidden=timedelta(minutes=2), recursive=True)
        self.webhooks = Fifo(
            clock, "deliver_webhook", max_receives=30, hidden=timedelta(seconds=270), recursive=True, batch=1
        )
        self.creators = StandardQueue(
            clock, "sync_transactions", max_receives=30, hidden=timedelta(minutes=12), recursive=True
        )
        self.set_aside: list[dict[str, Any]] = []
        """The stream records that the functions themselves put into the queue of failures."""
        self.gateway = Gateway(clock, self.wire)
        self.detection = Stream(clock, "detect_milestone", parallel=10)
        self.history = Stream(clock, "record_history")
        self.rollups = Stream(clock, "roll_up_transactions", table="CREATORS_TABLE", prefix="transactions#")
        self.schedule = Asynchronous(clock, "fetch_stats")
        self.syncs = Asynchronous(clock, "sync_transactions")
        self.rollover = Asynchronous(clock, "month_rollover")
        self.check = Asynchronous(clock, "check_milestones")
        self.days = Asynchronous(clock, "day_rollover")
        self.sweep = Asynchronous(clock, "deliver_webhook")
        self.updates = Updates(clock)
        streams = [self.detection, self.history, self.rollups]
        schedules = [self.schedule, self.rollover, self.check, self.sweep, self.days, self.syncs]
        queues: list[Source] = [self.fetch, self.notify, self.broadcast, self.count, self.webhooks, self.creators]
        self.sources: list[Source] = [self.updates, *schedules, *streams, *queues]

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """A function's result; InvocationFailedError when there is none."""
        handler = FUNCTIONS[function]
        with self.wire.invocation(function, TIMEOUTS[function]) as invocation:
            context = _Context(deadline=invocation.deadline, clock=self.clock)
            try:
                return handler(event, context)
            except SandboxDied:
                FUNCTIONS.restart(function)
                _forget_secrets()
                raise InvocationFailedError(f"{function}: the sandbox died") from None
            except Exception as error:
                raise InvocationFailedError(f"{function}: {error!r}") from error

    def settle(self) -> None:
        """Deliver and retry until nothing is pending."""
        for _ in range(MOST_STEPS):
            if not self.step():
                return
        raise AssertionError(f"still pending after {MOST_STEPS} steps")

    def step(self) -> bool:
        """Advance to what is due first and deliver it; False when nothing is pending."""
        pending = [(due, source) for source in self.sources if (due := source.due())]
        if pending:
            due, source = min(pending, key=lambda one: one[0])
            self.clock.advance_to(due)
            source.step(self.invoke)
        return bool(pending)

    def run(self, until: datetime) -> None:
        """Deliver everything that is due by then, and advance to then."""
        while (due := min(filter(None, (source.due() for source in self.sources)), default=None)) and due <= until:
            self.step()
        self.clock.advance_to(until)

    def left_behind(self) -> dict[str, Any]:
        """Dead letters, discarded records and failed invocations."""
        return {
            name: found
            for name, found in {
                "fetch dead letters": self.fetch.dead_letters,
                "notify dead letters": self.notify.dead_letters,
                "set aside": self.set_aside,
                "detection failures": self.detection.discarded,
                "history failures": self.history.discarded,
                "broadcast dead letters": self.broadcast.dead_letters,
                "count dead letters": self.count.dead_letters,
                "webhook dead letters": self.webhooks.dead_letters,
                "creators dead letters": self.creators.dead_letters,
                "rollup failures": self.rollups.discarded,
                "sync failures": self.syncs.given_up,
                "fetch failures": self.schedule.given_up,
                "month rollover failures": self.rollover.given_up,
                "check failures": self.check.given_up,
                "day rollover failures": self.days.given_up,
                "sweep failures": self.sweep.given_up,
            }.items()
            if found
        }

    def _sqs(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        queues: dict[str, StandardQueue | Fifo] = {
            "notify": self.notify,
            "fetch": self.fetch,
            "broadcast.fifo": self.broadcast,
            "count.fifo": self.count,
            "webhook.fifo": self.webhooks,
            "creators": self.creators,
        }
        name = request.get("QueueUrl", "").rsplit("/", 1)[-1]
        if (name, operation) == ("failures", "SendMessage"):
            self.set_aside.append(json.loads(request["MessageBody"]))
            return {"MessageId": str(len(self.set_aside))}
        queue = queues.get(name)
        if operation == "CreateQueue":
            return {"QueueUrl": f"https://sqs.us-east-1.amazonaws.com/{DEFAULT_ACCOUNT_ID}/{request['QueueName']}"}
        if queue is None:
            raise NotImplementedError(operation)
        return queue.answer(operation, request)


@dataclass(frozen=True, kw_only=True)
class _Context(Context):
    deadline: datetime
    clock: ControlledClock

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - self.clock.now()).total_seconds() * 1000))


@contextmanager
def account(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> Iterator[Account]:
    """A fresh account; `answer` responds for the platforms, and a deployment began with these settings."""
    with controlled_clock() as clock:
        made = Account(clock, answer)
        with (
            made.wire.in_place_of_the_network(),
            poster_in_place_of_api_gateway(made.gateway),
            cloud(httpx.MockTransport(made.wire.http)) as made.cloud,
        ):
            begin_with(**settings)
            for function in TIMEOUTS:
                FUNCTIONS[function].warm_up()
            for variable in SECRETS:
                get_secret(os.environ[variable])
            _forget_secrets()
            yield made


def _forget_secrets() -> None:
    """A new sandbox has no cached secrets; its clients stay."""
    for provider in DEFAULT_PROVIDERS.values():
        provider.clear_cache()
