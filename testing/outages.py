"""What AWS refuses, raised where botocore would send a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

CONFLICT: Any = {
    "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
    "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
}
OUTAGE: Any = {"Error": {"Code": "InternalServerError", "Message": "hush"}}


@contextmanager
def refusing(
    caller: Any,
    operation: str,
    answer: Any = OUTAGE,
    *,
    times: int = 10**6,
    when: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> Iterator[list[dict[str, Any]]]:
    """The first `times` calls of an operation by this client, or table, are refused; gives the calls that were."""
    meta = getattr(caller.meta, "client", caller).meta
    events, refused = meta.events, list[dict[str, Any]]()
    call = f"provide-client-params.{meta.service_model.service_name}.{operation}"

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if len(refused) < times and when(params):
            refused.append(params)
            raise ClientError(answer, operation)

    events.register(call, refuse)
    try:
        yield refused
    finally:
        events.unregister(call, refuse)
