"""Lists that do not fit into one answer: DynamoDB ends a page after 1 MB, and says where to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def small_pages(table: Any, size: int = 1) -> Iterator[None]:
    """In the block, a query or scan by this table's client reads so many items at most, before it filters them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
    """
    events = table.meta.client.meta.events

    def limit(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in ("Query", "Scan"):
            params["Limit"] = min(size, params.get("Limit", size))

    events.register("before-parameter-build.dynamodb", limit)
    try:
        yield
    finally:
        events.unregister("before-parameter-build.dynamodb", limit)
