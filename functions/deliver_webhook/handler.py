"""Brings events to the endpoints that want them: from the webhook queue, and each minute what is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb, sqs, vault
from cairn.aws.intervals import Intervals
from cairn.aws.sqs import Backoff, Consumer, Queue, Record
from cairn.aws.vault import Vault
from cairn.clock import from_millis, now, sleep
from cairn.guarded import GuardedClient, allowed_targets
from cairn.messages import WebhookAttempt, WebhookEvent, WebhookLane, WebhookReplay
from cairn.observability import logger, metrics
from cairn.settings import from_environment
from cairn.webhooks.circuit import Rules
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.fan_out import FanOut
from cairn.webhooks.owners import Owners
from cairn.webhooks.pace import Pace
from cairn.webhooks.replay import Replay
from cairn.webhooks.sending import Sending
from cairn.webhooks.sweep import Sweep
from cairn.workspace.store import Workspaces

Work = WebhookEvent | WebhookAttempt | WebhookLane | WebhookReplay
RESERVE_SECONDS = 2.0
"""Left for the answer to Lambda."""


@dataclass(frozen=True, slots=True)
class Settings:
    webhooks_table: str
    settings_table: str
    initial_settings: str
    webhook_queue_url: str
    notify_queue_url: str
    broadcast_queue_url: str
    webhook_key: str
    webhook_allowed_targets: str


class Dependencies:
    """The adapters of a warm function, created on first use; `client` replaces the network."""

    def __init__(self, client: GuardedClient | None = None) -> None:
        self._client = client

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def consumer(self) -> Consumer[Work]:
        return Consumer(
            self.settings.webhook_queue_url,
            (WebhookEvent, WebhookAttempt, WebhookLane, WebhookReplay),
            backoff=Backoff(first=1, longest=60, longest_wait=900),
            log_waits=False,
        )

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def client(self) -> GuardedClient:
        return self._client or GuardedClient(allowed=allowed_targets(self.settings.webhook_allowed_targets))

    @cached_property
    def queue(self) -> Queue:
        return sqs.queue(self.settings.webhook_queue_url)

    @cached_property
    def endpoints(self) -> Endpoints:
        table = dynamodb.table(self.settings.webhooks_table)
        return Endpoints(table, Vault(vault.client(), self.settings.webhook_key))

    @cached_property
    def events(self) -> Events:
        return Events(dynamodb.table(self.settings.webhooks_table), now)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(dynamodb.table(self.settings.webhooks_table), now)

    @property
    def rules(self) -> Rules:
        """New for each invocation: an administrator may have changed them."""
        workspace = self.workspaces.current()
        return Rules(
            workspace.webhook_retry_schedule,
            workspace.webhook_attempts_at_once,
            timedelta(days=workspace.webhook_disable_after_days),
        )

    @property
    def fan_out(self) -> FanOut:
        return FanOut(
            endpoints=self.endpoints,
            events=self.events,
            deliveries=self.deliveries,
            queue=self.queue,
            lanes=self.rules.attempts_at_once,
            clock=now,
        )

    @property
    def sending(self) -> Sending:
        settings = self.settings
        return Sending(
            endpoints=self.endpoints,
            events=self.events,
            deliveries=self.deliveries,
            client=self.client,
            pace=Pace(Intervals(dynamodb.table(settings.webhooks_table)), now, sleep),
            owners=Owners(sqs.queue(settings.broadcast_queue_url), sqs.queue(settings.notify_queue_url), now),
            queue=self.queue,
            rules=self.rules,
            template_rules=self.workspaces.current().webhook_templates,
            clock=now,
        )

    @property
    def replay(self) -> Replay:
        return Replay(
            endpoints=self.endpoints,
            events=self.events,
            deliveries=self.deliveries,
            queue=self.queue,
            lanes=self.rules.attempts_at_once,
            clock=now,
        )

    @property
    def sweep(self) -> Sweep:
        return Sweep(
            table=dynamodb.table(self.settings.webhooks_table),
            endpoints=self.endpoints,
            events=self.events,
            deliveries=self.deliveries,
            queue=self.queue,
            lanes=self.rules.attempts_at_once,
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        def work(message: Work, record: Record) -> None:
            if isinstance(message, WebhookEvent):
                dependencies.fan_out.handle(message, repeated=int(record["attributes"]["ApproximateReceiveCount"]) > 1)
            elif isinstance(message, WebhookAttempt):
                dependencies.sending.first(message, _queued_at(record))
            elif isinstance(message, WebhookLane):
                dependencies.sending.lane(message, _queued_at(record), seconds_left)
            else:
                dependencies.replay.handle(message, seconds_left)

        if "Records" not in event:
            dependencies.sweep.run(seconds_left)
            return {}
        return dependencies.consumer.each(event["Records"], work)

    return handler


def _queued_at(record: Record) -> Any:
    """When SQS accepted the message; None where the record does not say."""
    sent = record["attributes"].get("SentTimestamp")
    return from_millis(int(sent)) if sent else None


handler = create(Dependencies())
