"""Sends the notify queue's alerts and replies by Telegram, one message at a time; SQS redelivers what is unfinished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import http
from cairn.aws import dynamodb, sqs
from cairn.aws.secrets import read_secret
from cairn.aws.sqs import Backoff, Consumer, Record
from cairn.clock import now
from cairn.messages import Alert, AlertPart, Reply
from cairn.observability import logger, metrics
from cairn.settings import from_environment
from cairn.telegram.announcement import AnnouncementChat
from cairn.telegram.bot import Bot
from cairn.telegram.deliveries import Deliveries
from cairn.telegram.send_slots import SendSlots
from cairn.telegram.subscribers import Subscribers
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.store import Workspaces
from functions.notify.audience import Audience
from functions.notify.notifier import Notification, Notifier
from functions.notify.pace import Pace
from functions.notify.sender import Sender

RESERVE_SECONDS = 25.0
"""What a message may still take once started: a send with its retries, and recording the progress."""
LONGEST_BACKOFF_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Settings:
    audience_table: str
    milestones_table: str
    notify_queue_url: str
    telegram_api_url: str
    telegram_secret: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, made on first use; `transport` replaces the network."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def consumer(self) -> Consumer[Notification]:
        return Consumer(
            self.settings.notify_queue_url,
            (Alert, AlertPart, Reply),
            backoff=Backoff(first=10, longest=LONGEST_BACKOFF_SECONDS, longest_wait=LONGEST_BACKOFF_SECONDS),
        )

    @cached_property
    def http(self) -> httpx.Client:
        return http.client(self._transport)

    @cached_property
    def subscribers(self) -> Subscribers:
        return Subscribers(dynamodb.table(self.settings.audience_table))

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @following_settings
    def announcement(self, workspace: Workspace) -> AnnouncementChat | None:
        return self._chat(workspace.telegram_announcement_chat)

    @following_settings
    def creators(self, workspace: Workspace) -> AnnouncementChat | None:
        return self._chat(workspace.creators_telegram_chat)

    def _chat(self, configured: str) -> AnnouncementChat | None:
        return AnnouncementChat(dynamodb.table(self.settings.audience_table), configured) if configured else None

    @cached_property
    def send_slots(self) -> SendSlots:
        return SendSlots(dynamodb.table(self.settings.audience_table))

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(dynamodb.table(self.settings.audience_table), dynamodb.table(self.settings.milestones_table))

    @property
    def notifier(self) -> Notifier:
        """New for each message, because the bot's token may have been rotated."""
        token = read_secret(self.settings.telegram_secret).get("TELEGRAM_BOT_TOKEN", "")
        bot = Bot(self.http, self.settings.telegram_api_url, token)
        workspace = self.workspaces.current()
        audience = Audience(
            subscribers=self.subscribers,
            announcement=self.announcement,
            creators=self.creators,
            bot=bot,
            clock=now,
        )
        pace = Pace(
            send_slots=self.send_slots,
            messages_per_second=workspace.telegram_messages_per_second,
            clock=now,
        )
        sender = Sender(
            bot=bot,
            deliveries=self.deliveries,
            audience=audience,
            pace=pace,
            progress_every=workspace.telegram_progress_every,
        )
        return Notifier(
            audience=audience,
            deliveries=self.deliveries,
            sender=sender,
            queue=sqs.queue(self.settings.notify_queue_url),
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        def notify(message: Notification, record: Record) -> None:
            owner = f"{context.aws_request_id}/{record['messageId']}"
            dependencies.notifier.handle(message, owner, seconds_left)

        return dependencies.consumer.each(event["Records"], notify)

    return handler


handler = create(Dependencies())
