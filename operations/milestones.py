"""`announce` and `redetect` catch up on what was lost; `revert` takes a false milestone back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from cairn.announcers import Resources, announcers
from cairn.aws.dynamodb import UnreadableItemError
from cairn.aws.sqs import Queue
from cairn.channels.registry import Channels
from cairn.clock import iso, now
from cairn.leaderboard.boards import Boards
from cairn.model import Reading, Subject
from cairn.readings.detection import Announcer, announcer_of
from cairn.readings.milestones import Milestones
from cairn.readings.reverting import Plan, Reverting
from cairn.readings.stats import Stats, to_item
from cairn.settings import from_environment
from cairn.telegram.deliveries import Deliveries
from cairn.workspace.rule_book import RuleBook
from operations.settings import workspaces
from operations.stack import OperationError, Stack, variables_of

FAILED = "FAILED"


def announce(stack: Stack, milestone_id: str) -> str:
    """Queue the announcement of a recorded milestone again.

    For seven days after an alert only those chats are tried again that Telegram refused, or did not answer for; a room
    that announced it in the last twenty days sends it with the same id, and clients drop the duplicate.
    """
    milestones = stack.clients.table(stack.output("MilestonesTable"))
    milestone = Milestones(milestones).get(milestone_id)
    if milestone is None:
        raise OperationError(f"No milestone {milestone_id}; GET /api/milestones lists the ids")
    if milestone.reverted:
        raise OperationError(f"{milestone_id} was reverted by {milestone.reverted.by}: {milestone.reverted.reason}")
    announcer = announcer_of(milestone.subject, _announcers(stack))
    if announcer is None:
        raise OperationError(f"Milestones of a {milestone.subject.kind} are not announced")
    deliveries = Deliveries(stack.clients.table(stack.output("AudienceTable")), milestones)
    failed = deliveries.reopen(milestone.id, now())
    announcer.celebrate(milestone)
    announcer.announce(milestone)
    again = f"{failed} chats that were not notified are tried again" if failed else "queued again"
    return f"{milestone.name}, {milestone.label}: {again}, trace id {milestone.trace_id}"


def redetect(stack: Stack, keys: list[str]) -> list[str]:
    """Detect again from the stored readings of these subjects, or of every tracked channel and rep; a line for each.

    A subject that fails stops no other.
    """
    try:
        subjects = [Subject.parse(key) for key in keys]
    except ValueError as error:
        raise OperationError(str(error)) from None
    if not subjects:
        channels = Channels(stack.clients.table(stack.output("ChannelsTable")))
        table = stack.clients.table
        reps = Boards(table(stack.output("BoardTable")), table(stack.output("LeaderboardTable"))).subjects()
        subjects = [*(channel.subject for channel in channels.all()), *reps]
    stats = Stats(stack.clients.table(stack.output("StatsTable")))
    return [_redetect(stack, subject, stats) for subject in subjects]


def reverting(stack: Stack) -> Reverting:
    """What reverts milestones of the deployed Cairn."""
    return Reverting(
        milestones=Milestones(stack.clients.table(stack.output("MilestonesTable"))),
        stats=Stats(stack.clients.table(stack.output("StatsTable"))),
        rule_book=RuleBook(workspaces(stack)),
        announcer=partial(announcer_of, announcers=_announcers(stack)),
        clock=now,
    )


def describe(plan: Plan) -> list[str]:
    """What a reversal would change, as lines for the operator."""
    lines = [f"{plan.subject}: {_stored(plan)}"]
    lines += [
        f"  revert {one.id}: {one.name}, {one.label} at {iso(one.achieved_at)}, "
        f"also passed: {', '.join(passed.label for passed in one.also_passed) or 'nothing'}"
        for one in plan.milestones
    ]
    lines += [f"  keep {one.id}: it is true now" for one in plan.kept]
    lines += [
        f"  high-water mark {mark.key.rule}, {mark.key.period}: from {mark.seen.threshold} to {mark.threshold}"
        for mark in plan.marks
    ]
    lowered = {(mark.key.rule, mark.key.period) for mark in plan.marks}
    lines += [
        f"  high-water mark {one.rule}, {one.period}: stays, because a higher milestone was announced later"
        for one in plan.milestones
        if (one.rule, one.period) not in lowered
    ]
    return lines if plan.milestones else [*lines, "  nothing to revert: only what follows from it is repeated"]


def revert(stack: Stack, milestone_id: str, plan: Plan, *, by: str, reason: str) -> list[str]:
    """Carry out a reversal that the operator has seen."""
    reverted = reverting(stack).revert(milestone_id, plan, by=by, reason=reason)
    return [f"{one.id}: reverted" for one in reverted]


def _stored(plan: Plan) -> str:
    if plan.reading is None:
        return "no stored reading"
    metrics = ", ".join(f"{name} {value}" for name, value in plan.reading.metrics.items())
    given = "" if plan.given is None else f"; true is {plan.given}"
    return f"{metrics} at {iso(plan.reading.as_of)}{given}"


def _announcers(stack: Stack) -> Mapping[str, Announcer]:
    """The announcers of the deployed detection."""
    resources = from_environment(Resources, variables_of(stack, "DetectMilestone"))
    queue = partial(Queue, stack.clients.sqs)
    return announcers(resources, workspaces(stack).latest(), table=stack.clients.table, queue=queue)


def _redetect(stack: Stack, subject: Subject, stats: Stats) -> str:
    try:
        reading = stats.get(subject)
    except UnreadableItemError as error:
        return f"{subject}: {FAILED}, the stored item cannot be read: {error.reason}"
    if reading is None:
        return f"{subject}: no stored reading"
    response = stack.clients.functions.invoke(
        FunctionName=stack.output("DetectMilestoneFunction"),
        Payload=json.dumps({"Records": [_record(reading)], "redetect": True}),
    )
    result: dict[str, Any] = json.loads(response["Payload"].read() or "{}")
    if "FunctionError" in response or result.get("batchItemFailures"):
        return f"{subject}: {FAILED}; search the logs for trace id {reading.trace_id}"
    return f"{subject}: detection repeated, trace id {reading.trace_id}"


def _record(reading: Reading) -> dict[str, Any]:
    """A stream record from unknown values to these: a lower high-water mark is raised and announced, others stay.

    The event's id is derived from the reading, so that a repeat continues where the first try failed.
    """
    new, event_id = to_item(reading), f"redetect/{reading.subject}/{reading.as_of.timestamp()}"
    images = {"NewImage": _image(new), "OldImage": _image(new | {"metrics": {}, "peaks": {}})}
    return {"eventID": event_id, "eventName": "MODIFY", "dynamodb": images | {"SequenceNumber": "0"}}


def _image(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}
