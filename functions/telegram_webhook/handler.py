"""Telegram's updates. What is to be said goes on the notify queue, so that Telegram is answered at once."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo, queue
from cairn.channels import Channels
from cairn.instants import now
from cairn.milestones import Milestones
from cairn.model import new_trace_id
from cairn.observing import logger, metrics
from cairn.queue import Queue
from cairn.rules import catalogue
from cairn.secret_keys import secret_keys
from cairn.settings import from_environment
from cairn.slots import Slots
from cairn.standings import Standings
from cairn.stats import Stats
from cairn.subscribers import Subscribers
from functions.telegram_webhook.commands import parse
from functions.telegram_webhook.conversation import Conversation

MOST_BYTES = 256 * 1024
"""Telegram's updates are a few kilobytes; nothing longer is read."""


@dataclass(frozen=True, slots=True)
class Settings:
    audience_table: str
    channels_table: str
    stats_table: str
    milestones_table: str
    notify_queue_url: str
    telegram_secret: str
    stale_after_seconds: int
    ladders: str
    time_zone: str


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def conversation() -> Conversation:
    tables = dynamo.resource()
    channels = Channels(tables.Table(settings().channels_table))
    standings = Standings(
        channels=channels,
        stats=Stats(tables.Table(settings().stats_table)),
        milestones=Milestones(tables.Table(settings().milestones_table)),
        rules=catalogue(json.loads(settings().ladders), settings().time_zone),
        stale_after=timedelta(seconds=settings().stale_after_seconds),
        clock=now,
    )
    return Conversation(
        subscribers=Subscribers(tables.Table(settings().audience_table)),
        slots=Slots(tables.Table(settings().audience_table)),
        channels=channels,
        standings=standings,
        queue=Queue(queue.client(), settings().notify_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Any 2xx is success to Telegram; anything else, and it brings the update again."""
    method = event["requestContext"]["http"]["method"]
    if method != "POST":
        return _answer(405, {"error": "this address takes POST: Telegram's updates"}, {"allow": "POST"})
    expected = secret_keys(settings().telegram_secret).get("TELEGRAM_WEBHOOK_SECRET", "")
    given = event["headers"].get("x-telegram-bot-api-secret-token", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        return _answer(401, {"error": "X-Telegram-Bot-Api-Secret-Token is missing or wrong"})
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if len(raw) > MOST_BYTES:
        return _answer(413, {"error": f"an update is at most {MOST_BYTES} bytes"})
    try:
        update = json.loads(raw)
    except (ValueError, RecursionError):
        return _answer(400, {"error": "the body is not JSON"})
    request = parse(update)
    if request:
        trace_id = new_trace_id()
        with logger.append_context_keys(trace_id=trace_id):
            conversation().take(request, _key(update, trace_id), trace_id)
    return _answer(200, {"ok": True})


def _key(update: dict[str, Any], otherwise: str) -> str:
    """What makes Telegram's redelivery of an update recognisable."""
    number = update.get("update_id")
    return str(number)[:64] if isinstance(number, int) else otherwise


def _answer(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> dict[str, Any]:
    every = {"content-type": "application/json", **(headers or {})}
    return {"statusCode": status, "headers": every, "body": json.dumps(body)}
