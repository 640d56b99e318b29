"""The functions' logs in MiniStack, which writes a complete log stream when an invocation has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from operations.stack import Stack

_LOOK_BACK_MILLIS = 5_000
"""How late a stream may appear after one with a later time."""

Record = Mapping[str, Any]


class FunctionLogs:
    """New log records of a stack's functions."""

    def __init__(self, stack: Stack) -> None:
        self._logs = stack.clients.logs
        functions = stack.clients.functions.get_paginator("list_functions").paginate()
        self._services = {
            function["LoggingConfig"]["LogGroup"]: function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
            for page in functions
            for function in page["Functions"]
        }
        self._since = 0
        self._seen: dict[str, int] = {}

    def new(self) -> Iterator[Record]:
        """JSON lines as they are; Lambda's own output of a failed invocation as an error record."""
        latest = self._since
        for group, service in self._services.items():
            streams: dict[str, list[str]] = {}
            for event in self._logs.filter_log_events(logGroupName=group, startTime=self._since)["events"]:
                if event["logStreamName"] not in self._seen:
                    streams.setdefault(event["logStreamName"], []).append(event["message"])
                latest = max(latest, event["timestamp"] - _LOOK_BACK_MILLIS)
            for stream, lines in streams.items():
                self._seen[stream] = latest
                yield from records(lines, service)
        self._since = latest
        self._seen = {stream: at for stream, at in self._seen.items() if at >= latest - _LOOK_BACK_MILLIS}


class EmulatorLog:
    """Failures that appear only in MiniStack's own log, such as a function that cannot be imported."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = 0

    def new(self) -> list[str]:
        """The errors since the last call."""
        with self._file.open("rb") as log:
            log.seek(self._position)
            complete, newline, _ = log.read().rpartition(b"\n")
        self._position += len(complete) + len(newline)
        lines = complete.decode(errors="replace").splitlines()
        return [line.partition(" ERROR ")[2] for line in lines if " ERROR " in line]


def records(lines: list[str], service: str) -> Iterator[Record]:
    """The records in the lines of one invocation."""
    traceback = False
    for line in lines:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue
        elif line.startswith("Traceback "):
            traceback = True
        elif (traceback and line[:1].strip() and not line.startswith(("START ", "END "))) or "Task timed out" in line:
            traceback = False
            yield {"level": "ERROR", "message": line, "service": service}
