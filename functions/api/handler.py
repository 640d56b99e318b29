"""The HTTP API: authenticates a request, passes it to its route, and responds to any error in JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.errors import CairnError
from cairn.observability import logger, metrics
from functions.api import audit
from functions.api.app import app
from functions.api.audit import Trail
from functions.api.auth import require_json
from functions.api.dependencies import Dependencies
from functions.api.errors import error_response, internal_error

UNCACHED = ("/api/session", "/api/ws-ticket")
"""Responses under these prefixes belong to one person; no cache may store them."""


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def respond(event: dict[str, Any], context: LambdaContext, trail: Trail) -> dict[str, Any]:
        try:
            trail.address = dependencies.cdn.address(event)
            trail.caller = dependencies.authenticator.authenticate(event)
            require_json(event)
        except CairnError as error:
            return _to_result(error_response(error))
        except Exception as error:
            return _to_result(internal_error(error))
        app.append_context(dependencies=dependencies, caller=trail.caller, trail=trail)  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
        return app.resolve(event, context)

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        request = event["requestContext"]["http"]
        trail = Trail(address=request["sourceIp"])
        result = respond(event, context, trail)
        method, path = request["method"], event["rawPath"]
        audit.record(method, path, app.called_route(method, path), trail, result["statusCode"])
        if event["rawPath"].startswith(UNCACHED):
            result["headers"]["Cache-Control"] = "no-store"
        return result

    return handler


def _to_result(response: Response[str]) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": dict(response.headers),
        "cookies": [str(cookie) for cookie in response.cookies],
        "body": response.body,
    }


handler = create(Dependencies())
