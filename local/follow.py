"""What happens in the local cloud, in a line each as it happens: read from the functions' own logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local.demo import Visitor
from local.processes import Processes, Running
from local.settings import Settings
from local.terminal import Colour, Terminal
from operations.stack import Stack

_PAUSE_SECONDS = 0.5
_LOOK_BACK_MILLIS = 5_000
_QUIET = frozenset({"location", "message", "timestamp", "service", "level", "trace_id", "xray_trace_id", "cold_start"})
_TOLD_BY_OTHER_WORDS = frozenset({"exception", "stack_trace", "exception_name", "function_name", "function_arn"})
_CONTEXT_PREFIX = "function_"
_ALARMING: dict[str, Colour] = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
_LONGEST_DETAIL = 160


@dataclass(frozen=True, slots=True)
class Happening:
    """One line for a person."""

    at: float
    """Seconds since 1970."""
    kind: str
    text: str
    colour: Colour | None = None
    trace_id: str = ""


class Names:
    """Subjects and chats by the names that people know them by, asked for once."""

    def __init__(self, stack: Stack, sandbox_url: str | None) -> None:
        self._stats = stack.clients.table(stack.output("StatsTable"))
        self._sandbox_url = sandbox_url
        self._subjects: dict[str, str] = {}
        self._counts: dict[str, float] = {}
        self._shown: set[int] = set()

    def subject(self, key: str) -> str:
        """A subject's name as its stored reading has it."""
        if key not in self._subjects:
            item = self._stats.get_item(Key={"subject": key}).get("Item", {})
            self._subjects[key] = str(item.get("name", key))
        return self._subjects[key]

    def change(self, key: str, count: float) -> str:
        """How a count moved since the last one shown here."""
        before = self._counts.get(key)
        self._counts[key] = count
        return f" ({count - before:+,})" if before is not None and before != count else ""

    def message(self, chat_id: str) -> str:
        """The next message that this chat got and that was not shown yet, where a sandbox can tell."""
        if self._sandbox_url is None:
            return f"message to chat {chat_id}"
        try:
            with httpx.Client(trust_env=False, timeout=2) as http:
                sent = http.get(f"{self._sandbox_url}/control/telegram/sent", params={"chat_id": chat_id}).json()
        except (httpx.HTTPError, ValueError):
            return f"message to chat {chat_id}"
        for message in sent.get("messages", []):
            if message["message_id"] not in self._shown:
                self._shown.add(message["message_id"])
                text = " · ".join(message["text"].splitlines())
                return f"to chat {chat_id}: {text}"
        return f"message to chat {chat_id}"


def follow(settings: Settings, stack: Stack, processes: Processes, terminal: Terminal, visitor: Visitor) -> None:
    """Until interrupted; StartError when a process that is needed ends."""
    names = Names(stack, settings.sandbox_url if "telegram" in settings.sandboxed else None)
    logs = FunctionLogs(stack)
    emulator = EmulatorLog(settings.home / "logs" / "ministack.log")
    while True:
        time.sleep(_PAUSE_SECONDS)
        for ended in processes.check():
            terminal.say(_line(Happening(time.time(), "warning", _last_words(ended), "yellow"), terminal))
        if visitor.is_due():
            asked = "asks for fresh counts (POST /api/sync)" if visitor.visit() else "could not ask for fresh counts"
            terminal.say(_line(Happening(time.time(), "visitor", asked, "grey"), terminal))
        try:
            happenings = [h for record in logs.new() if (h := describe(record, names))]
        except (ClientError, BotoCoreError) as error:
            happenings = [Happening(time.time(), "warning", f"the logs cannot be read: {error}", "yellow")]
        for happening in sorted([*happenings, *emulator.new()], key=lambda h: h.at):
            terminal.say(_line(happening, terminal))


