"""What an operator reverts milestones with, on the tables and queues of a test."""

from __future__ import annotations

import json
import os
from functools import partial

from cairn.announcers import Resources, announcers
from cairn.aws import dynamodb, sqs
from cairn.clock import now
from cairn.model import Milestone
from cairn.readings.detection import announcer_of
from cairn.readings.milestones import Milestones
from cairn.readings.reverting import Reverting
from cairn.readings.stats import Stats
from cairn.rules import catalogue
from cairn.settings import from_environment


def reverting() -> Reverting:
    resources = from_environment(Resources)
    rules = catalogue(json.loads(os.environ["LADDERS"]), resources.time_zone)
    by_kind = announcers(resources, rules, table=dynamodb.table, queue=sqs.queue)
    return Reverting(
        milestones=Milestones(dynamodb.table(resources.milestones_table)),
        stats=Stats(dynamodb.table(resources.stats_table)),
        rules=rules,
        announcer=partial(announcer_of, announcers=by_kind),
        clock=now,
    )


def revert(milestone_id: str, *, value: int | None = None, only: bool = False) -> list[Milestone]:
    """Revert as an operator does who agrees to the plan."""
    undo = reverting()
    plan = undo.plan(milestone_id, value=value, only=only)
    return undo.revert(milestone_id, plan, by="grace", reason="the platform sent nonsense")
