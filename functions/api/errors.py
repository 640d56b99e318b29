"""Refusals as HTTP, in one place: Cairn's own, those of validation, and a stranger's surprise that tells nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from cairn.clock import now
from cairn.errors import CairnError, PlatformPausedError, SessionEndedError
from cairn.observability import logger
from functions.api import cookies
from functions.api.schemas import Error, Schema

_DESCRIPTIONS = {
    400: "The request cannot be understood; `details` says which field to change",
    401: "No API key and no session, or not a valid one",
    403: "The key lacks the scope, the person the module; or a page of another origin asks",
    404: "There is no such thing",
    413: "The body is too long",
    429: "A platform asks to wait, or Cognito; see Retry-After",
    500: "Something failed here; the log has the details",
    503: "A platform does not answer, or Cognito",
}


def responses(model: type[Schema] | None, status: int = 200, words: str = "Done") -> Any:
    """What a route answers, for the document: its body when all is well, and the refusals."""
    good = {"description": words, **({"content": _json(model)} if model else {})}
    bad = {code: {"description": text, "content": _json(Error)} for code, text in _DESCRIPTIONS.items()}
    return {status: good, **bad}


def _json(model: type[Schema]) -> Any:
    return {"application/json": {"model": model}}


def refused(error: CairnError) -> Response[str]:
    """The answer to a refusal, with its own status."""
    headers: dict[str, str | list[str]] = {}
    if isinstance(error, PlatformPausedError):
        headers["Retry-After"] = str(max(1, round((error.until - now()).total_seconds())))
    answer = _answer(error.status, error.message, headers=headers)
    if isinstance(error, SessionEndedError):
        answer.cookies = cookies.forgotten(for_good=error.for_good)
    return answer


def invalid(error: RequestValidationError) -> Response[str]:
    """400 with the fields at fault, as the client wrote them."""
    return _answer(400, *faults(error.errors()))


def faults(errors: Iterable[Mapping[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """What a validation found, in a sentence and field by field."""
    details = []
    for one in errors:
        field = ".".join(str(step) for step in one["loc"] if step not in ("body", "query", "path"))
        no_object = str(one["type"]).startswith("model_") or (not field and one["type"] == "missing")
        message = "must be a JSON object" if no_object else str(one["msg"]).removeprefix("Value error, ")
        details.append({"field": field, "message": message})
    named = "; ".join(": ".join(filter(None, detail.values())) for detail in details)
    return named[:500], details


def broken(error: Exception) -> Response[str]:
    """500; what happened is for the log alone."""
    return _answer(500, broken_item(error))


def broken_item(error: Exception) -> str:
    """Log a surprise; what may be said of it."""
    logger.exception("request failed", exc_info=error)
    return "something failed here; it has been logged"


def no_route(allowed: list[str]) -> Response[str]:
    """405 where the address is right and the method is not, else 404."""
    if allowed:
        methods = ", ".join(allowed)
        return _answer(405, f"this address takes {methods}", headers={"Allow": methods})
    return _answer(404, "there is no such address; GET /api/docs lists those there are")


def _answer(
    status: int,
    message: str,
    details: list[dict[str, str]] | None = None,
    headers: dict[str, str | list[str]] | None = None,
) -> Response[str]:
    body = json.dumps({"error": message, "details": details or []})
    return Response(status_code=status, content_type="application/json", body=body, headers=headers or {})
