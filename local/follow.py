"""Prints events of the local cloud as they happen, one line each, from the functions' logs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local.logs import EmulatorLog, FunctionLogs, Record
from local.names import CloudNames, Names
from local.processes import Processes, Running
from local.sandbox.fanvue_pushes import PAYMENT
from local.settings import Settings
from local.terminal import Colour, Terminal
from operations.stack import Stack

_PAUSE_SECONDS = 0.5
_DELIVERIES_SHOWN = 5
_MILESTONES_SHOWN = 5
_WEBHOOKS_SHOWN = 5
_LONGEST_DETAIL = 160
_COMMON_FIELDS = frozenset(
    {"location", "message", "timestamp", "service", "level", "trace_id", "xray_trace_id", "cold_start"}
    | {"exception", "stack_trace", "exception_name"}
)
_PROBLEMS: dict[str, tuple[str, Colour]] = {
    "WARNING": ("warning", "yellow"),
    "ERROR": ("error", "red"),
    "CRITICAL": ("error", "red"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of output."""

    at: float
    """Seconds since 1970."""
    kind: str
    text: str
    colour: Colour | None = None
    trace_id: str = ""


class Actor(Protocol):
    """A simulated person of the demo, who acts now and then."""

    @property
    def kind(self) -> str: ...
    def next_action(self) -> str | None:
        """A description of the next action; None when none is due."""

    def act(self) -> None:
        """Do it."""


def follow(settings: Settings, stack: Stack, processes: Processes, terminal: Terminal, actors: Sequence[Actor]) -> None:
    """Run until interrupted; StartError when a required process exits."""
    names = CloudNames(settings, stack)
    logs = FunctionLogs(stack)
    emulator = EmulatorLog(settings.home / "logs" / "ministack.log")
    while True:
        time.sleep(_PAUSE_SECONDS)
        events = [_now("warning", _exit_reason(ended), "yellow") for ended in processes.check()]
        for actor in actors:
            if what := actor.next_action():
                show(_now(actor.kind, what, "grey"), terminal)
                with suppress(httpx.TransportError):
                    actor.act()
        try:
            events += describe(logs.new(), names)
        except (ClientError, BotoCoreError) as error:
            events.append(_now("warning", f"function logs cannot be read: {error}", "yellow"))
        events += [_now("error", _shortened(line), "red") for line in emulator.new()]
        for event in events:
            show(event, terminal)


def describe(records: Iterable[Record], names: Names) -> Iterator[Event]:
    """The events that a person wants to see, by time: readings, milestones, deliveries and problems."""
    deliveries: Counter[str] = Counter()
    milestones = webhooks = 0
    for record in sorted(records, key=_time):
        at, trace_id = _time(record), str(record.get("trace_id", ""))
        match record.get("message"):
            case "reading stored":
                key = str(record.get("subject"))
                count = record.get("metrics", {}).get("subscribers")
                known = f"{count:,}{names.change(key, count)} followers" if isinstance(count, int) else "count hidden"
                yield Event(at, "reading", f"{names.subject(key)}: {known}", None, trace_id)
            case "milestone reached":
                milestones += 1
                if milestones <= _MILESTONES_SHOWN:
                    yield Event(at, "milestone", f"{record.get('name_')} {_reached(record)}", "green", trace_id)
            case "event of a webhook received" if record.get("event_type") == PAYMENT:
                key = f"creator:{record.get('creator')}"
                if number := names.payments(key, at):
                    what = "a payment" if number == 1 else f"{number} payments"
                    yield Event(at, "payment", f"{names.subject(key)}: Fanvue tells of {what}", None, trace_id)
            case "first sync complete: from now on milestones are announced":
                if names.first_synced(key := str(record.get("subject"))):
                    text = f"{names.subject(key)}: the past is synced; milestones are announced from now on"
                    yield Event(at, "sync", text, None, trace_id)
            case "event broadcast" if record.get("sockets") and _is_news(record):
                sockets = f"{record['sockets']:,} socket{'s' if record['sockets'] > 1 else ''}"
                yield Event(at, "room", f"{record.get('event_id')} sent to {sockets}", "cyan", trace_id)
            case "delivered":
                for chat_id in record.get("chats", ()):
                    deliveries[trace_id] += 1
                    if deliveries[trace_id] <= _DELIVERIES_SHOWN:
                        yield Event(at, "telegram", names.message(str(chat_id)), "cyan", trace_id)
            case "webhook sent" | "webhook failed" | "webhook skipped":
                webhooks += 1
                if webhooks <= _WEBHOOKS_SHOWN:
                    yield _webhook(record, names, at)
            case message if record.get("level") in _PROBLEMS:
                kind, colour = _PROBLEMS[record["level"]]
                yield Event(at, kind, f"{record.get('service')}: {message}{_details(record)}", colour, trace_id)
    if milestones > _MILESTONES_SHOWN:
        yield _now("milestone", f"and {milestones - _MILESTONES_SHOWN:,} more milestones", "green")
    if webhooks > _WEBHOOKS_SHOWN:
        yield _now("webhook", f"and {webhooks - _WEBHOOKS_SHOWN:,} more attempts", "cyan")
    for trace_id, delivered in deliveries.items():
        if delivered > _DELIVERIES_SHOWN:
            yield _now("telegram", f"and {delivered - _DELIVERIES_SHOWN:,} more messages", "cyan", trace_id)


