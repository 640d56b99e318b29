"""Usage events that come at the same time, in virtual time: each to a Lambda of its own, and nothing is waited for.

Each AWS call takes AWS_SECONDS and takes effect at its end. A transaction that begins while another write of the same
item is under way is cancelled, and so is a plain write beside a transaction, as DynamoDB does:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import time_machine
from botocore.awsrequest import AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from testing.cloud import Context, cloud
from testing.dynamodb import stored  # noqa: F401 - importing it puts MiniStack's DynamoDB in place of moto's
from testing.functions import Running
from testing.product import Product
from testing.virtual_time import START, VirtualTime

AWS_SECONDS = {"GetItem": 0.004, "PutItem": 0.006, "TransactWriteItems": 0.02}
"""About what DynamoDB takes in the same region."""


@dataclass
class UsageLoad:
    """An account, and as many warm Lambdas of ingest_usage as are needed at once."""

    virtual: VirtualTime
    product: Product = field(init=False)
    seconds: list[float] = field(default_factory=list)
    """How long each request took."""
    statuses: Counter[int] = field(default_factory=Counter)
    conflicts: int = 0
    _free: list[Running] = field(default_factory=list)
    _writing: Counter[str] = field(default_factory=Counter)
    _transacting: Counter[str] = field(default_factory=Counter)

    def warm_up(self, lambdas: int) -> None:
        """Let so many Lambdas have read the settings and the key."""
        for _ in range(lambdas):
            sandbox = Running("ingest_usage")
            sandbox.warm_up()
            sandbox.dependencies.keys.find(self.product.key)
            self._free.append(sandbox)

    def send(self, bodies: Sequence[dict[str, Any]], *, every: float = 0.0) -> None:
        """Send events at so many seconds' distance, by default all at once, and wait for every answer."""

        def send(number: int, body: dict[str, Any]) -> None:
            self.virtual.sleep(number * every)
            began, sandbox = self.virtual.seconds(), self._free.pop() if self._free else Running("ingest_usage")
            answer = sandbox(self.product.request("/api/usage/track", body), Context(30.0))
            self._free.append(sandbox)
            self.seconds.append(self.virtual.seconds() - began)
            self.statuses[answer["statusCode"]] += 1

        self.virtual.run(*(partial(send, number, body) for number, body in enumerate(bodies)))

    def answer(self, event_name: str, request: Any, **_: Any) -> AWSResponse | None:
        """botocore's `before-send`: the call takes its time, and meets what else is under way."""
        if not self.virtual.is_here or ".dynamodb." not in event_name:
            return botocore_stubber(event_name, request)
        operation = request.headers["x-amz-target"].decode().rpartition(".")[2]
        subjects = _written(operation, json.loads(request.body))
        transaction = operation == "TransactWriteItems"
        met = any(self._writing[one] if transaction else self._transacting[one] for one in subjects)
        counters = (self._writing, self._transacting) if transaction else (self._writing,)
        for counter in () if met else counters:
            counter.update(subjects)
        self.virtual.sleep(AWS_SECONDS[operation])
        for counter in () if met else counters:
            counter.subtract(subjects)
        if not met:
            return botocore_stubber(event_name, request)
        self.conflicts += 1
        return _conflict(request, transaction=transaction)


def _written(operation: str, request: dict[str, Any]) -> list[str]:
    """The subjects whose readings a call writes."""
    puts = [action.get("Put", {}) for action in request.get("TransactItems", ())] or [request]
    if operation == "GetItem":
        return []
    return [put["Item"]["subject"]["S"] for put in puts if "subject" in put.get("Item", {})]


def _conflict(request: Any, *, transaction: bool) -> AWSResponse:
    code = "TransactionCanceledException" if transaction else "TransactionConflictException"
    body: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "conflict"}
    if transaction:
        body["CancellationReasons"] = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    headers = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, 400, headers, MockRawResponse(json.dumps(body)))  # type: ignore[arg-type]  # moto's


@contextmanager
def usage_load() -> Iterator[UsageLoad]:
    """A fresh account without users, and a clock that stands still until something is due."""
    real_sleep = time.sleep
    with ExitStack() as stack:
        traveller = stack.enter_context(time_machine.travel(START, tick=False))
        virtual = VirtualTime(lambda seconds: traveller.move_to(START.timestamp() + seconds))
        stack.callback(vars(time).__setitem__, "sleep", real_sleep)
        vars(time)["sleep"] = lambda seconds: (virtual.sleep if virtual.is_here else real_sleep)(seconds)
        load = UsageLoad(virtual)
        position = next(i for i, entry in enumerate(BUILTIN_HANDLERS) if entry[1] is botocore_stubber)
        stack.callback(BUILTIN_HANDLERS.__setitem__, position, BUILTIN_HANDLERS[position])
        BUILTIN_HANDLERS[position] = ("before-send", load.answer)
        load.product = Product(stack.enter_context(cloud(httpx.MockTransport(lambda _: httpx.Response(404)))))
        yield load
