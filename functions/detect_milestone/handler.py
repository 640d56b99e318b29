"""Each change of the stats table, in order, up to the first that fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo, queue
from cairn.milestones import Milestones
from cairn.observing import logger, metrics
from cairn.queue import Queue
from cairn.rules import catalogue
from cairn.settings import from_environment
from cairn.stream import take_in_order
from functions.detect_milestone.detection import Detection


@dataclass(frozen=True, slots=True)
class Settings:
    milestones_table: str
    notify_queue_url: str
    ladders: str
    time_zone: str


@cache
def detection() -> Detection:
    settings = from_environment(Settings)
    return Detection(
        Milestones(dynamo.resource().Table(settings.milestones_table)),
        Queue(queue.client(), settings.notify_queue_url),
        catalogue(json.loads(settings.ladders), settings.time_zone),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return take_in_order(event, lambda record: detection().take(record))
