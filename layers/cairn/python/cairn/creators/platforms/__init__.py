"""The platforms on which creators earn. A new one is a file here, with a `PLATFORM` class.

A platform knows its paths, limits and error bodies, and no table.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Protocol

from cairn.creators.limiter import Limiter
from cairn.creators.model import Creator, Earning
from cairn.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Rows:
    """Every row that the platform has of the time from `since` up to, without, `until`: read with one answer, so that
    none is missing and none is there twice, whatever happened to the list meanwhile."""

    since: datetime
    until: datetime
    earnings: Sequence[Earning]


@dataclass(frozen=True, slots=True)
class Audience:
    """A creator's counts now. None is unknown, and not zero. `hints` are what makes the next call cheaper."""

    subscribers: int | None
    followers: int | None
    messages: int | None
    posts: int | None
    hints: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """How many subscribers came and went on a day of UTC."""

    day: date
    new: int
    ended: int


class CreatorPlatform(Protocol):
    """One creator's account, with its credentials. Each error has one of three meanings, and stops only this creator.

    - our key or token: KeyRejectedError; a person has to mend it
    - a limit: PlatformPausedError; nothing of this creator is asked until then
    - passing, or of unknown meaning: PlatformUnavailableError
    """

    def rows(self, since: datetime, until: datetime) -> Rows:
        """The newest part of the rows from `since` up to `until`, as much as one answer holds.

        Its `until` is the one that was given; when its `since` is later than what was asked, there are older rows, and
        the next call asks until then.
        """

    def audience(self, hints: str) -> Audience:
        """The counts, with at most five calls; `hints` are those of the answer before, or empty."""

    def flows(self, first: date, last: date) -> Sequence[Flow]:
        """New and ended subscriptions of these days of UTC, both included."""

    def account(self) -> str:
        """The platform's id of whose credentials these are."""


class Bearer(Protocol):
    """What a connection's calls are authorised with."""

    own: bool
    """They are the creator's own; else an agency's or the deployment's, which read the creator by its id."""

    def token(self) -> str:
        """KeyRejectedError when a person has to connect again; PlatformUnavailableError."""

    def renew(self, rejected: str) -> str | None:
        """Another token after the platform refused this one; None when there is no other. Raises as `token` does."""


Adapter = Callable[[Upstream, Limiter, Bearer, Creator], CreatorPlatform]


@cache
def available() -> Mapping[str, Adapter]:
    """Every platform by name: the modules of this package that define a `PLATFORM`."""
    modules = {
        module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    }
    return {name: module.PLATFORM for name, module in modules.items() if hasattr(module, "PLATFORM")}
