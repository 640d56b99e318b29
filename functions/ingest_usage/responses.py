"""The answers, in the format of a Lambda URL: JSON for programs, which no cache stores and no page of a site reads."""

from __future__ import annotations

import json
from typing import Any

from cairn.errors import CairnError
from cairn.observability import logger

Response = dict[str, Any]


def json_answer(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """`headers` have an underscore for each hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "statusCode": status,
        "headers": {"Cache-Control": "no-store", "Content-Type": "application/json", **named},
        "body": json.dumps(body),
    }


def rejected(error: CairnError) -> Response:
    """The error with its own status."""
    logger.info("request rejected", status=error.status, reason=error.message)
    body = {"error": error.message, "details": list(error.details)}
    return json_answer(body, error.status, **({"Retry_After": "1"} if error.status == 503 else {}))


def no_route(allowed: str | None) -> Response:
    """405 if the path exists but not with this method, else 404."""
    if allowed:
        return json_answer({"error": f"this path accepts {allowed}", "details": []}, 405, Allow=allowed)
    return json_answer({"error": "this path does not exist; GET /api/docs lists the routes", "details": []}, 404)


def failed(error: Exception) -> Response:
    """500; what happened is only logged."""
    logger.exception("request failed", exc_info=error)
    return json_answer({"error": "internal error; it has been logged", "details": []}, 500)
