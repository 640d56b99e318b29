"""The OpenAPI document as Powertools makes it, put right where it does not know us."""

from __future__ import annotations

import re
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import (
    APIKey,
    HTTPBearer,
    OpenAPI,
    Operation,
    PathItem,
    SecurityScheme,
)

from functions.api import cookies, viewer_routes

SCHEMES: dict[str, SecurityScheme] = {
    "apiKey": HTTPBearer(description="A machine's API key"),
    "session": APIKey.model_validate(
        {"in": "cookie", "name": cookies.SESSION, "description": "A person's session; writes need our own origin"}
    ),
    "refresh": APIKey.model_validate(
        {"in": "cookie", "name": cookies.REFRESH, "description": "What a session is refreshed with"}
    ),
}
_METHODS = ("get", "post", "put", "patch", "delete")
_WEBHOOK = {
    "summary": "Telegram's updates",
    "description": "Telegram calls this address, known by the webhook's secret; another function answers it.",
    "operationId": "telegram_webhook",
    "tags": ["telegram"],
    "security": [],
    "parameters": [
        {
            "name": "X-Telegram-Bot-Api-Secret-Token",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "description": "The secret given to setWebhook.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "description": "An Update of the Bot API."}}},
    },
    "responses": {
        "200": {"description": "Taken; any JSON is"},
        "400": {"description": "The body is not JSON"},
        "401": {"description": "The secret is missing or wrong"},
        "413": {"description": "The body is too long"},
    },
}


_PUBLIC = (("/api/health", "get"), ("/api/config", "get"), ("/api/session", "post"), ("/api/session", "delete"))


def methods_of(document: OpenAPI, path: str) -> list[str]:
    """What an address may be called with; nothing when it is none of ours."""
    for template, item in (document.paths or {}).items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return [method.upper() for method in _METHODS if getattr(item, method)]
    return []


def described(document: OpenAPI) -> OpenAPI:
    """With the webhook and the viewers' routes, which are other functions'; without 422, since a bad request is
    answered 400 here, and without a body of 204."""
    for path, item in (document.paths or {}).items():
        for operation in filter(None, (getattr(item, method) for method in _METHODS)):
            operation.tags = [path.split("/")[2]]
            _mend(operation)
    if document.paths is not None:
        for path, method in _PUBLIC:
            getattr(document.paths[path], method).security = []
        document.paths["/api/telegram/webhook"] = PathItem(post=Operation.model_validate(_WEBHOOK))
        document.paths |= viewer_routes.paths()
    schemas: dict[str, Any] = (document.components.schemas if document.components else None) or {}
    for name in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= viewer_routes.schemas()
    return document


def _mend(operation: Operation) -> None:
    responses: dict[Any, Any] = operation.responses or {}
    for status in (422, "422"):
        responses.pop(status, None)
    if 204 in responses:
        responses[204].content = None
