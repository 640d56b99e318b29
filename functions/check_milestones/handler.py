"""Holds every stored reading against its high-water marks, for what was given up on the way.

A reading that shows something missing is written once more, with nothing changed but a request to look at it again: so
the stream's detection announces it, in its place after everything that is still under way, and nothing announces twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.check_progress import CheckProgress
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.workspace.rule_book import RuleBook
from cairn.workspace.store import Workspaces
from functions.check_milestones.checker import Checker

RESERVE_SECONDS = 20.0
"""Reserved for the last page."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    milestones_table: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def progress(self) -> CheckProgress:
        return CheckProgress(dynamodb.table(self.settings.milestones_table))

    @cached_property
    def checker(self) -> Checker:
        stats = Stats(dynamodb.table(self.settings.stats_table))
        return Checker(
            stats, Milestones(dynamodb.table(self.settings.milestones_table)), RuleBook(self.workspaces), now
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """How many readings were checked, and how many of them showed something missing."""
        after = began_after = dependencies.progress.stored()
        checked, missing = 0, 0
        while True:
            page = dependencies.checker.check_page(after)
            checked, missing, after = checked + page.checked, missing + page.missing, page.last
            if after is None or context.get_remaining_time_in_millis() / 1000 < RESERVE_SECONDS:
                break
        if after != began_after:
            dependencies.progress.store(after)
        metrics.add_metric("MilestonesMissed", MetricUnit.Count, missing)
        logger.info("milestones checked", checked=checked, missing=missing, finished=after is None)
        return {"checked": checked, "missing": missing, "finished": after is None}

    return handler


handler = create(Dependencies())
