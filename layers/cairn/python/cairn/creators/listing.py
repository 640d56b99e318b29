"""Ids of agencies and creators, and pages of those."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from boto3.dynamodb.conditions import Key

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, query_all, readable
from cairn.clock import to_millis

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

T = TypeVar("T")
_ITEMS = 300
"""How many a call reads."""


def new_id(now: datetime) -> str:
    """An id that nobody has; in the order of ids, those that were made first are first."""
    return f"{to_millis(now):012x}{secrets.token_hex(4)}"


def page(
    table: Table,
    partition: str,
    parse: Callable[[Item], T],
    wanted: Callable[[Item], bool],
    limit: int,
    cursor: str | None,
) -> tuple[list[T], str | None]:
    """Some of the wanted items of a partition, and the cursor of the next page. BadInputError for another's cursor."""
    start = decode(cursor, {"pk": partition, "sk": (" ", "~")})
    items = query_all(table, Key("pk").eq(partition), start or None, Limit=max(_ITEMS, limit + 1))
    found: list[T] = []
    last = ""
    for item in filter(wanted, items):
        if len(found) == limit:
            return found, encode({"pk": partition, "sk": last})
        found += readable(parse, [item])
        last = item["sk"]
    return found, None
