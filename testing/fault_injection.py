"""Where every AWS and HTTP call of an invocation passes, and may fail: before it takes effect, or after."""

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
"""How long a platform takes to answer."""


class Failure(Enum):
    """What may happen to one call."""

    DIES_BEFORE = "dies before"  # the sandbox is gone, and the call was never made: as if it died after the one before
    DIES_AFTER = "dies after"  # the call took effect, and nobody is left to hear of it
    FAILS_BEFORE = "fails before"  # refused, at each of the client's own retries
    FAILS_AFTER = "fails after"  # took effect; then silence, at each of the client's own retries
    ANSWER_LOST = "answer lost"  # took effect; the answer is lost once, so that a client that retries repeats it

    @property
    def kills(self) -> bool:
        return self in (Failure.DIES_BEFORE, Failure.DIES_AFTER)


class SandboxDied(BaseException):
    """Not an Exception: no clean-up of the function's can catch it and go on."""


@dataclass
class Invocation:
    """One run of a function. Once dead, none of its calls gets through any more."""

    function: str
    deadline: datetime
    calls: int = 0
    dead: bool = False
    broken: set[object] = field(default_factory=set)
    counted: set[object] = field(default_factory=set)


class Wire:
    """`choose(number, name)` says what happens to a call; the test's own calls, outside of invocations, never fail."""

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
        """Whether the invocation under way makes its first call."""
        return self._invocation is not None and self._invocation.calls == 1

    @contextmanager
    def invocation(self, function: str, seconds: float) -> Iterator[Invocation]:
        """What is called within belongs to one invocation; within another one, to one that runs beside it."""
        before = self._invocation
        self._invocation = Invocation(function, self.clock.now() + timedelta(seconds=seconds))
        try:
            yield self._invocation
        finally:
            self._invocation = before

    @contextmanager
    def beside(self, turn: int, function: str, bring: Callable[[], object]) -> Iterator[Callable[[], bool]]:
        """Within, something else happens at a function's call of that number; whether there was one, is asked after."""
        left = turn + 1

        def choose(_number: int, name: str) -> None:
            nonlocal left
            left -= name.startswith(function)
            if not left:
                left = -1
                bring()

        self.choose = choose
        yield lambda: left < 0
        self.choose = lambda _number, _name: None

    @contextmanager
    def in_place_of_the_network(self) -> Iterator[None]:
        """Every botocore session made within sends through here instead of straight to moto."""
        position = next(i for i, entry in enumerate(BUILTIN_HANDLERS) if entry[1] is botocore_stubber)
        BUILTIN_HANDLERS[position] = ("before-send", self.aws)
        boto3.setup_default_session()
        try:
            yield
        finally:
            BUILTIN_HANDLERS[position] = ("before-send", botocore_stubber)
            boto3.setup_default_session()

    def aws(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """botocore's `before-send` event; its own retries come here again with the same invocation id."""
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
            refuse=lambda: _response(request, 500, {"__type": "InternalServerError", "message": "injected"}),
            lose=lambda: _raise(ReadTimeoutError(endpoint_url=request.url)),
        )

    def http(self, request: httpx.Request) -> httpx.Response:
        """The platforms. A client that retries makes the same request again, and that is another call."""

        def effect() -> httpx.Response:
            self.clock.sleep(LATENCY_SECONDS)
            return self._answer(request)

        return self._attempt(
            f"{request.method} {urlsplit(str(request.url)).path.rsplit('/', 1)[1]}",
            (request.url, request.content),
            effect,
            counted_once=False,
            refuse=lambda: _raise(httpx.ConnectTimeout("injected", request=request)),
            lose=lambda: _raise(httpx.ReadTimeout("injected", request=request)),
        )

    def connections(self, method: str, effect: Callable[[], T]) -> T:
        """API Gateway's `@connections`. Once it refuses, or answers no more, it does so for every socket."""

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
            refuse=lambda: _raise(ThrottledError("injected")),
            lose=lose,
        )

    def _attempt(
        self,
        name: str,
        key: object,
        effect: Callable[[], T],
        *,
        counted_once: bool,
        refuse: Callable[[], T],
        lose: Callable[[], T],
    ) -> T:
        invocation = self._invocation
        if invocation is None:
            return effect()
        if invocation.dead or self.clock.now() >= invocation.deadline:
            invocation.dead = True
            raise SandboxDied
        if key in invocation.broken:
            return refuse()
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
            return refuse()
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
