"""Fetches counts: the schedule sweeps all platforms; a message of the queue is a batch of channels or of creators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import httpx
from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import http
from cairn.aws import dynamodb, sqs, vault
from cairn.aws.sqs import Consumer, Record
from cairn.aws.vault import Vault
from cairn.channels.fetch_order import FetchOrder
from cairn.channels.fetching import Fetching
from cairn.channels.platforms import Platforms
from cairn.channels.plausibility import Plausibility
from cairn.channels.recording import Recording
from cairn.channels.registry import Channels
from cairn.clock import now, sleep
from cairn.creators import audiences
from cairn.creators.audiences import Audiences
from cairn.creators.connecting import Platforms as CreatorPlatforms
from cairn.creators.credentials import CONTEXT, Credentials
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from cairn.messages import FetchBatch
from cairn.observability import logger, metrics
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.store import Workspaces

RESERVE_SECONDS = 20.0
"""Reserved for the last call to a platform, with its retries and writes."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    channels_table: str
    fetch_queue_url: str
    settings_table: str
    initial_settings: str
    # With defaults, because an upgrade changes a function's code before its environment.
    creators_table: str = ""
    webhook_key: str = ""


class Dependencies:
    """The adapters of a warm function, made on first use; `transport` replaces the network."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def consumer(self) -> Consumer[FetchBatch]:
        """A failed batch stays hidden for the queue's visibility timeout."""
        return Consumer(self.settings.fetch_queue_url, FetchBatch, backoff=None)

    @cached_property
    def platforms(self) -> Platforms:
        return Platforms(self._http)

    @cached_property
    def creator_platforms(self) -> CreatorPlatforms:
        sealing = Vault(vault.client(), self.settings.webhook_key, kind=CONTEXT)
        table = dynamodb.table(self.settings.creators_table)
        return CreatorPlatforms(self._http, Credentials(table, sealing, clock=now, sleep=sleep))

    @cached_property
    def _http(self) -> httpx.Client:
        return http.client(self._transport)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @following_settings
    def fetching(self, workspace: Workspace) -> Fetching:
        table = dynamodb.table(self.settings.channels_table)
        channels, stats = Channels(table), Stats(dynamodb.table(self.settings.stats_table))
        return Fetching(
            channels=channels,
            recording=Recording(
                channels=channels,
                stats=stats,
                rules_version=workspace.rules_version,
                plausibility=Plausibility.of(workspace),
            ),
            order=FetchOrder(table),
            platforms=self.platforms,
            queue=sqs.queue(self.settings.fetch_queue_url),
        )

    @following_settings
    def audiences(self, workspace: Workspace) -> Audiences:
        table = dynamodb.table(self.settings.creators_table)
        return Audiences(
            creators=Creators(table),
            states=SyncStates(table),
            stats=Stats(dynamodb.table(self.settings.stats_table)),
            platform=lambda creator: self.creator_platforms.connect(creator),
            queue=sqs.queue(self.settings.fetch_queue_url),
            rules_version=workspace.rules_version,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        def fetch(batch: FetchBatch, _: Record) -> None:
            if batch.platform == audiences.PLATFORM:
                dependencies.audiences.fetch_batch(batch, seconds_left)
            else:
                dependencies.fetching.fetch_batch(batch, seconds_left)

        if "Records" in event:
            return dependencies.consumer.each(event["Records"], fetch)
        return sweep(str(event.get("source", "schedule")), seconds_left)

    def sweep(source: str, seconds_left: Callable[[], float]) -> dict[str, Any]:
        """Channels, then creators; what is wrong with the channels is raised after the creators were fetched."""
        try:
            summary = asdict(dependencies.fetching.sweep(dependencies.platforms.names, source, seconds_left))
        finally:
            if dependencies.settings.creators_table:
                dependencies.audiences.sweep(source, seconds_left)
        logger.info("sweep done", summary=summary)
        return summary

    return handler


handler = create(Dependencies())
