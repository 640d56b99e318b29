"""Webhooks under load, in virtual time: as many Lambdas at once as Lambda would run, and nothing is waited for.

Each message of the queue is handled by an invocation in a job and in a sandbox of its own; a group has one message
in flight. Each AWS call takes AWS_SECONDS, and each attempt as long as its receiver takes.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import time_machine

from cairn.aws import sqs
from cairn.clock import now
from cairn.guarded import Answer, DeliveryError, ErrorKind, GuardedClient
from cairn.webhooks.announce import queued
from cairn.webhooks.model import Endpoint, Event, Secret, event_id, new_endpoint_id
from cairn.webhooks.signing import new_secret
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context, cloud
from testing.dynamodb import stored  # noqa: F401 - importing it puts MiniStack's DynamoDB in place of moto's
from testing.functions import FUNCTIONS, Running
from testing.sqs import Fifo, Message, in_place_of_sqs
from testing.virtual_time import START, VirtualTime

AWS_SECONDS = 0.006
"""About what DynamoDB and SQS take in the same region."""
LAMBDAS = 200
"""Of the 1,000 concurrent executions that an account has by default."""
TIMEOUT_SECONDS = 30.0
MINUTE = 60.0
MOST_MINUTES = 60 * 24
EVENT_KEY = 20
"""Characters of a message's id after its prefix; the endpoint's follow."""


Choice = Callable[[str, int], float]
"""Of a message, by its event's key, and of its attempt at this receiver, which begin at 1: the same in each run."""


@dataclass
class Receiver:
    """Takes `seconds` for each attempt, and then succeeds, fails with a status, or does not answer at all."""

    seconds: Choice
    outcome: Callable[[str, int], int | ErrorKind] = lambda *_: 200
    accepted: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When it answered 2xx, by the event's key."""
    attempts: Counter[str] = field(default_factory=Counter)
    at_once: int = 0
    most_at_once: int = 0

    def become(self, other: Receiver) -> None:
        """From now on, answer as another one does."""
        self.seconds, self.outcome = other.seconds, other.outcome


def healthy(seed: int) -> Receiver:
    """Answers after 50 to 150 ms."""
    dice = _dice(seed)
    return Receiver(lambda key, attempt: 0.05 + 0.1 * dice(key, attempt))


def slow(seconds: float) -> Receiver:
    return Receiver(lambda *_: seconds)


def dead(seconds: float = 5.0) -> Receiver:
    """Accepts no connection, as long as a client waits for one."""
    return Receiver(lambda *_: seconds, lambda *_: "TIMEOUT")


def failing(rate: float, seed: int) -> Receiver:
    """Fails this share of the attempts."""
    made, dice = healthy(seed), _dice(seed + 1)
    made.outcome = lambda key, attempt: 500 if dice(key, attempt) < rate else 200
    return made


def _dice(seed: int) -> Choice:
    """Numbers from 0 to 1."""
    return lambda key, attempt: Random(f"{seed} {key} {attempt}").random()  # noqa: S311 - the same in each run


class _Clock(ControlledClock):
    """The system's clock and every sleep, in virtual time."""

    def __init__(self, virtual: VirtualTime) -> None:
        self._virtual = virtual

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Queue(Fifo):
    """Announces each change after which a message may be received."""

    changed: Callable[[], None]

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self._clock.sleep(AWS_SECONDS)
        answer = super().answer(operation, request)
        self.changed()
        return answer


class _Client(GuardedClient):
    """Calls the receivers."""

    def __init__(self, virtual: VirtualTime, receivers: Mapping[str, Receiver]) -> None:
        super().__init__()
        self._virtual = virtual
        self._receivers = receivers

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        receiver, began = self._receivers[str(urlsplit(url).hostname)], self._virtual.seconds()
        key = headers["webhook-id"].removeprefix("msg_")[:EVENT_KEY]
        receiver.attempts[key] += 1
        attempt = receiver.attempts[key]
        receiver.at_once += 1
        receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
        self._virtual.sleep(receiver.seconds(key, attempt))
        receiver.at_once -= 1
        milliseconds = round((self._virtual.seconds() - began) * 1000)
        outcome = receiver.outcome(key, attempt)
        if isinstance(outcome, str):
            raise DeliveryError(outcome, "no connection in time", milliseconds)
        if outcome < 300:
            receiver.accepted[key].append(self._virtual.seconds())
        return Answer(outcome, {}, b"", milliseconds)


