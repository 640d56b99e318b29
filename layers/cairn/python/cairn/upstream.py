"""Calls to a platform: retries with jitter within a time budget, and failures as Cairn's own errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from cairn.clock import Clock, Sleep, sleep
from cairn.errors import PlatformUnavailableError

T = TypeVar("T")

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
ATTEMPTS = 3
BUDGET_SECONDS = 12.0
MAX_WAIT = timedelta(days=1)
"""A platform that asks for a longer pause is called once a day."""
MAX_COUNT = 10**15
"""No real count reaches this; such a value is an error of the platform and must not be stored."""


class _RetryableError(Exception):
    pass


class Upstream:
    """A platform's API at its base URL. Query parameters, which may hold keys, appear in no error and no log."""

    def __init__(
        self,
        platform: str,
        http: httpx.Client,
        url: str,
        *,
        clock: Clock,
        sleep: Sleep = sleep,
        secrets: Collection[str] = (),
    ) -> None:
        self.platform = platform
        self.clock = clock
        self._secrets = secrets
        self._http = http
        self._url = url.rstrip("/")
        self._sleep = sleep

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
    ) -> tuple[httpx.Response, dict[str, Any]]:
        """The response and its JSON object, for every status below 500.

        Retries after time-outs, broken connections, 5xx and bodies that are not a JSON object, then raises
        PlatformUnavailableError.
        """

        def attempt() -> tuple[httpx.Response, dict[str, Any]]:
            response, body = self._attempt(method, path, params=params, json=json)
            if not isinstance(body, dict):
                raise _RetryableError(f"HTTP {response.status_code} with a body that is not a JSON object")
            return response, body

        return self._retried(attempt)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        before: Callable[[], None] = lambda: None,
        attempts: int = ATTEMPTS,
    ) -> tuple[httpx.Response, Any]:
        """As `call`, for a platform that also sends JSON arrays, and errors without JSON: their body is None.

        `before` is called before each attempt, and may wait or refuse.
        """

        def attempt() -> tuple[httpx.Response, Any]:
            before()
            response, body = self._attempt(method, path, params=params, data=form, headers=headers)
            if body is None and response.status_code < 400:
                raise _RetryableError(f"HTTP {response.status_code} with a body that is not JSON")
            return response, body

        return self._retried(attempt, attempts)

    def _retried(self, attempt: Callable[[], T], attempts: int = ATTEMPTS) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type(_RetryableError),
            stop=stop_after_attempt(attempts) | stop_after_delay(BUDGET_SECONDS),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            sleep=self._sleep,
        )
        try:
            return retrying(attempt)
        except RetryError as error:
            reason = error.last_attempt.exception()
            raise PlatformUnavailableError(self.platform, str(reason)) from None

    def _attempt(self, method: str, path: str, **options: Any) -> tuple[httpx.Response, Any]:
        """The response and its JSON, which is None when it has none."""
        try:
            response = self._http.request(method, self._url + path, timeout=TIMEOUT, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _RetryableError(type(error).__name__) from None
        if response.status_code >= 500:
            raise _RetryableError(f"HTTP {response.status_code}")
        try:
            return response, response.json()
        except ValueError:
            return response, None

    def retry_at(self, response: httpx.Response, default: timedelta) -> datetime:
        """When to call again: Retry-After in seconds or as a date, else after `default`; at most MAX_WAIT from now."""
        header, wait = response.headers.get("retry-after", "").strip(), default
        with suppress(ValueError, OverflowError):
            if header.isdecimal():
                wait = timedelta(seconds=int(header))
            else:
                date = parsedate_to_datetime(header)
                wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - self.clock()
        return self.after(wait)

    def after(self, wait: timedelta) -> datetime:
        """When a wait that the platform asks for is over; at most MAX_WAIT from now."""
        return self.clock() + min(max(wait, timedelta(0)), MAX_WAIT)

    def redact(self, text: object) -> str:
        """A platform's text, fit for logs and answers: Google, for example, quotes a suspended key in its error."""
        redacted = str(text)
        for secret in self._secrets:
            redacted = redacted.replace(secret, "[key]")
        return redacted[:300]


@contextmanager
def as_documented(platform: str) -> Iterator[None]:
    """Treats an answer without the documented shape as the platform's failure, which stops only this platform."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise PlatformUnavailableError(platform, f"unexpected answer format ({type(error).__name__})") from None


def to_count(value: object) -> int:
    """A count, sent as a number or a text; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not 0 <= int(value) < MAX_COUNT:
        raise ValueError("not a count")
    return int(value)


def error_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The `error` object of a Google or Graph body; empty when there is none."""
    error = body.get("error")
    return error if isinstance(error, dict) else {}
