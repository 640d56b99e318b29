"""A function's output: JSON log lines, and metrics as EMF."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cairn.observability import logger  # imported here, so that its first stream is not a test's


@dataclass
class Written:
    """The logger's lines and other printed output, both read on access."""

    printed: Callable[[], str]
    output: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        self.output.write(self.printed())
        return self.output.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [line for line in self._read() if "message" in line]

    @property
    def audit(self) -> list[dict[str, Any]]:
        """The audit lines, without what the logger adds."""
        names = ("action", "actor", "from", "targets", "outcome", "trace_id")
        lines = [line for line in self.lines if line.get("audit") is True]
        return [{name: line[name] for name in names if name in line} for line in lines]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """The values of each metric, in order."""
        found: dict[str, list[float]] = {}
        for line in self._read():
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                assert directive["Namespace"] == "Cairn"
                for metric in directive["Metrics"]:
                    values = line[metric["Name"]]
                    found.setdefault(metric["Name"], []).extend(values if isinstance(values, list) else [values])
        return found

    @property
    def dimensions(self) -> list[dict[str, str]]:
        """The dimensions and values of each EMF line."""
        return [
            {name: line[name] for names in directive["Dimensions"] for name in names}
            for line in self._read()
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        ]

    def _read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]


@contextmanager
def written(printed: Callable[[], str]) -> Iterator[Written]:
    """Record what is logged; `printed` returns what was printed since its last call."""
    handler, record = logger.registered_handler, Written(printed)
    before = handler.setStream(record.output)  # type: ignore[attr-defined]  # it is a StreamHandler
    try:
        yield record
    finally:
        handler.setStream(before)  # type: ignore[attr-defined]  # as above
