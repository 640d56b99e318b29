"""Sums up creators' transactions as their table's stream brings them; nightly compares the sums with the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.aws.streams import Failures, process_in_order
from cairn.clock import now
from cairn.creators.registry import Creators
from cairn.creators.revenue import Revenue
from cairn.creators.rollups import Rollups
from cairn.creators.sync_state import SyncStates
from cairn.creators.transactions import Transactions
from cairn.observability import logger, metrics
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.store import Workspaces
from functions.roll_up_transactions.batch import Batch, changed
from functions.roll_up_transactions.check import Check

RESERVE_SECONDS = 20.0
"""Reserved for the last creator of a nightly check."""


@dataclass(frozen=True, slots=True)
class Settings:
    creators_table: str
    stats_table: str
    settings_table: str
    initial_settings: str
    failures_url: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def failures(self) -> Failures:
        return Failures(self.settings.failures_url)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def rollups(self) -> Rollups:
        table = dynamodb.table(self.settings.creators_table)
        return Rollups(table, Transactions(table))

    @following_settings
    def revenue(self, workspace: Workspace) -> Revenue:
        stats = Stats(dynamodb.table(self.settings.stats_table))
        return Revenue(stats=stats, rollups=self.rollups, rules_version=workspace.rules_version)

    @property
    def batch(self) -> Batch:
        """New for each invocation: an administrator may have changed the rules."""
        table = dynamodb.table(self.settings.creators_table)
        return Batch(
            rollups=self.rollups, revenue=self.revenue, creators=Creators(table), states=SyncStates(table), clock=now
        )

    @property
    def check(self) -> Check:
        table = dynamodb.table(self.settings.creators_table)
        return Check(
            table=table, rollups=self.rollups, revenue=self.revenue, transactions=Transactions(table), clock=now
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        if "Records" in event:
            return process_in_order(event, changed, dependencies.failures, dependencies.batch.finish)
        creators = Creators(dynamodb.table(dependencies.settings.creators_table))
        again = event.get("source") != "schedule"
        return asdict(dependencies.check.run(creators.all(), seconds_left, again=again))

    return handler


handler = create(Dependencies())
