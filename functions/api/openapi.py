"""The OpenAPI document as Powertools makes it, put right where it does not know us."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import (
    APIKey,
    Components,
    HTTPBearer,
    OpenAPI,
    Operation,
    SecurityScheme,
)

from functions.api import cookies

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
_FUNCTIONS = Path(__file__).parent.parent
"""Each function that answers HTTP without this API describes its routes in its own `openapi.json`."""
_PUBLIC = (("/api/health", "get"), ("/api/config", "get"), ("/api/session", "post"), ("/api/session", "delete"))


def methods_of(document: OpenAPI, path: str) -> list[str]:
    """What an address may be called with; nothing when it is none of ours."""
    for template, item in (document.paths or {}).items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return [method.upper() for method in _METHODS if getattr(item, method)]
    return []


def described(document: OpenAPI) -> OpenAPI:
    """The document with the routes of other functions, without 422 (a bad request is answered 400), and without
    bodies for 204."""
    for path, item in (document.paths or {}).items():
        for operation in filter(None, (getattr(item, method) for method in _METHODS)):
            operation.tags = [path.split("/")[2]]
            _mend(operation)
    paths: dict[str, Any] = document.paths or {}
    for path, method in _PUBLIC:
        if path in paths:
            getattr(paths[path], method).security = []
    components = document.components or Components()
    schemas: dict[str, Any] = components.schemas or {}
    for name in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(name, None)
    for other in _others():
        paths |= other.paths or {}
        for kind in ("schemas", "responses", "parameters", "headers"):
            if added := getattr(other.components, kind, None):
                setattr(components, kind, (getattr(components, kind) or {}) | added)
    return document


@cache
def _others() -> list[OpenAPI]:
    """The documents of the functions that answer their own routes."""
    head = {"openapi": "3.1.0", "info": {"title": "", "version": ""}}
    files = sorted(_FUNCTIONS.glob("*/openapi.json"))
    return [OpenAPI.model_validate(head | json.loads(file.read_text(encoding="utf-8"))) for file in files]


def _mend(operation: Operation) -> None:
    responses: dict[Any, Any] = operation.responses or {}
    for status in (422, "422"):
        responses.pop(status, None)
    if 204 in responses:
        responses[204].content = None
