"""Receives a creator platform's webhooks: a payment counts at once, until the platform's list has its row."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import audit
from cairn.audit import ANONYMOUS
from cairn.aws import dynamodb, sqs
from cairn.aws.secrets import read_secret
from cairn.cdn import Cdn
from cairn.clock import now
from cairn.creators.pushes import check_signature, read_event
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from cairn.creators.transactions import Transactions
from cairn.errors import CairnError, ForbiddenError, NotSignedInError, TooLargeError
from cairn.model import new_trace_id
from cairn.observability import logger, metrics
from cairn.settings import from_environment
from functions.creator_webhook.receiver import Receiver

EVENT = "POST /hooks/creators/fanvue"
"""The action of a request that is refused, before its content is read."""
MAX_BYTES = 64 * 1024
SIGNATURE = "x-fanvue-signature"


@dataclass(frozen=True, slots=True)
class Settings:
    creators_table: str
    creators_queue_url: str
    creator_secret: str
    cdn_keys: str
    direct_calls: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn.of(self.settings.cdn_keys, self.settings.direct_calls)

    @cached_property
    def receiver(self) -> Receiver:
        table = dynamodb.table(self.settings.creators_table)
        return Receiver(
            creators=Creators(table),
            states=SyncStates(table),
            transactions=Transactions(table),
            queue=sqs.queue(self.settings.creators_queue_url),
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def receive(event: dict[str, Any]) -> None:
        body = event.get("body") or ""
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > MAX_BYTES:
            raise TooLargeError(f"an event is at most {MAX_BYTES} bytes")
        secret = read_secret(dependencies.settings.creator_secret).get("CREATOR_WEBHOOK_SECRET", "")
        check_signature(event["headers"].get(SIGNATURE, ""), raw, secret, now())
        trace_id = new_trace_id()
        with logger.append_context_keys(trace_id=trace_id):
            dependencies.receiver.receive("fanvue", read_event(raw), trace_id)

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """The platform sends an event again after every answer that is not 2xx, and gives up after some hours."""
        address = event["requestContext"]["http"]["sourceIp"]
        try:
            address = dependencies.cdn.address(event)
            if event["requestContext"]["http"]["method"] != "POST":
                return _answer(405, {"error": "only POST is allowed here, for Fanvue's events"}, {"allow": "POST"})
            receive(event)
        except (ForbiddenError, NotSignedInError) as error:
            audit.record(EVENT, ANONYMOUS, "refused", address=address)
            return _answer(error.status, {"error": error.message})
        except CairnError as error:
            logger.warning("event of a webhook not received", status=error.status, reason=error.message)
            return _answer(error.status, {"error": error.message})
        return _answer(200, {"ok": True})

    return handler


def _answer(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> dict[str, Any]:
    all_headers = {"content-type": "application/json", **(headers or {})}
    return {"statusCode": status, "headers": all_headers, "body": json.dumps(body)}


handler = create(Dependencies())
