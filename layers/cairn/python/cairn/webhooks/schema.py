"""Checks a value against the part of JSON Schema that the catalogue of events uses. Pure.

The `jsonschema` package does the same and far more, for 15 MB and a tenth of a second of a cold start; a test compares
the two. https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

KEYWORDS = frozenset(
    {
        *("type", "enum", "minimum", "pattern", "format", "properties", "required", "additionalProperties", "items"),
        *("anyOf", "description"),
    }
)
"""What a schema of the catalogue may use."""


def violation(value: Any, schema: Mapping[str, Any], field: str) -> str | None:
    """What is wrong with a value, in a sentence that begins with its field; None when it is as the schema says."""
    if wrong := _own(value, schema):
        return f"{field}: {wrong}"
    if isinstance(value, Mapping):
        for name in schema.get("required", ()):
            if name not in value:
                return f"{field}.{name}: is missing"
        for name, item in value.items():
            of_item = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            if found := violation(item, of_item, f"{field}.{name}"):
                return found
    if isinstance(value, list):
        for number, item in enumerate(value):
            if found := violation(item, schema.get("items", {}), f"{field}.{number}"):
                return found
    found_of_each = [violation(value, one, field) for one in schema.get("anyOf", ())]
    return found_of_each[0] if found_of_each and all(found_of_each) else None


def _own(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a value itself, whatever is in it."""
    types = schema.get("type", ())
    types = (types,) if isinstance(types, str) else types
    if types and not any(_TYPES[name](value) for name in types):
        return f"must be {' or '.join(_WORDS[name] for name in types)}"
    if "enum" in schema and not any(type(value) is type(one) and value == one for one in schema["enum"]):
        return f"must be one of {', '.join(map(str, schema['enum']))}"
    if "minimum" in schema and _is_number(value) and value < schema["minimum"]:
        return f"must be at least {schema['minimum']}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return f"must be like {schema['pattern']}"
    if schema.get("format") == "date-time" and isinstance(value, str) and not _is_instant(value):
        return "must be an instant with its offset, such as 2026-11-30T14:03:07Z"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and Decimal(value) == Decimal(value).to_integral_value()


def _is_instant(text: str) -> bool:
    """As RFC 3339 writes it: https://www.rfc-editor.org/rfc/rfc3339#section-5.6"""
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}
_WORDS: Mapping[str, str] = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