def _reached(record: Record) -> str:
    """What a milestone is about: a user's rule is in its id, `user:ada/replies/all-time/100`."""
    label = record.get("label")
    match str(record.get("milestone_id")).split("/"):
        case [subject, "daily_goal", day, _] if subject.startswith("user:"):
            return f"met the daily goal of {day} ({label})"
        case [subject, "feature", feature, _] if subject.startswith("user:"):
            return f"used {feature} for the first time"
        case [subject, "streak", *_] if subject.startswith("user:"):
            return f"reached a streak of {label}"
        case [subject, "days_with_us", *_] if subject.startswith("user:"):
            return f"reached {label} with us"
        case [subject, rule, *_] if subject.startswith("user:"):
            return f"reached the first of their {rule}" if label == "1" else f"reached {label} {rule}"
        case [subject, rule, *_] if subject.startswith("creator:"):
            metric = rule.removeprefix("creator_")
            return f"earned {label}" if metric == "revenue" else f"reached {label} {metric}"
    return f"reached {label}"


def _webhook(record: Record, names: Names, at: float) -> Event:
    """An attempt: `milestone_reached → demo CRM: 200 in 12 ms`."""
    what = f"{record.get('type', 'message')} → {names.endpoint(str(record.get('endpoint')))}"
    trace_id = str(record.get("trace_id", ""))
    if record.get("message") == "webhook sent":
        return Event(at, "webhook", f"{what}: {record.get('status')} in {record.get('ms')} ms", "cyan", trace_id)
    if record.get("message") == "webhook skipped":
        return Event(at, "webhook", f"{what}: skipped, {record.get('reason')}", "yellow", trace_id)
    due = record.get("due")
    then = f"tried again at {datetime.fromisoformat(due).astimezone():%H:%M:%S}" if due else "not tried again"
    return Event(at, "webhook", f"{what}: {record.get('reason')}, {then}", "yellow", trace_id)


def _is_news(record: Record) -> bool:
    """Board refreshes and viewer counts are too frequent to show."""
    return not (record.get("state") or str(record.get("event_id")).startswith("everyone/"))


def show(event: Event, terminal: Terminal) -> None:
    """One line: time, kind, text, and the trace id to search the logs for."""
    clock = terminal.paint(f"{datetime.fromtimestamp(event.at, UTC).astimezone():%H:%M:%S}", "grey")
    kind = f"{event.kind:<9}"
    kind = terminal.paint(kind, event.colour) if event.colour else kind
    trace = terminal.paint(f"  [{event.trace_id}]", "grey") if event.trace_id else ""
    terminal.say(f"{clock}  {kind}  {event.text}{trace}")


def _now(kind: str, text: str, colour: Colour, trace_id: str = "") -> Event:
    return Event(time.time(), kind, text, colour, trace_id)


def _details(record: Record) -> str:
    extra = {
        name: value for name, value in record.items() if name not in _COMMON_FIELDS and not name.startswith("function_")
    }
    details = [f"{name} {value}" for name, value in extra.items()]
    details += str(record.get("exception", "")).strip().splitlines()[-1:]
    return f" ({_shortened(', '.join(details))})" if details else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}…"


def _time(record: Record) -> float:
    try:
        return datetime.fromisoformat(str(record.get("timestamp"))).timestamp()
    except ValueError:
        return time.time()


def _exit_reason(ended: Running) -> str:
    lines = ended.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"{ended.name} ended: {lines[-1] if lines else 'no output'}"
