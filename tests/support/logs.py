"""What a function wrote: its JSON log lines, and its metrics as EMF."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Written:
    """Everything on standard output; lines and metrics are read out of it when asked for."""

    output: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return self.output.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [line for line in self._read() if "message" in line]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """The values of each metric, in the order in which they were written."""
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
        """The dimensions of each EMF line, with their values."""
        return [
            {name: line[name] for names in directive["Dimensions"] for name in names}
            for line in self._read()
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        ]

    def _read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]


@contextmanager
def written() -> Iterator[Written]:
    """What is logged and measured from here on."""
    from cairn.observing import logger

    handler, record = logger.registered_handler, Written()
    before = handler.setStream(record.output)  # type: ignore[attr-defined]  # Powertools' is a StreamHandler
    try:
        with redirect_stdout(record.output):
            yield record
    finally:
        handler.setStream(before)  # type: ignore[attr-defined]  # as above
