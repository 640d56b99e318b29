"""What is answered, in the form of a Lambda URL's answer: any page of any origin may read it, and no cache keeps it.

Powertools' router would leave the origin's header away where a request names none, and import as long again as all the
rest here.
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


def plain(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    return _answer(status, json.dumps(body), JSON, headers)


def nothing() -> Response:
    """204; Lambda would call an answer without a type JSON."""
    return _answer(204, "", TEXT, {})


def preflight(methods: str) -> Response:
    """What a browser asks before it sends what a page of another origin wants to send."""
    return _answer(204, "", TEXT, {"Allow": methods, "Access-Control-Allow-Methods": methods, **_PREFLIGHT})


def stream(retry: int, event_id: str, data: dict[str, Any], last_event_id: str | None) -> Response:
    """An event stream that ends at once: EventSource comes again by itself after `retry` milliseconds.

    It holds one event, or none when that is the one which the client had last.
    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    told = "" if event_id == last_event_id else f"id: {event_id}\ndata: {json.dumps(data)}\n\n"
    return _answer(200, f"retry: {retry}\n\n{told}", STREAM, {})


def refused(error: CairnError, retry_after: int | None) -> Response:
    """A refusal with its own status, and after how many seconds to come again where that is known."""
    logger.info("refused", status=error.status, reason=error.message)
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return _refusal(error.status, error.message, error.details, headers)


def no_route(methods: str | None) -> Response:
    """405 where the address is right and the method is not, else 404."""
    if methods:
        return _refusal(405, f"this address takes {methods}", (), {"Allow": methods})
    return _refusal(404, "there is no such address; GET /api/docs lists those there are", (), {})


def broken(error: Exception) -> Response:
    """500; what happened is for the log alone."""
    logger.exception("request failed", exc_info=error)
    return _refusal(500, "something failed here; it has been logged", (), {})


def bodiless(answer: Response) -> Response:
    """The same to HEAD."""
    return answer | {"body": ""}


def _refusal(status: int, message: str, details: tuple[object, ...], headers: dict[str, str]) -> Response:
    return _answer(status, json.dumps({"error": message, "details": list(details)}), JSON, headers)


def _answer(status: int, body: str, content_type: str, headers: dict[str, str]) -> Response:
    return {"statusCode": status, "headers": {**_ALWAYS, "Content-Type": content_type, **headers}, "body": body}
