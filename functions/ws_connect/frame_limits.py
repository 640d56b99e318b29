"""Limits how many frames a socket may send: a bucket of tokens for each, in the memory of a Lambda.

A frame costs a token, and a replay some more. A socket without tokens is refused, and closed if it goes on. Each Lambda
has its own buckets, so that a frame needs no call: a socket has as many bursts as Lambdas serve it, until one of them
closes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

BURST = 100
"""Enough for a client that comes back to the most rooms, with a replay of each."""
PER_SECOND = 2
REPLAY_COST = 4
"""What a replay costs besides the frame that requests it."""
PATIENCE = 50
"""After so many refused frames the socket is closed."""
MAX_REMEMBERED = 10_000
"""Sockets that a Lambda remembers; of more, it forgets the one that was silent longest."""


class Verdict(Enum):
    ADMITTED = "admitted"
    REFUSED = "refused"
    CLOSE = "close"
    """Refused for the last time: the socket is to be closed."""
    CLOSED = "closed"
    """It was to be closed before."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime
    refused: int = 0


class FrameLimits:
    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, connection_id: str, tokens: int, now: datetime) -> Verdict:
        """Take tokens for a frame of a socket."""
        bucket = self._buckets.pop(connection_id, None) or _Bucket(BURST, now)
        if len(self._buckets) >= MAX_REMEMBERED:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[connection_id] = bucket
        bucket.tokens = min(BURST, bucket.tokens + PER_SECOND * ((now - bucket.at) / timedelta(seconds=1)))
        bucket.at = now
        if bucket.refused > PATIENCE:
            return Verdict.CLOSED
        if bucket.tokens >= tokens:
            bucket.tokens -= tokens
            bucket.refused = 0
            return Verdict.ADMITTED
        bucket.refused += 1
        return Verdict.CLOSE if bucket.refused > PATIENCE else Verdict.REFUSED
