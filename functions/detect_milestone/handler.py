"""Each change of the stats table, in order, up to the first that fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import dynamo, queue
from cairn.badges import Badges
from cairn.boards import Boards
from cairn.instants import now
from cairn.milestones import Milestones
from cairn.observing import logger, metrics
from cairn.queue import Queue
from cairn.refreshes import Refreshes
from cairn.reps import KIND as REP
from cairn.reps import Reps
from cairn.rules import catalogue
from cairn.settings import from_environment
from cairn.stats import Stats
from cairn.stream import take_in_order
from functions.detect_milestone.audiences import LiveRooms, SalesFloor, Subscribers
from functions.detect_milestone.detection import Detection


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    milestones_table: str
    leaderboard_table: str
    connections_table: str
    notify_queue_url: str
    broadcast_queue_url: str
    ladders: str
    live_channels: str
    time_zone: str


@cache
def detection() -> Detection:
    settings = from_environment(Settings)
    table, sqs = dynamo.resource().Table, queue.client()
    rules = catalogue(json.loads(settings.ladders), settings.time_zone)
    by_name = {rule.name: rule for rule in rules}
    milestones = table(settings.milestones_table)
    broadcast = Queue(sqs, settings.broadcast_queue_url)
    reps = Reps(
        stats=Stats(table(settings.stats_table)),
        boards=Boards(table(settings.leaderboard_table)),
        rules=rules,
        time_zone=settings.time_zone,
        clock=now,
    )
    floor = SalesFloor(
        reps=reps,
        badges=Badges(milestones),
        refreshes=Refreshes(table(settings.connections_table)),
        queue=broadcast,
        rules=by_name,
    )
    subscribers = Subscribers(Queue(sqs, settings.notify_queue_url))
    named = frozenset(json.loads(settings.live_channels))
    live = LiveRooms(queue=broadcast, subscribers=subscribers, named=named, rules=by_name)
    return Detection(Milestones(milestones), {"channel": subscribers, "channel:live": live, REP: floor}, rules)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return take_in_order(event, lambda record: detection().take(record))
