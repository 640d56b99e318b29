"""What others do at the worst moment: just before this process writes to a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from testing.functions import beside_the_functions

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})


@contextmanager
def before_next_write(table: Any, do: Callable[[], object]) -> Iterator[None]:
    """Do something once, just before the next write to this table; AssertionError if there is no such write."""
    events, pending = table.meta.client.meta.events, [do]

    def interfere(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in WRITES and table.name in _tables(params) and pending:
            with beside_the_functions():
                pending.pop()()

    events.register("provide-client-params.dynamodb", interfere)
    try:
        yield
    finally:
        events.unregister("provide-client-params.dynamodb", interfere)
    assert not pending, f"nothing was written to {table.name}"


def _tables(params: dict[str, Any]) -> set[str]:
    actions = [call for action in params.get("TransactItems", ()) for call in action.values()]
    return {call["TableName"] for call in (params, *actions) if "TableName" in call}
