"""The routes of what a product's users do. A program calls them, with an API key of the scope `ingest` or `admin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cairn.errors import CairnError
from cairn.identity.api_keys import ApiKey
from cairn.identity.cached_keys import bearer, require_scope
from cairn.observability import logger
from functions.ingest_usage import responses
from functions.ingest_usage.dependencies import Dependencies
from functions.ingest_usage.responses import Response

Event = dict[str, Any]
SCOPES = frozenset({"admin", "ingest"})
Route = Callable[[Dependencies, ApiKey, Event], Response]

ROUTES: dict[str, Route] = {}
"""Called with POST."""


def answer(dependencies: Dependencies, event: Event) -> Response:
    """The answer to any request."""
    try:
        return _routed(dependencies, event)
    except CairnError as error:
        return responses.rejected(error)
    except Exception as error:  # noqa: BLE001 - the caller gets a 500, and the log the reason
        return responses.failed(error)


def _routed(dependencies: Dependencies, event: Event) -> Response:
    dependencies.cdn.address(event)
    headers, path = event["headers"], event["rawPath"]
    key = dependencies.keys.find(bearer(headers) or "")
    require_scope(key, SCOPES)
    logger.append_keys(key=key.id)
    route = ROUTES.get(path)
    if route is None:
        return responses.no_route(None)
    if event["requestContext"]["http"]["method"] != "POST":
        return responses.no_route("POST")
    return route(dependencies, key, event)
