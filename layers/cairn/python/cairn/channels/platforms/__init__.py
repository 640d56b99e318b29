"""The platforms that host channels. A new one is a file here, with a `PLATFORM` class, and its line in `cdk.json`.

A platform resolves handles to ids and ids to counts. It knows its own limits and error bodies, and no table.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, runtime_checkable

import httpx

from cairn.aws.secrets import read_secret
from cairn.channels.registry import Channel
from cairn.clock import Clock, Sleep, now, sleep
from cairn.model import Number
from cairn.upstream import Upstream


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """A channel's current counts. A hidden count is absent; `precision` is the step of rounding down.

    `handle` is the channel's handle now, if the answer says it.
    """

    metrics: Mapping[str, Number]
    precision: Mapping[str, int] = field(default_factory=dict)
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class CountsUnavailable:
    """Why one channel has no counts although the platform answered: what concerns this channel, and no other."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A channel as its platform shows it, and the address of its page there; None when it has no public address."""

    native_id: str
    handle: str
    name: str
    page: str | None


class Platform(Protocol):
    """Each error of a platform has one of four meanings, which decides what it stops.

    - the channel's own (unknown, refused, unreadable): CountsUnavailable, or None from `resolve`; it stops nothing
    - our key: KeyRejectedError; no other call would succeed
    - a limit: PlatformPausedError; nobody is asked until then
    - passing, or of unknown meaning: PlatformUnavailableError; the others are asked, unless it goes on
    """

    group_size: int
    """Channels a call."""
    required_keys: tuple[str, ...]

    def __init__(self, upstream: Upstream, keys: Mapping[str, str]) -> None: ...

    def resolve(self, handle: str) -> Profile | None:
        """The channel with this handle; None when there is none. BadInputError when the text cannot be a handle."""

    def fetch(self, channels: Sequence[Channel]) -> Mapping[str, ChannelCounts | CountsUnavailable]:
        """The counts of at most `group_size` channels, by native id.

        A platform that finds channels by handle compares the id: a handle may belong to another channel by now.
        """


@runtime_checkable
class ShowsProfiles(Protocol):
    """A platform that finds channels by id, and says with another call under which handle."""

    def profile(self, channel: Channel) -> Profile | None:
        """The channel as it is now; None when the platform does not say. Raises as `Platform` does."""


@cache
def available() -> Mapping[str, type[Platform]]:
    """Every platform by name: the modules of this package that define a `PLATFORM`."""
    modules = {
        module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    }
    return {name: module.PLATFORM for name, module in modules.items() if hasattr(module, "PLATFORM")}


class Platforms:
    """The platforms of this deployment: addresses and secrets come from `{NAME}_API_URL` and `{NAME}_SECRET`."""

    def __init__(
        self,
        http: httpx.Client,
        environment: Mapping[str, str] | None = None,
        keys: Callable[[str], Mapping[str, str]] = read_secret,
        clock: Clock = now,
        sleep: Sleep = sleep,
    ) -> None:
        self._http = http
        self._environment = os.environ if environment is None else environment
        self._keys = keys
        self._clock = clock
        self._sleep = sleep

    @property
    def names(self) -> list[str]:
        """The deployed platforms, in alphabetical order."""
        return sorted(name for name in available() if f"{name.upper()}_SECRET" in self._environment)

    def get(self, name: str) -> Platform | None:
        """A platform ready for use; None while its secret lacks a key. KeyError when the platform does not exist."""
        cls = available()[name]
        keys = self._keys(self._environment[f"{name.upper()}_SECRET"])
        if any(key not in keys for key in cls.required_keys):
            return None
        url = self._environment[f"{name.upper()}_API_URL"]
        upstream = Upstream(name, self._http, url, clock=self._clock, sleep=self._sleep, secrets=tuple(keys.values()))
        return cls(upstream, keys)
