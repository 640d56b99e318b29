"""One way of calling a platform: retries with jitter inside a time budget, and refusals as Cairn's own types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

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

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
ATTEMPTS = 3
BUDGET_SECONDS = 12.0
LONGEST_WAIT = timedelta(days=1)
"""A platform that wants to be left alone for longer is asked again each day."""
MOST = 10**15
"""No count on earth is as high: what is, is nonsense, and must not reach a table."""


class _TryAgainError(Exception):
    pass


class Upstream:
    """A platform's API behind its base address. Query parameters, which may hold keys, reach no error and no log."""

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
        """The response and its JSON object, whatever its status below 500.

        Time-outs, broken connections, 5xx and bodies that are no JSON object are tried again, then raised as
        PlatformUnavailableError.
        """
        tries = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(BUDGET_SECONDS),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            sleep=self._sleep,
        )
        try:
            return tries(self._once, method, path, params, json)
        except RetryError as error:
            reason = error.last_attempt.exception()
            raise PlatformUnavailableError(self.platform, str(reason)) from None

    def _once(
        self, method: str, path: str, params: Mapping[str, str] | None, json: Mapping[str, object] | None
    ) -> tuple[httpx.Response, dict[str, Any]]:
        try:
            response = self._http.request(method, self._url + path, params=params, json=json, timeout=TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _TryAgainError(type(error).__name__) from None
        if response.status_code >= 500:
            raise _TryAgainError(f"HTTP {response.status_code}")
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _TryAgainError(f"HTTP {response.status_code} with a body that is no JSON object")
        return response, body

    def until(self, response: httpx.Response, default: timedelta) -> datetime:
        """When to come back: Retry-After in seconds or as a date, else after `default`; within a day."""
        present, header, wait = self.clock(), response.headers.get("retry-after", "").strip(), default
        with suppress(ValueError, OverflowError):
            if header.isdecimal():
                wait = timedelta(seconds=int(header))
            else:
                date = parsedate_to_datetime(header)
                wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - present
        return present + min(max(wait, timedelta(0)), LONGEST_WAIT)

    def clean(self, text: object) -> str:
        """What a platform says, fit for logs and answers: Google, for one, quotes a suspended key in its refusal."""
        words = str(text)
        for secret in self._secrets:
            words = words.replace(secret, "[key]")
        return words[:300]


@contextmanager
def as_documented(platform: str) -> Iterator[None]:
    """An answer whose shape is not the documented one is the platform's failure, and stops only the platform."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise PlatformUnavailableError(platform, f"its answer has another shape ({type(error).__name__})") from None


def whole(value: object) -> int:
    """A count, sent as a number or a text; ValueError for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not 0 <= int(value) < MOST:
        raise ValueError("not a count")
    return int(value)


def error_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The `error` object of a Google or Graph body; empty when there is none."""
    error = body.get("error")
    return error if isinstance(error, dict) else {}
