"""AWS errors, raised where botocore would send a call."""

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
def failing(
    caller: Any,
    operation: str,
    answer: Any = OUTAGE,
    *,
    times: int = 10**6,
    when: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> Iterator[list[dict[str, Any]]]:
    """Let the first `times` calls of an operation by this client or table fail; yields the failed calls."""
    meta = getattr(caller.meta, "client", caller).meta
    events, failed = meta.events, list[dict[str, Any]]()
    call = f"provide-client-params.{meta.service_model.service_name}.{operation}"

    def fail(params: dict[str, Any], **_: Any) -> None:
        if len(failed) < times and when(params):
            failed.append(params)
            raise ClientError(answer, operation)

    events.register(call, fail)
    try:
        yield failed
    finally:
        events.unregister(call, fail)