@dataclass
class WebhookLoad:
    """An account with endpoints, and the Lambdas of deliver_webhook."""

    virtual: VirtualTime
    queue: _Queue
    cloud: Cloud
    receivers: dict[str, Receiver] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    """When each event was published, by its key."""
    failed_invocations: list[Exception] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0
    _free: list[Running] = field(default_factory=list)
    _next_look: float = float("inf")

    def __post_init__(self) -> None:
        self.queue.changed = self._look

    def endpoint(self, name: str, receiver: Receiver) -> Endpoint:
        """A new endpoint that wants everything, at `https://{name}.test`."""
        self.receivers[f"{name}.test"] = receiver
        made: Endpoint | None = self._sandbox().dependencies.endpoints.add(
            Endpoint(
                id=new_endpoint_id(),
                url=f"https://{name}.test/hook",
                format="standard",
                events=("*",),
                secrets=(Secret(new_secret()),),
                created_at=now(),
            )
        )
        assert made
        return made

    def run(self, events: int, per_second: float, then: Callable[[], object] = lambda: None) -> None:
        """Publish events at a steady rate, do something, and run until every receiver accepted every event."""

        def publish() -> None:
            for number in range(events):
                self._publish(number)
                self.virtual.sleep(1 / per_second)
            then()

        def schedule() -> None:
            for _ in range(MOST_MINUTES):
                self.virtual.sleep(MINUTE)
                self._begin({"source": "schedule"})
                if len(self.published) == events and not self.lost():
                    return

        self.virtual.run(publish, schedule)

    def latencies(self, receiver: Receiver) -> list[float]:
        """From each event to its first 2xx, in seconds."""
        return [times[0] - self.published[key] for key, times in receiver.accepted.items()]

    def lost(self) -> int:
        """Messages that no receiver has accepted."""
        return sum(len(self.published) - len(receiver.accepted) for receiver in self.receivers.values())

    def repeated(self) -> int:
        """Messages that a receiver accepted more than once."""
        accepted = [times for receiver in self.receivers.values() for times in receiver.accepted.values()]
        return sum(len(times) > 1 for times in accepted)

    def _publish(self, number: int) -> None:
        at = now()
        event = Event(event_id(at, f"event {number}"), "acme.order_paid", at, f"user:{number % 500}", {"order": number})
        self.published[event.key] = self.virtual.seconds()
        sqs.queue(FUNCTIONS["deliver_webhook"].dependencies.settings.webhook_queue_url).send([queued(event)])

    def _look(self) -> None:
        """Start an invocation for each message that can be received, and look again when one becomes visible."""
        while self.busy < LAMBDAS and (batch := self.queue.receive()):
            self._begin(batch)
        due = self.queue.due()
        if due and self.busy < LAMBDAS:
            at = (due - START).total_seconds()
            if self.virtual.seconds() < at < self._next_look:
                self._next_look = at
                self.virtual.start(self._look_then, at - self.virtual.seconds())

    def _look_then(self) -> None:
        self._next_look = float("inf")
        self._look()

    def _begin(self, work: list[Message] | dict[str, Any]) -> None:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        self.virtual.start(lambda: self._invoke(work))

    def _invoke(self, work: list[Message] | dict[str, Any]) -> None:
        sandbox = self._sandbox()
        context = _Context(self.virtual.seconds() + TIMEOUT_SECONDS, self.virtual)
        try:
            if isinstance(work, dict):
                sandbox(work, context)
            else:
                self.queue.hand_over(work, lambda _, event: sandbox(event, context))
        except Exception as error:  # noqa: BLE001 - as Lambda, which makes the messages visible again
            self.failed_invocations.append(error)
        self._free.append(sandbox)
        self.busy -= 1
        self._look()

    def _sandbox(self) -> Running:
        """One that is free, or a cold one."""
        if self._free:
            return self._free.pop()
        return Running("deliver_webhook", client=_Client(self.virtual, self.receivers))


class _Context(Context):
    def __init__(self, deadline: float, virtual: VirtualTime) -> None:
        super().__init__()
        object.__setattr__(self, "_deadline", deadline)
        object.__setattr__(self, "_virtual", virtual)

    def get_remaining_time_in_millis(self) -> int:
        left: float = self._deadline - self._virtual.seconds()  # type: ignore[attr-defined]
        return max(0, int(left * 1000))


@contextmanager
def webhook_load() -> Iterator[WebhookLoad]:
    """A fresh account without endpoints, and a clock that stands still until something is due."""
    real_sleep = time.sleep
    with ExitStack() as stack:
        traveller = stack.enter_context(time_machine.travel(START, tick=False))
        virtual = VirtualTime(lambda seconds: traveller.move_to(START.timestamp() + seconds))
        stack.callback(vars(time).__setitem__, "sleep", real_sleep)
        # Threads of other libraries, such as MiniStack's, are not in virtual time.
        vars(time)["sleep"] = lambda seconds: (virtual.sleep if virtual.is_here else real_sleep)(seconds)
        made = stack.enter_context(cloud(httpx.MockTransport(lambda _: httpx.Response(404))))
        hidden = timedelta(minutes=3)
        queue = _Queue(_Clock(virtual), "webhook", max_receives=30, hidden=hidden, recursive=True, batch=1)
        stack.enter_context(in_place_of_sqs(queue))
        events: Any = boto3._get_default_session().events  # its type stubs let handlers return nothing
        events.register("before-call.dynamodb", lambda **_: time.sleep(AWS_SECONDS))
        load = WebhookLoad(virtual, queue, made)
        yield load
