"""Serves viewers without a socket, and requests for counts, at a Lambda URL that pages of any origin may call."""

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