class FunctionLogs:
    """New lines of all functions' log groups. MiniStack writes a stream an invocation, whole, when it has ended."""

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

    def new(self) -> Iterator[Mapping[str, Any]]:
        """JSON lines as they are; what Lambda itself says of an invocation that failed, as an error."""
        latest = self._since
        for group, service in self._services.items():
            events = self._logs.filter_log_events(logGroupName=group, startTime=self._since)["events"]
            streams: dict[str, list[str]] = {}
            for event in events:
                latest = max(latest, event["timestamp"] - _LOOK_BACK_MILLIS)
                if event["logStreamName"] not in self._seen:
                    streams.setdefault(event["logStreamName"], []).append(event["message"])
            for stream, lines in streams.items():
                self._seen[stream] = events[-1]["timestamp"]
                yield from records(lines, service)
        self._since = latest
        self._seen = {stream: at for stream, at in self._seen.items() if at >= latest - _LOOK_BACK_MILLIS}


class EmulatorLog:
    """Failures that MiniStack writes to its own log and nowhere else, as when a function cannot be imported."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = 0

    def new(self) -> list[Happening]:
        """What it wrote since the last call, errors alone."""
        with self._file.open("rb") as log:
            log.seek(self._position)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._position += len(whole) + len(newline)
        return [
            Happening(time.time(), "error", line.partition(" ERROR ")[2][:_LONGEST_DETAIL], "red")
            for line in whole.decode(errors="replace").splitlines()
            if " ERROR " in line
        ]


def records(lines: list[str], service: str) -> Iterator[Mapping[str, Any]]:
    """The records of one invocation's lines."""
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


def describe(record: Mapping[str, Any], names: Names) -> Happening | None:
    """A line for what a person wants to see: readings, milestones, deliveries, and whatever went wrong."""
    trace_id = str(record.get("trace_id", ""))
    at = _time(record)
    match record.get("message"):
        case "reading stored":
            key = str(record.get("subject"))
            count = record.get("metrics", {}).get("subscribers")
            known = f"{count:,}{names.change(key, count)} followers" if isinstance(count, int) else "count hidden"
            return Happening(at, "reading", f"{names.subject(key)}: {known}", None, trace_id)
        case "milestone reached":
            return Happening(at, "milestone", f"{record.get('name_')} reached {record.get('label')}", "green", trace_id)
        case "delivered":
            return Happening(at, "telegram", names.message(str(record.get("chat_id"))), "cyan", trace_id)
        case message if record.get("level") in _ALARMING:
            level = str(record["level"])
            kind = "warning" if level == "WARNING" else "error"
            text = f"{record.get('service')}: {message}{_details(record)}"
            return Happening(at, kind, text, _ALARMING[level], trace_id)
    return None


def _details(record: Mapping[str, Any]) -> str:
    own = {
        name: value
        for name, value in record.items()
        if name not in _QUIET | _TOLD_BY_OTHER_WORDS and not name.startswith(_CONTEXT_PREFIX)
    }
    details = ", ".join(f"{name} {value}" for name, value in own.items())
    if exception := str(record.get("exception", "")).strip():
        details = ", ".join(filter(None, [details, exception.splitlines()[-1]]))
    details = details if len(details) <= _LONGEST_DETAIL else f"{details[:_LONGEST_DETAIL]}…"
    return f" ({details})" if details else ""


def _time(record: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(str(record.get("timestamp"))).timestamp()
    except ValueError:
        return time.time()


def _line(happening: Happening, terminal: Terminal) -> str:
    clock = terminal.paint(f"{datetime.fromtimestamp(happening.at, UTC).astimezone():%H:%M:%S}", "grey")
    kind = f"{happening.kind:<9}"
    text = happening.text
    if happening.colour:
        kind = terminal.paint(kind, happening.colour)
    trace = terminal.paint(f"  [{happening.trace_id}]", "grey") if happening.trace_id else ""
    return f"{clock}  {kind}  {text}{trace}"


def _last_words(ended: Running) -> str:
    lines = ended.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"{ended.name} ended: {lines[-1] if lines else 'no reason given'}"
