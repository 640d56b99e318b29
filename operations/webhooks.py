"""`webhooks endpoints`, `pause`, `resume`, `recover`, `replay` and `process-queue`, as the API does them.

Operators read no address and no secret: only functions may use the key that decrypts them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from cairn.aws.sqs import Queue
from cairn.aws.vault import Vault
from cairn.clock import from_iso, iso, now
from cairn.messages import WebhookReplay
from cairn.webhooks.catalogue import check_type
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.model import RETENTION, Endpoint
from cairn.webhooks.resending import Resending
from cairn.webhooks.sweep import Sweep
from cairn.workspace.store import Workspaces
from operations.stack import OperationError, Stack

MOST_COUNTED = 20_000
_TIME_FOR_A_SWEEP = timedelta(minutes=15)


def endpoints(stack: Stack) -> list[str]:
    """A row for each endpoint, under a header: how it is, and what waits for it."""
    site = _Site(stack)
    rows = [("ID", "HOST", "FORMAT", "STATE", "FAILURES", "DUE FIRST", "DESCRIPTION")]
    for one in site.endpoints.all(consistent=True):
        oldest = site.deliveries.oldest_due(one.id)
        failures = f"{one.health.failures} since {iso(one.health.failing_since)}" if one.health.failing_since else "-"
        state = f"{one.state}: {one.state_reason}" if one.state == "disabled" else one.state
        rows.append((one.id, one.host, one.format, state, failures, iso(oldest) if oldest else "-", one.description))
    widths = [*(max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)), 0]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def pause(stack: Stack, endpoint_id: str) -> str:
    """Send an endpoint nothing until it is resumed."""
    if _Site(stack).endpoints.pause(endpoint_id) is None:
        raise OperationError(f"there is no endpoint {endpoint_id}: ./cairn webhooks endpoints lists them")
    return f"{endpoint_id} is paused; what happens meanwhile is kept"


def resume(stack: Stack, endpoint_id: str) -> str:
    """Send it messages again; a disabled one starts afresh."""
    if _Site(stack).endpoints.resume(endpoint_id) is None:
        raise OperationError(f"there is no endpoint {endpoint_id}: ./cairn webhooks endpoints lists them")
    return f"{endpoint_id} is sent messages again; what failed meanwhile: ./cairn webhooks recover {endpoint_id}"


def recover(stack: Stack, endpoint_id: str, *, dry_run: bool) -> str:
    """Send again what failed and was not delivered since."""
    site = _Site(stack)
    wanted = _replay(endpoint_id, now() - RETENTION, now(), failed_only=True)
    return site.again(site.endpoint(endpoint_id), wanted, dry_run=dry_run)


def replay(stack: Stack, options: argparse.Namespace) -> str:
    """Send again the events of a range of time, delivered or not."""
    types = tuple(one for one in options.events if one != "*")
    for type_ in types:
        check_type(type_)
    before = min(options.to or now(), now())
    if options.since > before:
        raise OperationError("--from must not be later than --to")
    site = _Site(stack)
    wanted = _replay(options.endpoint, options.since, before, event_types=types)
    return site.again(site.endpoint(options.endpoint), wanted, dry_run=options.dry_run)


def process_queue(stack: Stack) -> str:
    """Send what is due, and what a crash left, now."""
    deadline = now() + _TIME_FOR_A_SWEEP
    swept = _Site(stack).sweep().run(lambda: (deadline - now()).total_seconds())
    return f"endpoints with something due: {swept.endpoints}; messages that a crash had left: {swept.left}"


class _Site:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._table: Any = stack.clients.table(stack.output("WebhooksTable"))
        self.endpoints = Endpoints(self._table, Vault(stack.clients.of("kms"), stack.output("WebhookKey")))
        self.events = Events(self._table, now)
        self.deliveries = Deliveries(self._table, now)

    def endpoint(self, endpoint_id: str) -> Endpoint:
        found = self.endpoints.get(endpoint_id, consistent=True)
        if found is None:
            raise OperationError(f"there is no endpoint {endpoint_id}: ./cairn webhooks endpoints lists them")
        return found

    def again(self, endpoint: Endpoint, wanted: WebhookReplay, *, dry_run: bool) -> str:
        resending = Resending(
            endpoints=self.endpoints,
            events=self.events,
            deliveries=self.deliveries,
            queue=self._queue(),
            lanes=self._lanes,
            clock=now,
        )
        messages = resending.count(endpoint, wanted, MOST_COUNTED)
        number = f"{messages:,} messages{' or more' if messages >= MOST_COUNTED else ''}"
        if dry_run:
            return f"{number} would be sent again"
        if messages:
            resending.start(endpoint, wanted)
        return f"{number} are sent again"

    def sweep(self) -> Sweep:
        return Sweep(
            table=self._table,
            endpoints=self.endpoints,
            events=self.events,
            deliveries=self.deliveries,
            queue=self._queue(),
            lanes=self._lanes(),
            clock=now,
        )

    def _queue(self) -> Queue:
        return Queue(self._stack.clients.sqs, self._stack.output("WebhookQueueUrl"))

    def _lanes(self) -> int:
        settings: Any = self._stack.clients.table(self._stack.output("SettingsTable"))
        return Workspaces(settings).current().webhook_attempts_at_once


def _replay(endpoint_id: str, since: datetime, before: datetime, **what: Any) -> WebhookReplay:
    request = uuid4().hex
    given: dict[str, Any] = {"event_types": (), "failed_only": False} | what
    return WebhookReplay(
        endpoint=endpoint_id, request=request, since=since, before=before, after="", trace_id=request, **given
    )


# -- on the command line


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("webhooks", help="other systems that are told").add_subparsers(
        required=True, metavar="endpoints|pause|resume|recover|replay|process-queue"
    )
    group.add_parser("endpoints", help="list the endpoints, how each is, and what waits for it").set_defaults(
        command="webhooks endpoints"
    )
    for name, words in (
        ("pause", "send an endpoint nothing until it is resumed"),
        ("resume", "send it messages again; a disabled one starts afresh"),
        ("recover", "send again what failed and was not delivered since"),
        ("replay", "send again the events of a range of time, delivered or not"),
    ):
        one = group.add_parser(name, help=words)
        one.add_argument("endpoint", metavar="ENDPOINT_ID")
        one.set_defaults(command=f"webhooks {name}")
        if name in ("recover", "replay"):
            one.add_argument("--dry-run", action="store_true", help="only count")
        if name == "replay":
            one.add_argument("--from", dest="since", required=True, type=_instant, metavar="INSTANT")
            one.add_argument("--to", type=_instant, metavar="INSTANT", help="default: now")
            one.add_argument("--events", type=_types, default=[], help="comma-separated types; all by default")
    group.add_parser("process-queue", help="send what is due, and what a crash left, now").set_defaults(
        command="webhooks process-queue"
    )


def _instant(text: str) -> datetime:
    try:
        return from_iso(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"an instant, such as 2026-11-20T12:00:00Z, not {text!r}") from None


def _types(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Stack], list[str]]] = {
    "webhooks endpoints": lambda _, stack: endpoints(stack),
    "webhooks pause": lambda options, stack: [pause(stack, options.endpoint)],
    "webhooks resume": lambda options, stack: [resume(stack, options.endpoint)],
    "webhooks recover": lambda options, stack: [recover(stack, options.endpoint, dry_run=options.dry_run)],
    "webhooks replay": lambda options, stack: [replay(stack, options)],
    "webhooks process-queue": lambda _, stack: [process_queue(stack)],
}
