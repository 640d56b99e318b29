"""Detects milestones in each change of the stats table, in order, up to the first record that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.announcers import Resources, announcers
from cairn.aws import dynamodb, sqs
from cairn.aws.streams import Failures, process_in_order
from cairn.observability import logger, metrics
from cairn.readings.detection import Detection
from cairn.readings.milestones import Milestones
from cairn.settings import from_environment
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleBook
from cairn.workspace.store import Workspaces


@dataclass(frozen=True, slots=True)
class Settings(Resources):
    failures_url: str
    settings_table: str
    initial_settings: str


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
    def rule_book(self) -> RuleBook:
        return RuleBook(self.workspaces)

    @following_settings
    def detection(self, workspace: Workspace) -> Detection:
        return Detection(
            Milestones(dynamodb.table(self.settings.milestones_table)),
            announcers(self.settings, workspace, table=dynamodb.table, queue=sqs.queue),
            self.rule_book,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        # The operator's redetect waits for the answer, and learns from it what failed.
        failures = None if event.get("redetect") else dependencies.failures
        detection = dependencies.detection
        return process_in_order(event, detection.process, failures, detection.finish)

    return handler


handler = create(Dependencies())
