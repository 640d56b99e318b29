"""The router of a system's routes, with the caller and the dependencies of the request."""

from __future__ import annotations

from datetime import datetime

from aws_lambda_powertools.event_handler.router import LambdaFunctionUrlRouter

from cairn.clock import from_millis
from functions.api.audit import Trail
from functions.api.auth import Caller
from functions.api.dependencies import Dependencies


class Router(LambdaFunctionUrlRouter):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped

    @property
    def dependencies(self) -> Dependencies:
        dependencies: Dependencies = self.context["dependencies"]
        return dependencies

    @property
    def caller(self) -> Caller:
        caller: Caller = self.context["caller"]
        return caller

    @property
    def trail(self) -> Trail:
        """What the request's audit line says; a route adds what the path does not say."""
        trail: Trail = self.context["trail"]
        return trail

    @property
    def requested_at(self) -> datetime:
        """When the Lambda URL received the request."""
        return from_millis(int(self.current_event.request_context.time_epoch))

    def seconds_left(self, reserve: float) -> float:
        """Seconds that this invocation may still use, minus the reserve."""
        return float(self.lambda_context.get_remaining_time_in_millis()) / 1000 - reserve
