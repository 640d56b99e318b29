"""The HTTP API: authenticates a request, passes it to its route, and answers in JSON whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.errors import CairnError
from cairn.observability import logger, metrics
from functions.api.app import app
from functions.api.auth import require_json
from functions.api.dependencies import Dependencies
from functions.api.errors import broken, refused

UNCACHED = ("/api/session", "/api/ws-ticket")
"""Answers under these prefixes are about one person, and no cache may keep them."""


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            caller = dependencies.authenticator.authenticate(event)
            require_json(event)
        except CairnError as error:
            return _without_route(refused(error))
        except Exception as error:
            return _without_route(broken(error))
        app.append_context(caller=caller, dependencies=dependencies)  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
        return app.resolve(event, context)

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        answered = answer(event, context)
        if event["rawPath"].startswith(UNCACHED):
            answered["headers"]["Cache-Control"] = "no-store"
        return answered

    return handler


def _without_route(answer: Response[str]) -> dict[str, Any]:
    return {
        "statusCode": answer.status_code,
        "headers": dict(answer.headers),
        "cookies": [str(cookie) for cookie in answer.cookies],
        "body": answer.body,
    }


handler = create(Dependencies())
