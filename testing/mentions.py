"""Where a word stands in an account's tables: in a key, a value, an attribute's name, or a frame that is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import boto3

from testing.tables import TABLES

Found = tuple[str, dict[str, Any]]
"""A table's variable and an item."""


def mentions(*words: str) -> list[Found]:
    """Every item of every table that has one of the words, which may stand between signs, as in a key."""
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in words))
    return [found for found in everything() if any(map(pattern.search, _texts(found[1])))]


def everything() -> Iterator[Found]:
    """Every item of every table."""
    for variable in TABLES:
        for item in boto3.resource("dynamodb").Table(variable.lower()).scan()["Items"]:
            yield variable, item


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list | set):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
        if value.startswith("{"):
            yield from _texts(json.loads(value))
