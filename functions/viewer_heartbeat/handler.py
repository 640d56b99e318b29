"""Serves viewers without a socket, and everybody who asks for a count, at a Lambda URL open to pages of any origin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.observability import logger
from functions.viewer_heartbeat import routes
from functions.viewer_heartbeat.dependencies import Dependencies


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return routes.answer(dependencies, event)

    return handler


handler = create(Dependencies())
