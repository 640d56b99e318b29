"""Channels and their followers. Counts grow as a pure function of time, so that reading them changes nothing."""

import base64
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Platform = Literal["youtube", "telegram", "instagram"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)


@dataclass
class Channel:
    """A channel on one platform. `handle` has no `@`; `set_at` is in seconds since the epoch."""

    platform: Platform
    handle: str
    id: str
    name: str
    set_at: float
    base_count: float = 0
    growth_per_second: float = 0
    views: int = 0
    videos: int = 0
    hidden: bool = False
    error: str | None = None
    """What its platform answers for this channel alone: a reason of YouTube's, a code of Instagram's."""

    def exact_count(self, now: float) -> float:
        return max(0.0, self.base_count + self.growth_per_second * max(0.0, now - self.set_at))

    def count(self, now: float) -> int:
        """Followers at `now`, before a platform's rounding."""
        return math.floor(self.exact_count(now))

    def set_growth(self, now: float, *, count: float | None = None, growth_per_second: float | None = None) -> None:
        """Restart the growth at `now`; None keeps the present value."""
        self.base_count = self.exact_count(now) if count is None else count
        self.set_at = now
        if growth_per_second is not None:
            self.growth_per_second = growth_per_second


def bare(handle: str) -> str:
    """The form in which platforms compare handles: `@Name` and `name` are equal."""
    return handle.removeprefix("@").casefold()


def derived_id(platform: Platform, handle: str) -> str:
    """An id in the platform's format, the same for a handle each time, so that a restarted sandbox keeps its ids."""
    digest = hashlib.sha256(f"{platform}:{bare(handle)}".encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    if platform == "youtube":
        return "UC" + base64.urlsafe_b64encode(digest).decode()[:22]
    if platform == "telegram":
        return str(-(10**12) - number % 10**10)
    return f"1784140{number % 10**10:010d}"


class Channels:
    """All channels, by handle or by id as the platforms look them up."""

    def __init__(self) -> None:
        self._channels: dict[tuple[Platform, str], Channel] = {}

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._channels.values())

    def by_handle(self, platform: Platform, handle: str) -> Channel | None:
        return self._channels.get((platform, bare(handle)))

    def by_id(self, platform: Platform, channel_id: str) -> Channel | None:
        return next((c for c in self._channels.values() if c.platform == platform and c.id == channel_id), None)

    def add(self, channel: Channel) -> None:
        self._channels[channel.platform, bare(channel.handle)] = channel

    def remove(self, channel: Channel) -> None:
        del self._channels[channel.platform, bare(channel.handle)]
