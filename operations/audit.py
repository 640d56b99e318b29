"""`audit`: who did what, on what, from where. And the audit lines of the operator's own commands.

The functions' lines are in their own log groups; those of operators in a group of the stack, since CloudTrail records
no reads and writes of a table's items by default.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cairn import audit
from cairn.audit import Actor, Outcome, printable
from cairn.clock import from_iso, from_millis, iso, to_millis
from operations.stack import OperationError, Stack

READS = frozenset(
    {
        *("keys list", "people list", "subscribers suspended", "webhooks endpoints"),
        *("queues", "audit", "settings", "settings history", "usage list"),
        *("creators list", "agencies list"),
    }
)
"""The commands that change nothing. Every other one leaves a line."""

_STREAM = "operations"
_LOG_GROUP = "LogGroup"
_PATTERN = "{ $.audit IS TRUE }"
_AGE = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_TARGETS = (
    *("name", "id_or_name", "platform", "milestone_id", "subject", "chat", "queue", "person"),
    *("endpoint", "setting", "user", "creator"),
)
"""The options that say on what a command works; no other reaches the log."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. Texts are patterns as in a shell, such as `rep:*`; None is anything."""

    since: datetime
    who: str | None = None
    what: str | None = None
    target: str | None = None
    outcome: str | None = None


def since(text: str, present: datetime) -> datetime:
    """`90m`, `24h` or `7d` ago, or an instant in ISO 8601; OperationError for anything else."""
    if age := _AGE.fullmatch(text):
        return present - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        return from_iso(text)
    except ValueError:
        raise OperationError(f"--since: 90m, 24h, 7d or 2026-11-20T12:00:00Z, not {text!r}") from None


def table_of_lines(stack: Stack, query: Query) -> list[str]:
    """A row for each line that matches, oldest first, under a header."""
    groups = [group for name, group in sorted(stack.outputs.items()) if name.endswith(_LOG_GROUP)]
    if not groups:
        raise OperationError(f"The stack {stack.name} keeps no audit trail: is an older version deployed?")
    found = sorted((entry for group in groups for entry in _lines(stack, group, query)), key=lambda entry: entry[0])
    rows = [("AT", "WHO", "FROM", "WHAT", "OUTCOME", "ON"), *(_row(at, line) for at, line in found)]
    widths = [*(max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)), 0]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def record(stack: Stack, options: argparse.Namespace, outcome: Outcome, present: datetime) -> str | None:
    """Put an operator's command into the trail; None, or why it could not be recorded."""
    group = stack.outputs.get(f"Operations{_LOG_GROUP}")
    if group is None:
        return f"the stack {stack.name} has no log group for operators; deploy this version"
    try:
        identity = stack.clients.sts.get_caller_identity()
        actor = Actor("operator", identity["Arn"])
        fields = audit.line(options.command, actor, outcome, address="", targets=_targets(options))
        message = json.dumps({"timestamp": iso(present), "message": "audit", **fields})
        _put(stack, group, message, present)
    except (BotoCoreError, ClientError) as error:
        return str(error)
    return None


def _put(stack: Stack, group: str, message: str, present: datetime) -> None:
    logs = stack.clients.logs
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=_STREAM)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
    logs.put_log_events(
        logGroupName=group,
        logStreamName=_STREAM,
        logEvents=[{"timestamp": to_millis(present), "message": message}],
    )


def _targets(options: argparse.Namespace) -> list[str]:
    kind = options.command.partition(" ")[0]
    prefixes = {"keys": "key:", "people": "person:", "webhooks": "endpoint:", "settings": "setting:", "usage": "user:"}
    singular = prefixes.get(kind, "")
    found: list[str] = []
    for name in _TARGETS:
        value = getattr(options, name, None) or []
        found += [f"{singular}{one}" for one in ([value] if isinstance(value, str) else value)]
    return found


def _lines(stack: Stack, group: str, query: Query) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    pages = stack.clients.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=to_millis(query.since), filterPattern=_PATTERN
    )
    for event in (event for page in pages for event in page["events"]):
        line = _parsed(event["message"])
        if line and _matches(line, query):
            yield from_millis(event["timestamp"]), line


def _parsed(message: str) -> Mapping[str, Any] | None:
    """The line; None for any other, which MiniStack returns too."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    return line if isinstance(line, dict) and line.get("audit") is True else None


def _matches(line: Mapping[str, Any], query: Query) -> bool:
    actor = line["actor"]
    return all(
        wanted is None or any(fnmatchcase(text.lower(), wanted.lower()) for text in texts)
        for wanted, texts in (
            (query.who, (actor["id"], actor["name"], actor["kind"])),
            (query.what, (line["action"],)),
            (query.target, line["targets"]),
            (query.outcome, (line["outcome"],)),
        )
    )


def _row(at: datetime, line: Mapping[str, Any]) -> tuple[str, ...]:
    actor = line["actor"]
    who = " ".join(filter(None, (actor["kind"], actor["name"] or actor["id"])))
    on = " ".join(line["targets"])
    return tuple(map(printable, (iso(at), who, line["from"] or "-", line["action"], line["outcome"], on)))
