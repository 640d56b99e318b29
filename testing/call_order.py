"""Which AWS calls of an invocation wait for each other: every call takes a while, and those that overlap are together.

What a person waits for is the calls in sequence, so calls made side by side count once. Each call is delayed by the
same time, far more than the code between two calls takes; calls of which one begins before the other ends were then
made side by side, whether by threads or by an event loop.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

LATENCY_SECONDS = 0.05
_NOTE = "testing.call_order"


@dataclass(frozen=True, slots=True)
class Call:
    """A call, with the times when it began and ended, in seconds."""

    name: str
    start: float
    end: float
    request: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class CallOrder:
    """The calls of the clients that the default session creates after `watch`, in the order in which they ended."""

    calls: list[Call] = field(default_factory=list)
    _recording: bool = False

    def watch(self) -> None:
        session = boto3._get_default_session()
        session.events.register_first("before-send.*.*", self._delay)
        session.events.register("before-call.*.*", self._before)
        session.events.register("after-call.*.*", self._after)

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """The calls of the block; outside of such blocks, nothing is delayed."""
        self.calls, self._recording = [], True
        try:
            yield self.calls
        finally:
            self._recording = False

    def end(self, name: str) -> None:
        """A call that no botocore client makes begins now, and is the last one that is recorded and delayed."""
        if self._recording:
            present = time.perf_counter()
            self.calls.append(Call(name, present, present + LATENCY_SECONDS))
            self._recording = False

    def _delay(self, **_: object) -> None:
        if self._recording:
            time.sleep(LATENCY_SECONDS)

    def _before(self, model: Any, params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        if self._recording:
            context[_NOTE] = time.perf_counter(), json.loads(params.get("body") or "{}")

    def _after(self, model: Any, context: dict[str, Any], **_: object) -> None:
        if self._recording and _NOTE in context:
            start, request = context[_NOTE]
            name = " ".join((model.name, *_targets(request)))
            self.calls.append(Call(name, start, time.perf_counter(), request))


def in_sequence(calls: Iterable[Call]) -> list[list[Call]]:
    """The longest sequence of calls of which each began when the one before had ended.

    Each step has the calls that were under way beside it and are in no other step, itself first.
    """
    steps: list[list[Call]] = []
    for call in sorted(calls, key=lambda call: call.end):
        if not steps or call.start >= steps[-1][0].end:
            steps.append([call])
        else:
            steps[-1].append(call)
    return steps


def before(calls: Iterable[Call], last: Call) -> list[Call]:
    """The calls that had ended when `last` began, and `last` itself."""
    return [*(call for call in calls if call is not last and call.end <= last.start), last]


def _targets(request: Mapping[str, Any]) -> Sequence[str]:
    """The tables or the queue of a request."""
    if "TableName" in request:
        return [str(request["TableName"]).removesuffix("_table")]
    if "QueueUrl" in request:
        return [str(request["QueueUrl"]).rsplit("/", 1)[-1].removesuffix(".fifo")]
    items = [next(iter(one.values())) for one in request.get("TransactItems", ())]
    tables = [item["TableName"] for item in items] or list(request.get("RequestItems", ()))
    return sorted({str(table).removesuffix("_table") for table in tables})
