"""What an operator reverts milestones with, on the tables and queues of a test."""

from __future__ import annotations

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
from cairn.settings import from_environment
from cairn.workspace.rule_book import RuleBook
from cairn.workspace.store import Workspaces


def reverting() -> Reverting:
    resources = from_environment(Resources)
    workspaces = Workspaces(dynamodb.table(os.environ["SETTINGS_TABLE"]), given=os.environ["INITIAL_SETTINGS"])
    by_kind = announcers(resources, workspaces.latest(), table=dynamodb.table, queue=sqs.queue)
    return Reverting(
        milestones=Milestones(dynamodb.table(resources.milestones_table)),
        stats=Stats(dynamodb.table(resources.stats_table)),
        rule_book=RuleBook(workspaces),
        announcer=partial(announcer_of, announcers=by_kind),
        clock=now,
    )


def revert(milestone_id: str, *, value: int | None = None, only: bool = False) -> list[Milestone]:
    """Revert as an operator does who agrees to the plan."""
    undo = reverting()
    plan = undo.plan(milestone_id, value=value, only=only)
    return undo.revert(milestone_id, plan, by="grace", reason="the platform sent nonsense")
