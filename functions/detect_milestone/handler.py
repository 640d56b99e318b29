"""Detects milestones in each change of the stats table, in order, up to the first record that fails."""

from __future__ import annotations

import json
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
from cairn.rules import catalogue
from cairn.settings import from_environment


@dataclass(frozen=True, slots=True)
class Settings(Resources):
    ladders: str
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
    def detection(self) -> Detection:
        settings = self.settings
        rules = catalogue(json.loads(settings.ladders), settings.time_zone)
        return Detection(
            Milestones(dynamodb.table(settings.milestones_table)),
            announcers(settings, rules, table=dynamodb.table, queue=sqs.queue),
            rules,
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
