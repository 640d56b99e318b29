"""Counts what a product's users do, at a Lambda URL of its own: nothing here waits for what else Cairn does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.observability import logger, metrics
from functions.ingest_usage import routes
from functions.ingest_usage.dependencies import Dependencies


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return routes.answer(dependencies, event, lambda: context.get_remaining_time_in_millis() / 1000)

    return handler


handler = create(Dependencies())
