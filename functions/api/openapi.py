"""Powertools' OpenAPI document, corrected where it does not match this API."""

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
    PathItem,
    SecurityScheme,
)

from functions.api import cookies

SCHEMES: dict[str, SecurityScheme] = {
    "apiKey": HTTPBearer(description="A machine's API key"),
    "session": APIKey.model_validate(
        {
            "in": "cookie",
            "name": cookies.SESSION,
            "description": "A person's session; writes are accepted from our own origin only",
        }
    ),
    "refresh": APIKey.model_validate(
        {"in": "cookie", "name": cookies.REFRESH, "description": "The token that refreshes a session"}
    ),
}
_METHODS = ("get", "post", "put", "patch", "delete")
_FUNCTIONS = Path(__file__).parent.parent
"""Each function that serves its own HTTP routes describes them in its `openapi.json`."""
_PUBLIC = (
    ("/api/health", "get"),
    ("/api/config", "get"),
    ("/api/session", "post"),
    ("/api/session", "delete"),
    ("/api/session/challenge", "post"),
)


def methods_of(document: OpenAPI, path: str) -> list[str]:
    """The methods of a path; empty when the path is not in the document."""
    for template, item in (document.paths or {}).items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return [method.upper() for method in _METHODS if getattr(item, method)]
    return []


def adapt(document: OpenAPI) -> OpenAPI:
    """Add the routes of other functions; remove 422, since an invalid request gets a 400, and the bodies of 204."""
    for path, item in (document.paths or {}).items():
        for operation in filter(None, (getattr(item, method) for method in _METHODS)):
            operation.tags = [path.split("/")[2]]
            _correct(operation)
    paths: dict[str, Any] = document.paths or {}
    for path, method in _PUBLIC:
        if path in paths:
            getattr(paths[path], method).security = []
    components = document.components or Components()
    schemas: dict[str, Any] = components.schemas or {}
    for name in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(name, None)
    for other in _other_documents():
        # Powertools types paths as `PathItem | Any`, so validating a document leaves them plain.
        paths |= {path: PathItem.model_validate(item) for path, item in (other.paths or {}).items()}
        for kind in ("schemas", "responses", "parameters", "headers"):
            if added := getattr(other.components, kind, None):
                setattr(components, kind, (getattr(components, kind) or {}) | added)
    return document


@cache
def _other_documents() -> list[OpenAPI]:
    """The documents of the functions that serve their own routes."""
    head = {"openapi": "3.1.0", "info": {"title": "", "version": ""}}
    files = sorted(_FUNCTIONS.glob("*/openapi.json"))
    return [OpenAPI.model_validate(head | json.loads(file.read_text(encoding="utf-8"))) for file in files]


def _correct(operation: Operation) -> None:
    responses: dict[Any, Any] = operation.responses or {}
    for status in (422, "422"):
        responses.pop(status, None)
    if 204 in responses:
        responses[204].content = None
