"""Keeps calls within a platform's limits, a bucket for each path that has one, as far as this sandbox of Lambda knows.

What headers say counts; where nothing is said, 100 calls in a minute and one a second. Several sandboxes do not know of
each other's calls: the platform's 429 is what stops them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cairn.clock import Clock, Sleep
from cairn.errors import PlatformPausedError

LONGEST_WAIT = timedelta(seconds=5)
"""A longer one is left to the next invocation."""
CALLS, PERIOD, PACE = 100, timedelta(minutes=1), timedelta(seconds=1)
MAX_BUCKETS = 5_000
MAX_WINDOW = timedelta(hours=1)
"""A reset that is further away than this is an error of the platform's or of our clock's."""
_EPOCH_FROM = 10**9  # as a number of seconds from now, this would be 30 years


@dataclass
class _Bucket:
    calls: deque[datetime] = field(default_factory=deque)
    """Those of the last minute, while the platform says nothing of its limit."""
    remaining: int | None = None
    resets_at: datetime | None = None
    paused_until: datetime | None = None


class Limiter:
    def __init__(self, platform: str, *, clock: Clock, sleep: Sleep) -> None:
        self._platform = platform
        self._clock = clock
        self._sleep = sleep
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, bucket: str) -> None:
        """Count a call, and wait until it may be made. PlatformPausedError when that is too long."""
        found = self._bucket(bucket)
        until = self._free_at(found)
        wait = until - self._clock()
        if wait > LONGEST_WAIT:
            raise PlatformPausedError(self._platform, "its limit is used up", until)
        if wait > timedelta(0):
            self._sleep(wait.total_seconds())
        if found.remaining is not None:
            found.remaining -= 1
        found.calls.append(self._clock())

    def learn(self, bucket: str, headers: Mapping[str, str]) -> None:
        """What an answer's headers say: how many calls are left, and when there are all again.

        The reset is an instant in seconds since 1970, or a number of seconds from now: platforms differ.
        """
        remaining, reset = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", "")
        if not remaining.strip().isdecimal() or not reset.strip().isdecimal():
            return
        found, now, seconds = self._bucket(bucket), self._clock(), int(reset[:20])
        after = timedelta(seconds=min(seconds - now.timestamp() if seconds >= _EPOCH_FROM else seconds, 10**6))
        found.remaining, found.resets_at = int(remaining[:20]), now + min(max(after, timedelta(0)), MAX_WINDOW)

    def pause(self, bucket: str, until: datetime) -> None:
        """The platform refused a call."""
        self._bucket(bucket).paused_until = until

    def _free_at(self, bucket: _Bucket) -> datetime:
        now = self._clock()
        if bucket.resets_at and bucket.resets_at <= now:
            bucket.remaining = bucket.resets_at = None
        while bucket.calls and bucket.calls[0] <= now - PERIOD:
            bucket.calls.popleft()
        free = bucket.paused_until or now
        if bucket.remaining is not None and bucket.resets_at:
            return max(free, bucket.resets_at if bucket.remaining <= 0 else now)
        if bucket.calls:
            free = max(free, bucket.calls[-1] + PACE)
        if len(bucket.calls) >= CALLS:
            free = max(free, bucket.calls[-CALLS] + PERIOD)
        return max(free, now)

    def _bucket(self, name: str) -> _Bucket:
        found = self._buckets.setdefault(name, _Bucket())
        self._buckets.move_to_end(name)
        while len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return found
