"""Writes the audit lines of the API in one place, so that a new route has them without doing anything for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from cairn import audit
from cairn.audit import ANONYMOUS, REFUSALS, Actor
from cairn.identity.cognito import Person
from functions.api.auth import SAFE, Caller

ACTIONS = {
    "POST /api/session": "sign in",
    "POST /api/session/challenge": "sign in",
    "POST /api/session/refresh": "refresh session",
    "POST /api/session/password": "change password",
    "POST /api/session/second-factor": "begin second factor",
    "PUT /api/session/second-factor": "turn on second factor",
    "POST /api/session/second-factor/removal": "turn off second factor",
    "DELETE /api/session": "sign out",
}
"""The actions that have a name of their own; the others are named by method and route."""


@dataclass(frozen=True, slots=True)
class CalledRoute:
    """A route, such as `/api/channels/{channel_id}`, and the values in the request's path."""

    template: str
    values: Mapping[str, str]


@dataclass(slots=True)
class Trail:
    """What a request's audit line says besides the request itself: it is filled on the request's way."""

    address: str
    """Until the distribution has proved itself, the address that connected to us."""
    caller: Caller | None = None
    targets: list[str] = field(default_factory=list)
    """What is changed, where the path does not say it: `rep:17`."""
    trace_id: str = ""
    """Of the reading that was written."""
    writes: bool = False
    """Whether a GET changes something."""
    _person: Person | None = None

    def signed_in(self, person: Person) -> None:
        """Who it is, where only the route finds out."""
        self._person = person

    @property
    def actor(self) -> Actor:
        identity = self._person or (self.caller.identity if self.caller else None)
        if identity is None:
            return ANONYMOUS
        return Actor("person" if isinstance(identity, Person) else "key", identity.id, identity.name)


def record(method: str, path: str, route: CalledRoute | None, trail: Trail, status: int) -> None:
    """Log a write of a route, whatever came of it, and any refused request."""
    writes = route is not None and (method not in SAFE or trail.writes)
    if not writes and status not in REFUSALS:
        return
    called = f"{method} {route.template if route else path}"
    audit.record(
        ACTIONS.get(called, called),
        trail.actor,
        audit.outcome_of(status),
        address=trail.address,
        targets=[*(_targets(route.values) if route else []), *trail.targets],
        trace_id=trail.trace_id,
    )


def _targets(values: Mapping[str, str]) -> list[str]:
    """`rep_id` 17 is rep:17."""
    return [f"{name.removesuffix('_id')}:{unquote(value)}" for name, value in values.items()]
