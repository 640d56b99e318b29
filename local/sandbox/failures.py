"""Injected failures of a platform; each platform supplies the responses, so that it fails as the real one does."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.sandbox.clock import Clock

Service = Literal["youtube", "telegram", "instagram", "fanvue"]
"""A platform that fails for itself: those of channels, and Fanvue."""
SERVICES: tuple[Service, ...] = get_args(Service)
Mode = Literal["slow", "broken", "quota", "rate_limited", "timeout", "malformed"]
MODES: tuple[Mode, ...] = get_args(Mode)
Handler = Callable[[Request], Awaitable[Response]]

SLOW_SECONDS = 3.0
TIMEOUT_SECONDS = 60.0
RETRY_AFTER_SECONDS = 5


@dataclass
class Failure:
    """One platform's failure: until removed, for some seconds, or for the next few requests."""

    mode: Mode
    until: float | None = None
    requests_left: int | None = None
    retry_after: int = RETRY_AFTER_SECONDS
    delay: float | None = None


# A platform's responses to broken, quota and rate_limited.
FailureResponses = Mapping[Mode, Callable[[Failure], Response]]


class Failures:
    """The active failure of each platform, if any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[Service, Failure] = {}

    def inject(self, platform: Service, failure: Failure) -> None:
        self._failures[platform] = failure

    def end(self, platform: Service) -> None:
        self._failures.pop(platform, None)

    def active(self) -> dict[Service, Failure]:
        now = self._clock.now()
        self._failures = {
            platform: failure
            for platform, failure in self._failures.items()
            if (failure.until is None or failure.until > now) and failure.requests_left != 0
        }
        return self._failures

    def take(self, platform: Service) -> Failure | None:
        """The failure that applies to this request, counted."""
        failure = self.active().get(platform)
        if failure is not None and failure.requests_left is not None:
            failure.requests_left -= 1
        return failure


class DroppedConnection(Response):
    """A response that starts and never ends: the connection closes, and the client cannot know what was done."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        # Not 200: a client that reads only the status line must not take this for a success.
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def malformed() -> Response:
    """A JSON body that is cut off in the middle."""
    return Response('{"ok": true, "items": [{"id": "', media_type="application/json")


async def respond(
    failure: Failure | None, request: Request, handler: Handler, responses: FailureResponses, clock: Clock
) -> Response:
    """The platform's response while `failure` is active."""
    if failure is None:
        return await handler(request)
    if failure.mode == "slow":
        await clock.sleep(SLOW_SECONDS if failure.delay is None else failure.delay)
        return await handler(request)
    if failure.mode == "timeout":
        await clock.sleep(TIMEOUT_SECONDS if failure.delay is None else failure.delay)
        return DroppedConnection()
    if failure.delay:
        await clock.sleep(failure.delay)
    if failure.mode == "malformed":
        return malformed()
    return responses[failure.mode](failure)
