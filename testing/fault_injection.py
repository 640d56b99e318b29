"""Injects failures into the AWS and HTTP calls of an invocation, before or after they take effect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import boto3
import httpx
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from cairn.aws.websocket_api import PostTimeoutError, ThrottledError
from testing.clock import ControlledClock

T = TypeVar("T")
LATENCY_SECONDS = 0.03
"""The latency of a platform."""


class Failure(Enum):
    """What can happen to a call."""

    DIES_BEFORE = "dies before"  # the sandbox dies and the call is never made, as if it died after the previous one
    DIES_AFTER = "dies after"  # the call takes effect, and the sandbox dies
    FAILS_BEFORE = "fails before"  # an error, also for each retry of the client
    FAILS_AFTER = "fails after"  # it takes effect and times out, and so does each retry of the client
    ANSWER_LOST = "answer lost"  # it takes effect, and one response is lost, so that a retrying client repeats it

    @property
    def kills(self) -> bool:
        return self in (Failure.DIES_BEFORE, Failure.DIES_AFTER)


class SandboxDied(BaseException):
    """Not an Exception, so that no handler in the function can catch it and continue."""


@dataclass
class Invocation:
    """A run of a function. Once it is dead, none of its calls has an effect."""

    function: str
    deadline: datetime
    calls: int = 0
    dead: bool = False
    broken: set[object] = field(default_factory=set)
    counted: set[object] = field(default_factory=set)
    clock_is_off: timedelta = timedelta(0)


class FaultInjector:
    """`choose(number, name)` decides what happens to a call; the test's own calls, outside invocations, never fail."""

    def __init__(
        self,
        clock: ControlledClock,
        answer: Callable[[httpx.Request], httpx.Response],
        sqs: Callable[[str, dict[str, Any]], dict[str, Any]],
    ) -> None:
        self.clock = clock
        self.choose: Callable[[int, str], Failure | None] = lambda _number, _name: None
        self.calls: list[str] = []
        self.repeated_by_client = 0
        self._answer = answer
        self._sqs = sqs
        self._invocation: Invocation | None = None

    @property
    def at_first_call(self) -> bool:
        """Whether the current invocation is making its first call."""
        return self._invocation is not None and self._invocation.calls == 1

    @contextmanager
    def invocation(self, function: str, seconds: float) -> Iterator[Invocation]:
        """Calls in the block belong to one invocation; a nested block is a concurrent invocation."""
        before = self._invocation
        self._invocation = Invocation(function, self.clock.now() + timedelta(seconds=seconds))
        try:
            yield self._invocation
        finally:
            self.clock.set_back(self._invocation.clock_is_off)
            self._invocation = before

    def jump_the_clock(self, delta: timedelta) -> None:
        """Set the clock of the current invocation; it has as much time left as before."""
        if self._invocation:
            self.clock.set_back(-delta)
            self._invocation.deadline += delta
            self._invocation.clock_is_off += delta

    @contextmanager
    def beside(self, turn: int, function: str, bring: Callable[[], object]) -> Iterator[Callable[[], bool]]:
        """In the block, `bring` runs during the function's call number `turn`; yields whether there was such a call."""
        remaining = turn + 1

        def choose(_number: int, name: str) -> None:
            nonlocal remaining
            remaining -= name.startswith(function)
            if not remaining:
                remaining = -1
                bring()

        self.choose = choose
        yield lambda: remaining < 0
        self.choose = lambda _number, _name: None

    @contextmanager
    def in_place_of_the_network(self) -> Iterator[None]:
        """Botocore sessions created in the block send through here instead of directly to moto."""
        position = next(i for i, entry in enumerate(BUILTIN_HANDLERS) if entry[1] is botocore_stubber)
        BUILTIN_HANDLERS[position] = ("before-send", self.aws)
        boto3.setup_default_session()
        try:
            yield
        finally:
            BUILTIN_HANDLERS[position] = ("before-send", botocore_stubber)
            boto3.setup_default_session()

    def aws(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """botocore's `before-send` event; its retries have the same invocation id."""
        service, operation = event_name.split(".")[1:]

        def effect() -> AWSResponse | None:
            if service == "sqs":
                assert isinstance(request.body, bytes)
                return _response(request, 200, self._sqs(operation, json.loads(request.body)))
            return botocore_stubber(event_name, request)

        return self._attempt(
            f"{service} {operation}",
            request.headers["amz-sdk-invocation-id"],
            effect,
            counted_once=True,
            reject=lambda: _response(request, 500, {"__type": "InternalServerError", "message": "injected"}),
            lose=lambda: _raise(ReadTimeoutError(endpoint_url=request.url)),
        )

    def http(self, request: httpx.Request) -> httpx.Response:
        """The platforms' HTTP. A client's retry is another call."""

        def effect() -> httpx.Response:
            self.clock.sleep(LATENCY_SECONDS)
            return self._answer(request)

        return self._attempt(
            f"{request.method} {urlsplit(str(request.url)).path.rsplit('/', 1)[1]}",
            (request.url, request.content),
            effect,
            counted_once=False,
            reject=lambda: _raise(httpx.ConnectTimeout("injected", request=request)),
            lose=lambda: _raise(httpx.ReadTimeout("injected", request=request)),
        )

    def connections(self, method: str, effect: Callable[[], T]) -> T:
        """API Gateway's `@connections`. Once it fails, it fails for every socket."""

        def lose() -> NoReturn:
            invocation = self._invocation
            raise (
                PostTimeoutError("injected")
                if invocation and "@connections" in invocation.broken
                else ThrottledError("injected")
            )

        return self._attempt(
            f"{method} @connections",
            "@connections",
            effect,
            counted_once=False,
            reject=lambda: _raise(ThrottledError("injected")),
            lose=lose,
        )

    def platform(self, name: str, effect: Callable[[], T], error: Exception) -> T:
        """A call to a platform that a fake stands for. Once it fails, it fails for the whole invocation."""
        return self._attempt(
            name, name, effect, counted_once=False, reject=lambda: _raise(error), lose=lambda: _raise(error)
        )

    def _attempt(
        self,
        name: str,
        key: object,
        effect: Callable[[], T],
        *,
        counted_once: bool,
        reject: Callable[[], T],
        lose: Callable[[], T],
    ) -> T:
        invocation = self._invocation
        if invocation is None:
            return effect()
        if invocation.dead or self.clock.now() >= invocation.deadline:
            invocation.dead = True
            raise SandboxDied
        if key in invocation.broken:
            return reject()
        failure = None
        if key not in invocation.counted:
            if counted_once:
                invocation.counted.add(key)
            invocation.calls += 1
            self.calls.append(f"{invocation.function}: {name}")
            failure = self.choose(len(self.calls) - 1, self.calls[-1])
        if failure is Failure.DIES_BEFORE:
            invocation.dead = True
            raise SandboxDied
        if failure is Failure.FAILS_BEFORE:
            invocation.broken.add(key)
            return reject()
        result = effect()
        if failure is Failure.DIES_AFTER:
            invocation.dead = True
            raise SandboxDied
        if failure is Failure.FAILS_AFTER:
            invocation.broken.add(key)
        return lose() if failure else result


def _response(request: AWSPreparedRequest, status: int, body: dict[str, Any]) -> AWSResponse:
    headers = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, status, headers, MockRawResponse(json.dumps(body)))  # type: ignore[arg-type]  # moto's


def _raise(error: Exception) -> NoReturn:
    raise error
