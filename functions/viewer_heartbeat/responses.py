"""The answers, in the format of a Lambda URL: pages of any origin may read them, and no cache stores them.

Powertools' router would omit the origin's header if a request names no origin, and would take as long to import as
everything else here.
"""

from __future__ import annotations

import json
from typing import Any

from cairn.errors import CairnError
from cairn.observability import logger

Response = dict[str, Any]
JSON, TEXT, STREAM = "application/json", "text/plain", "text/event-stream"
_ALWAYS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
    "Cache-Control": "no-store",
}
_PREFLIGHT = {"Access-Control-Allow-Headers": "content-type, last-event-id", "Access-Control-Max-Age": "86400"}


def json_answer(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    return _answer(status, json.dumps(body), JSON, headers)


def no_content() -> Response:
    """204. It has a content type, because Lambda would otherwise set JSON."""
    return _answer(204, "", TEXT, {})


def preflight(methods: str) -> Response:
    """The answer to a browser that asks what a page of another origin may send."""
    return _answer(204, "", TEXT, {"Allow": methods, "Access-Control-Allow-Methods": methods, **_PREFLIGHT})


def stream(retry: int, event_id: str, data: dict[str, Any], last_event_id: str | None) -> Response:
    """An event stream that ends immediately: EventSource reconnects by itself after `retry` milliseconds.

    It has one event, or none if that is the last one that the client received.
    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    event = "" if event_id == last_event_id else f"id: {event_id}\ndata: {json.dumps(data)}\n\n"
    return _answer(200, f"retry: {retry}\n\n{event}", STREAM, {})


def rejected(error: CairnError, retry_after: int | None) -> Response:
    """The error with its own status, and after how many seconds to retry if that is known."""
    logger.info("request rejected", status=error.status, reason=error.message)
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return _error(error.status, error.message, error.details, headers)


def no_route(methods: str | None) -> Response:
    """405 if the path exists but not with this method, else 404."""
    if methods:
        return _error(405, f"this path accepts {methods}", (), {"Allow": methods})
    return _error(404, "this path does not exist; GET /api/docs lists the routes", (), {})


def failed(error: Exception) -> Response:
    """500; what happened is only logged."""
    logger.exception("request failed", exc_info=error)
    return _error(500, "internal error; it has been logged", (), {})


def without_body(answer: Response) -> Response:
    """The same answer, to HEAD."""
    return answer | {"body": ""}


def _error(status: int, message: str, details: tuple[object, ...], headers: dict[str, str]) -> Response:
    return _answer(status, json.dumps({"error": message, "details": list(details)}), JSON, headers)


def _answer(status: int, body: str, content_type: str, headers: dict[str, str]) -> Response:
    return {"statusCode": status, "headers": {**_ALWAYS, "Content-Type": content_type, **headers}, "body": body}
