"""Who may call what: a request is let in by its API key before anything of it is read, and to a route by a scope.

What is no JSON is turned away here too, because Powertools answers some of it with 500.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from cairn.api_keys import ApiKey, ApiKeys
from cairn.errors import BadInputError, ForbiddenError, NotSignedInError, TooLargeError

PUBLIC = {"/", "/api/health", "/api/openapi.json", "/api/docs"}
MOST_BYTES = 64 * 1024
CACHE_SECONDS = 30
"""How long a key that was revoked may still open the door of a warm Lambda."""


class Gate:
    def __init__(self, keys: ApiKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKey]] = {}

    def admit(self, event: dict[str, Any]) -> ApiKey | None:
        """Who calls; None on a public route. TooLargeError, or NotSignedInError without a key that is valid."""
        if len(event.get("body") or "") > MOST_BYTES:
            raise TooLargeError(f"the body is longer than {MOST_BYTES} bytes")
        if event["rawPath"] in PUBLIC:
            return None
        scheme, _, plaintext = event["headers"].get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not plaintext:
            raise NotSignedInError("send an API key: Authorization: Bearer cairn_…")
        seen, key = self._known.get(plaintext, (0.0, None))
        if key is None or self._clock() - seen > CACHE_SECONDS:
            self._known.pop(plaintext, None)
            key = self._keys.find(plaintext)
            if key is None:
                raise NotSignedInError("this API key was never made, or has been revoked")
            self._known[plaintext] = (self._clock(), key)
        return key


def readable(event: dict[str, Any]) -> None:
    """BadInputError for a body that the routes could not read; one that does not say what it is, is taken for JSON."""
    body, headers = event.get("body"), event["headers"]
    if not body:
        return
    given = headers.get("content-type", "").partition(";")[0].strip()
    if given.lower() not in ("", "application/json"):
        raise BadInputError(f"send JSON, with Content-Type: application/json instead of {given[:100]}")
    headers["content-type"] = "application/json"
    try:
        value = json.loads(base64.b64decode(body).decode() if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise BadInputError(f"the body is not JSON: {what}") from None
    if not isinstance(value, dict | None):
        raise BadInputError("the body must be a JSON object")  # of a list, Powertools would take one


def requires(*scopes: str) -> list[Callable[..., Response[Any]]]:
    """The middleware of a route that needs one of these scopes; `admin` opens every door."""

    def check(app: LambdaFunctionUrlResolver, next_middleware: NextMiddleware) -> Response[Any]:
        caller: ApiKey = app.context["caller"]
        if not caller.scopes & {"admin", *scopes}:
            raise ForbiddenError(
                f"this key may not do that; it needs the scope {' or '.join(sorted({*scopes, 'admin'}))}"
            )
        return next_middleware(app)

    return [check]
