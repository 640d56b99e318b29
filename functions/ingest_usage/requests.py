"""Parses the requests of a product by hand: a validation library would take longer to import than all else here."""

from __future__ import annotations

import base64
import json
from typing import Any

from cairn.errors import BadInputError, TooLargeError

Event = dict[str, Any]
MAX_EVENT_BYTES = 16 * 1024
MAX_BATCH_BYTES = 1024 * 1024
MAX_ITEMS = 1000
"""Events of a batch, or rows of an import."""


def fields(event: Event, max_bytes: int) -> dict[str, Any]:
    """The object that a body is. TooLargeError before it is parsed; BadInputError for another body."""
    body = event.get("body") or ""
    encoded = bool(event.get("isBase64Encoded"))
    size = len(body) * 3 // 4 - body[-2:].count("=") if encoded else len(body)
    if size > max_bytes or (not encoded and len(body.encode(errors="surrogatepass")) > max_bytes):
        raise TooLargeError(f"the body is longer than {max_bytes} bytes")
    try:
        found = json.loads(base64.b64decode(body, validate=True).decode() if encoded else body)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise BadInputError(f"the body is not JSON: {reason}") from None
    if not isinstance(found, dict):
        raise BadInputError("the body must be a JSON object")
    return found


def items(found: dict[str, Any], name: str, *others: str) -> list[Any]:
    """The list of that name, which the body has beside nothing but `others`. BadInputError."""
    if unknown := found.keys() - {name, *others}:
        raise BadInputError(f"{min(unknown)[:100]}: there is no such field; the body has {name}")
    listed = found.get(name)
    if not isinstance(listed, list):
        raise BadInputError(f"{name}: must be a list")
    if len(listed) > MAX_ITEMS:
        raise BadInputError(f"{name}: {len(listed)} are more than {MAX_ITEMS}; send them in several requests")
    return listed
