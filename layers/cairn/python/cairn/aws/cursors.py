"""Pagination cursors: opaque to the client, and validated when the client sends them back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cairn.errors import BadInputError

Expected = Mapping[str, str | tuple[str, str]]
"""The key's attributes: for each its exact text, or the first and the last text allowed."""


def encode(key: Mapping[str, Any] | None) -> str | None:
    """The cursor of a query's LastEvaluatedKey; None at the end of the list."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=") if key else None


def decode(cursor: str | None, expected: Expected) -> dict[str, str]:
    """The key to start after; BadInputError for a cursor that this list did not issue."""
    if not cursor:
        return {}
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        key = None
    if (
        not isinstance(key, dict)
        or key.keys() != expected.keys()
        or not all(map(_fits, key.values(), map(expected.get, key)))
    ):
        raise BadInputError("cursor: not issued by this list; omit it to start from the beginning")
    return key


def _fits(value: Any, allowed: Any) -> bool:
    if not isinstance(value, str) or not value or not value.isprintable():
        return False
    return value == allowed if isinstance(allowed, str) else allowed[0] <= value <= allowed[1]
