"""Counts the viewers of channels when the count queue requests it; a changed count becomes a reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb, sqs, websocket_api
from cairn.aws.sqs import Backoff, Consumer, Record
from cairn.aws.websocket_api import Connect
from cairn.clock import now
from cairn.messages import CountViewers
from cairn.observability import logger
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.viewers.count_settings import MilestoneTest, Pace
from cairn.viewers.counting import Counting
from cairn.viewers.presence import Presence
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces
from functions.count_viewers.stale_sockets import StaleSockets

MAX_WAIT = timedelta(seconds=1)
"""SQS delays a message by whole seconds; the function waits for the fraction, once for the whole batch."""


@dataclass(frozen=True, slots=True)
class Settings:
    presence_table: str
    stats_table: str
    count_queue_url: str
    connections_url: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, created on first use; `connect` creates the one that probes sockets."""

    def __init__(self, connect: Connect = websocket_api.connect) -> None:
        self._connect = connect

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def consumer(self) -> Consumer[CountViewers]:
        return Consumer(
            self.settings.count_queue_url,
            CountViewers,
            backoff=Backoff(first=1, longest=30, round_down=True),
            log_waits=False,
        )

    @cached_property
    def presence(self) -> Presence:
        table, queue = dynamodb.table(self.settings.presence_table), sqs.queue(self.settings.count_queue_url)
        return Presence.of(table, queue, now)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @following_settings
    def counting(self, workspace: Workspace) -> Counting:
        return Counting.of(
            self.presence,
            stats=Stats(dynamodb.table(self.settings.stats_table)),
            pace=Pace.of(workspace),
            test=MilestoneTest.of(workspace),
            names=workspace.live_channels,
            rules=RuleSet.of(workspace),
        )

    @cached_property
    def stale_sockets(self) -> StaleSockets:
        return StaleSockets(self.presence, self._connect(self.settings.connections_url))


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def count(message: CountViewers, _: Record) -> None:
        dependencies.counting.handle(message)
        if message.check:
            dependencies.stale_sockets.prune(message.channel)

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return dependencies.consumer.each(event["Records"], count, max_wait=MAX_WAIT)

    return handler


handler = create(Dependencies())
