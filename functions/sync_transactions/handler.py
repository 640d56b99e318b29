"""Brings creators' transactions: the schedule queues every creator, and a message of the creators queue is one sync."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import httpx
from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import http
from cairn.aws import dynamodb, sqs, vault
from cairn.aws.sqs import Backoff, Consumer, Queue, Record
from cairn.aws.vault import Vault
from cairn.clock import now, sleep
from cairn.creators.connecting import Platforms
from cairn.creators.credentials import CONTEXT, Credentials
from cairn.creators.flows import Flows
from cairn.creators.model import Creator
from cairn.creators.platforms import CreatorPlatform
from cairn.creators.registry import Creators
from cairn.creators.runs import Runs
from cairn.creators.sync_state import SyncStates
from cairn.creators.syncing import Syncing
from cairn.creators.transactions import Transactions
from cairn.messages import SyncCreator, SyncRun
from cairn.model import new_trace_id
from cairn.observability import logger, metrics
from cairn.settings import from_environment
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.store import Workspaces
from functions.sync_transactions.sweep import Sweep
from functions.sync_transactions.worker import Worker

RESERVE_SECONDS = 20.0
"""Reserved for the last answer of a platform, with its retries and writes."""


@dataclass(frozen=True, slots=True)
class Settings:
    creators_table: str
    creators_queue_url: str
    settings_table: str
    initial_settings: str
    webhook_key: str


class Dependencies:
    """The adapters of a warm function, made on first use; `transport` replaces the network, `creator_platform` more."""

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        creator_platform: Callable[[Creator], CreatorPlatform] | None = None,
    ) -> None:
        self._transport = transport
        self._creator_platform = creator_platform

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def consumer(self) -> Consumer[SyncCreator | SyncRun]:
        return Consumer(
            self.settings.creators_queue_url,
            (SyncCreator, SyncRun),
            backoff=Backoff(first=10, longest=300, longest_wait=900),
            log_waits=False,
        )

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def queue(self) -> Queue:
        return sqs.queue(self.settings.creators_queue_url)

    @cached_property
    def connect(self) -> Callable[[Creator], CreatorPlatform]:
        if self._creator_platform:
            return self._creator_platform
        opener = Vault(vault.client(), self.settings.webhook_key, kind=CONTEXT)
        credentials = Credentials(dynamodb.table(self.settings.creators_table), opener, clock=now, sleep=sleep)
        return Platforms(http.client(self._transport), credentials).connect

    @cached_property
    def sweep(self) -> Sweep:
        table = dynamodb.table(self.settings.creators_table)
        return Sweep(creators=Creators(table), states=SyncStates(table), queue=self.queue, clock=now)

    @following_settings
    def worker(self, workspace: Workspace) -> Worker:
        table = dynamodb.table(self.settings.creators_table)
        states = SyncStates(table)
        return Worker(
            creators=Creators(table),
            states=states,
            runs=Runs(table),
            syncing=Syncing(
                transactions=Transactions(table),
                flows=Flows(table),
                states=states,
                history=timedelta(days=workspace.creator_history_days),
            ),
            platform=self.connect,
            queue=self.queue,
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        def work(message: SyncCreator | SyncRun, _: Record) -> None:
            if isinstance(message, SyncRun):
                dependencies.worker.start_run(message)
            else:
                dependencies.worker.sync(message, new_trace_id(), seconds_left)

        if "Records" in event:
            return dependencies.consumer.each(event["Records"], work)
        creator = event.get("creator")
        return asdict(dependencies.sweep.run(str(event.get("source", "schedule")), str(creator) if creator else None))

    return handler


handler = create(Dependencies())
