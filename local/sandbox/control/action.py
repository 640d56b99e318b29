"""A route of the control API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from local.sandbox.control.schemas import Body, Nothing
from local.sandbox.world import World


@dataclass(frozen=True)
class Action:
    """A route: how to call it, and what it does."""

    method: str
    path: str
    does: str
    run: Callable[[World, Request, Any], Awaitable[object]]
    accepts: type[Body] = Nothing
    query: dict[str, str] = field(default_factory=dict)
    example: dict[str, Any] | None = None

    def described(self) -> dict[str, Any]:
        description: dict[str, Any] = {"method": self.method, "path": self.path, "does": self.does}
        if self.query:
            description["query"] = self.query
        if self.accepts is not Nothing:
            description["body"] = {
                info.alias or name: info.description or "" for name, info in self.accepts.model_fields.items()
            }
        if self.example is not None:
            description["example"] = self.example
        return description
