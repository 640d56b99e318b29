"""The OpenAPI document as Powertools makes it, put right where it does not know us."""

from __future__ import annotations

import re
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import OpenAPI, Operation, PathItem

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


_PUBLIC = ("/api/health",)


def methods_of(document: OpenAPI, path: str) -> list[str]:
    """What an address may be called with; nothing when it is none of ours."""
    for template, item in (document.paths or {}).items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return [method.upper() for method in _METHODS if getattr(item, method)]
    return []


def described(document: OpenAPI) -> OpenAPI:
    """With the webhook, which is another function's, and without 422: a bad request is answered 400 here."""
    for path, item in (document.paths or {}).items():
        for operation in filter(None, (getattr(item, method) for method in _METHODS)):
            operation.tags = [path.split("/")[2]]
            _mend(operation)
    if document.paths is not None:
        for path in _PUBLIC:
            if operation := document.paths[path].get:
                operation.security = []
        document.paths["/api/telegram/webhook"] = PathItem(post=Operation.model_validate(_WEBHOOK))
    schemas: dict[str, Any] = (document.components.schemas if document.components else None) or {}
    for name in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _mend(operation: Operation) -> None:
    responses: dict[Any, Any] = operation.responses or {}
    for status in (422, "422"):
        responses.pop(status, None)
