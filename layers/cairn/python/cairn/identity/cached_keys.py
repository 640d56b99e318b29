"""Who calls with an API key: the key of the Authorization header, which a warm Lambda remembers for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from cairn.errors import ForbiddenError, NotSignedInError
from cairn.identity.api_keys import ApiKey, ApiKeys

MAX_CACHED = 1000


class CachedApiKeys:
    """`seconds` is how long a warm Lambda may still accept a revoked key. `clock` counts seconds."""

    def __init__(self, keys: ApiKeys, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._seconds = seconds
        self._clock = clock
        self._cached: dict[str, tuple[float, ApiKey]] = {}

    def find(self, plaintext: str, *, fresh: bool = False) -> ApiKey:
        """The key; NotSignedInError if it does not exist. With `fresh` it is read in any case."""
        if not plaintext:
            raise NotSignedInError("send an API key: Authorization: Bearer cairn_…")
        seen, key = self._cached.get(plaintext, (0.0, None))
        if fresh or key is None or self._clock() - seen > self._seconds:
            self._cached.pop(plaintext, None)
            key = self._keys.find(plaintext)
            if key is None:
                raise NotSignedInError("this API key does not exist or has been revoked")
            if len(self._cached) >= MAX_CACHED:
                self._cached.clear()
            self._cached[plaintext] = (self._clock(), key)
        return key


def bearer(headers: Mapping[str, str]) -> str | None:
    """What follows `Bearer` in the Authorization header; None if the header is missing or of another scheme."""
    scheme, _, plaintext = headers.get("authorization", "").partition(" ")
    return plaintext if scheme.lower() == "bearer" else None


def require_scope(key: ApiKey, sufficient: Collection[str]) -> None:
    """ForbiddenError unless the key has one of these scopes."""
    if key.scopes.isdisjoint(sufficient):
        raise ForbiddenError(
            f"this key lacks permission: the request needs the scope {' or '.join(sorted(sufficient))}"
        )
