"""When to send next: the retries of a message, and the circuit of an endpoint that only fails. Pure.

A circuit opens after FAILURES failures in a row. Then one attempt is made after a while, and longer and longer ones,
until one succeeds; everything else waits in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from zlib import crc32

from cairn.webhooks.model import Endpoint, Health

FAILURES = 10
"""So many failures in a row, and no success between them, are the endpoint's and not one message's."""
FIRST_PROBE = timedelta(minutes=1)
LAST_PROBE = timedelta(minutes=30)
PROBE = timedelta(minutes=1)
"""How long the one who probes has; if it dies, another one probes then."""
TOO_MANY = timedelta(minutes=1)
"""The pause after an answer 429 that does not say how long."""
LONGEST_RETRY_AFTER = timedelta(hours=12)
JITTER = 0.2
PAUSING = frozenset({429, 503})
"""Answers by which an endpoint asks for a pause of all messages.

https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an administrator has set."""

    retry_schedule: tuple[int, ...] = (0, 5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000)
    """Seconds before each attempt, after the one before."""
    attempts_at_once: int = 5
    disable_after: timedelta = timedelta(days=5)


def lane_of(event_key: str, lanes: int) -> int:
    """The lane of an endpoint in which an event is sent."""
    return crc32(event_key.encode()) % lanes


def next_attempt(
    rules: Rules, tries: int, now: datetime, status: int | None, retry_after: str | None, random: Callable[[], float]
) -> datetime | None:
    """When a message is tried again after its failed try number `tries`; None when that was the last.

    A pause that the receiver asks for makes it later, up to LONGEST_RETRY_AFTER, and never earlier.
    """
    if tries >= len(rules.retry_schedule):
        return None
    delay = timedelta(seconds=rules.retry_schedule[tries])
    spread = delay * (1 + JITTER * (2 * random() - 1))
    return now + max(spread, pause_of(status, retry_after, now))


def pause_of(status: int | None, retry_after: str | None, now: datetime) -> timedelta:
    """The pause that an answer asks for, at most LONGEST_RETRY_AFTER; zero if it asks for none."""
    if status not in PAUSING:
        return timedelta(0)
    asked = _seconds_or_date(retry_after or "", now)
    if status == 429 and not asked:
        asked = TOO_MANY
    return min(asked, LONGEST_RETRY_AFTER)


def closed_until(health: Health, now: datetime, status: int | None, retry_after: str | None) -> datetime | None:
    """Until when an endpoint is left alone after a failure, which its health counts already; None to go on."""
    until = now + pause_of(status, retry_after, now)
    if health.failures >= FAILURES:
        until = max(until, now + min(FIRST_PROBE * 2 ** min(health.failures - FAILURES, 10), LAST_PROBE))
    return until if until > now else None


def is_dead(health: Health, now: datetime, rules: Rules) -> bool:
    """Whether an endpoint has only failed for so long, and so often, that it is disabled."""
    since = health.failing_since
    return since is not None and health.failures >= FAILURES and now - since >= rules.disable_after


def is_open(endpoint: Endpoint, now: datetime) -> bool:
    """Whether an endpoint is to be left alone."""
    return endpoint.health.open_until is not None and endpoint.health.open_until > now


def is_held_out(endpoint: Endpoint, subject: str | None) -> bool:
    """Whether a subject is one of those about which the endpoint is sent nothing: always the same ones."""
    return subject is not None and crc32(f"{endpoint.id} {subject}".encode()) % 100 < endpoint.hold_out


def _seconds_or_date(text: str, now: datetime) -> timedelta:
    """The pause that a Retry-After header asks for; zero when it cannot be read.

    https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return timedelta(0)
    if until.tzinfo is None:
        until = until.replace(tzinfo=now.tzinfo)
    return max(timedelta(0), until - now)
