"""Errors as HTTP responses: Cairn's own, validation errors, and unexpected ones, whose details only the log has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from cairn.clock import now
from cairn.errors import CairnError, PlatformPausedError, SessionEndedError, TooManySignInsError
from cairn.observability import logger
from functions.api import cookies
from functions.api.schemas import Error, Schema

_DESCRIPTIONS = {
    400: "The request is invalid; `details` names the fields to change",
    401: "No valid API key or session was sent",
    403: "The key lacks the scope, the person lacks the module, or a page of another origin sent the request",
    404: "The resource does not exist",
    413: "The request body is too long",
    429: "A platform or Cognito limits requests, or too many sign-ins failed; see Retry-After",
    500: "Internal error; the log has the details",
    503: "A platform or Cognito does not respond",
}


MAX_DETAILS = 50
MAX_NAME = 100


def responses(model: type[Schema] | None, status: int = 200, description: str = "Success") -> Any:
    """A route's responses for the OpenAPI document: the successful one, and the errors."""
    success = {"description": description, **({"content": _json(model)} if model else {})}
    errors = {code: {"description": text, "content": _json(Error)} for code, text in _DESCRIPTIONS.items()}
    return {status: success, **errors}


def conflict(description: str) -> Any:
    """The response 409 of a route that may answer it, for the OpenAPI document."""
    return {409: {"description": description, "content": _json(Error)}}


def _json(model: type[Schema]) -> Any:
    return {"application/json": {"model": model}}


def error_response(error: CairnError) -> Response[str]:
    """The response to an error of Cairn's own, with its status."""
    headers: dict[str, str | list[str]] = {}
    if isinstance(error, PlatformPausedError | TooManySignInsError):
        headers["Retry-After"] = str(max(1, round((error.until - now()).total_seconds())))
    details = [detail for detail in error.details if isinstance(detail, dict)]
    response = _response(error.status, error.message, details, headers)
    if isinstance(error, SessionEndedError):
        response.cookies = cookies.expired(permanent=error.permanent)
    return response


def invalid_request(error: RequestValidationError) -> Response[str]:
    """400 with the invalid fields, named as the client wrote them."""
    return _response(400, *describe(error.errors()))


def describe(errors: Iterable[Mapping[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """Validation errors as one message, and as details by field: a few, since the names may be the client's own."""
    details = []
    for error in islice(errors, MAX_DETAILS):
        field = ".".join(str(step) for step in error["loc"] if step not in ("body", "query", "path"))[:MAX_NAME]
        not_an_object = str(error["type"]).startswith("model_") or (not field and error["type"] == "missing")
        message = "must be a JSON object" if not_an_object else str(error["msg"]).removeprefix("Value error, ")
        details.append({"field": field, "message": message})
    summary = "; ".join(": ".join(filter(None, detail.values())) for detail in details)
    return summary[:500], details


def internal_error(error: Exception) -> Response[str]:
    """500; only the log has the reason."""
    return _response(500, log_unexpected(error))


def log_unexpected(error: Exception) -> str:
    """Log an unexpected error; the message that a caller may see."""
    logger.exception("request failed", exc_info=error)
    return "internal error; it has been logged"


def no_route(allowed: list[str]) -> Response[str]:
    """405 when the path exists but not with this method, else 404."""
    if allowed:
        methods = ", ".join(allowed)
        return _response(405, f"this path accepts {methods}", headers={"Allow": methods})
    return _response(404, "this path does not exist; GET /api/docs lists the routes")


def _response(
    status: int,
    message: str,
    details: list[dict[str, str]] | None = None,
    headers: dict[str, str | list[str]] | None = None,
) -> Response[str]:
    body = json.dumps({"error": message, "details": details or []})
    return Response(status_code=status, content_type="application/json", body=body, headers=headers or {})
