"""How the fields of an event are found and named: by a path, in snake_case, and by the names of the source's plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cairn.rules import ALL_TIME
from cairn.webhooks.model import Event

MISSING: Any = object()
"""What `find` returns where there is no such field; null is a value."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[\W_]+")


@lru_cache(maxsize=1024)
def snake(name: str) -> str:
    """`alsoPassed`, `also-passed` and `Also Passed` as `also_passed`; empty for a name without letters and digits."""
    return _NO_WORD.sub("_", _HUMP.sub("_", name)).strip("_").lower()


def metadata(event: Event) -> dict[str, Any]:
    """An event's data in snake_case, with the names that the plan of the usage webhooks gives to a milestone's.

    What a product publishes by those names stays as it was published.
    """
    named: dict[str, Any] = {}
    for name, value in event.data.items():
        better = snake(name)
        free = better and better not in event.data and better not in named
        named[better if free else name] = value
    if "rule" in event.data and "threshold" in event.data:
        of_all_time = event.data.get("period") == ALL_TIME
        named = {
            "milestone_type": event.data["rule"],
            "milestone_value": event.data["threshold"],
            "lifetime_total": event.data.get("value") if of_all_time else None,
            **named,
        }
    return named


def find(event: Event, path: str) -> Any:
    """The field at a path: `type`, `subject`, or one of the data, by its own name or by that of `metadata`; MISSING."""
    if path == "type":
        return event.type
    if path == "subject":
        return event.subject
    found = _walk(event.data, path)
    return _walk(metadata(event), path) if found is MISSING else found


def _walk(data: Mapping[str, Any], path: str) -> Any:
    value: Any = data
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value
