"""Receives Telegram's updates. Replies go on the notify queue, so that Telegram is answered immediately."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import audit
from cairn.audit import ANONYMOUS
from cairn.aws import dynamodb, sqs
from cairn.aws.secrets import read_secret
from cairn.cdn import Cdn
from cairn.channels.registry import Channels
from cairn.channels.status import ChannelStatuses
from cairn.clock import now
from cairn.errors import ForbiddenError
from cairn.model import new_trace_id
from cairn.observability import logger, metrics
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.telegram.send_slots import SendSlots
from cairn.telegram.subscribers import Subscribers
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces
from functions.telegram_webhook.command_handler import CommandHandler
from functions.telegram_webhook.commands import parse

UPDATE = "POST /api/telegram/webhook"
"""The action of a request that is refused, before its content is read."""
MAX_BYTES = 256 * 1024
"""Telegram's updates are a few kilobytes; longer bodies are rejected unread."""


@dataclass(frozen=True, slots=True)
class Settings:
    audience_table: str
    channels_table: str
    stats_table: str
    milestones_table: str
    notify_queue_url: str
    telegram_secret: str
    cdn_keys: str
    direct_calls: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn.of(self.settings.cdn_keys, self.settings.direct_calls)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @following_settings
    def command_handler(self, workspace: Workspace) -> CommandHandler:
        settings = self.settings
        channels = Channels(dynamodb.table(settings.channels_table))
        statuses = ChannelStatuses(
            channels=channels,
            stats=Stats(dynamodb.table(settings.stats_table)),
            milestones=Milestones(dynamodb.table(settings.milestones_table)),
            rules=RuleSet.of(workspace).rules,
            stale_after=timedelta(seconds=workspace.stale_after_seconds),
            clock=now,
        )
        return CommandHandler(
            subscribers=Subscribers(dynamodb.table(settings.audience_table)),
            send_slots=SendSlots(dynamodb.table(settings.audience_table)),
            channels=channels,
            statuses=statuses,
            queue=sqs.queue(settings.notify_queue_url),
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Telegram treats any 2xx as success, and sends the update again after every other answer."""
        address = event["requestContext"]["http"]["sourceIp"]
        try:
            address = dependencies.cdn.address(event)
        except ForbiddenError as error:
            audit.record(UPDATE, ANONYMOUS, "refused", address=address)
            return _answer(403, {"error": error.message})
        method = event["requestContext"]["http"]["method"]
        if method != "POST":
            return _answer(405, {"error": "only POST is allowed here, for Telegram's updates"}, {"allow": "POST"})
        expected = read_secret(dependencies.settings.telegram_secret).get("TELEGRAM_WEBHOOK_SECRET", "")
        received = event["headers"].get("x-telegram-bot-api-secret-token", "")
        if not expected or not hmac.compare_digest(received.encode(), expected.encode()):
            audit.record(UPDATE, ANONYMOUS, "refused", address=address)
            return _answer(401, {"error": "X-Telegram-Bot-Api-Secret-Token is missing or wrong"})
        body = event.get("body") or ""
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > MAX_BYTES:
            return _answer(413, {"error": f"an update is at most {MAX_BYTES} bytes"})
        try:
            update = json.loads(raw)
        except (ValueError, RecursionError):
            return _answer(400, {"error": "the body is not JSON"})
        request = parse(update)
        if request:
            trace_id = new_trace_id()
            with logger.append_context_keys(trace_id=trace_id):
                dependencies.command_handler.handle(request, _key(update, trace_id), trace_id, address)
        return _answer(200, {"ok": True})

    return handler


def _key(update: dict[str, Any], fallback: str) -> str:
    """The key that makes Telegram's redelivery of an update recognisable."""
    number = update.get("update_id")
    return str(number)[:64] if isinstance(number, int) else fallback


def _answer(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> dict[str, Any]:
    all_headers = {"content-type": "application/json", **(headers or {})}
    return {"statusCode": status, "headers": all_headers, "body": json.dumps(body)}


handler = create(Dependencies())
