"""Viewers without a socket, and whoever asks how many there are: a Lambda URL that pages of any origin may call."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.observing import logger
from functions.viewer_heartbeat import routes


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return routes.answer(event)
