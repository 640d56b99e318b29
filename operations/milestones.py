"""`announce` and `redetect`: catch up on what a lost message or a lost stream record left undone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from cairn.announcers import Resources, announcers
from cairn.aws.sqs import Queue
from cairn.channels.registry import Channels
from cairn.leaderboard.boards import Boards
from cairn.model import Reading, Subject
from cairn.readings.detection import announcer_of
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats, to_item
from cairn.rules import catalogue
from cairn.settings import from_environment
from operations.stack import OperationError, Stack


def announce(stack: Stack, milestone_id: str) -> str:
    """Queue the announcement of a recorded milestone again.

    Chats that were notified in the last seven days are skipped; a room that announced it in the last twenty days sends
    it with the same id, and clients drop the duplicate.
    """
    milestone = Milestones(stack.clients.table(stack.output("MilestonesTable"))).get(milestone_id)
    if milestone is None:
        raise OperationError(f"No milestone {milestone_id}; GET /api/milestones lists the ids")
    variables = _variables(stack)
    rules = catalogue(json.loads(variables["LADDERS"]), variables["TIME_ZONE"])
    resources = from_environment(Resources, variables)
    by_kind = announcers(resources, rules, table=stack.clients.table, queue=partial(Queue, stack.clients.sqs))
    announcer = announcer_of(milestone.subject, by_kind)
    if announcer is None:
        raise OperationError(f"Milestones of a {milestone.subject.kind} are not announced")
    announcer.announce(milestone)
    return f"{milestone.name}, {milestone.label}: queued again, trace id {milestone.trace_id}"


def redetect(stack: Stack, keys: list[str]) -> list[str]:
    """Detect again from the stored readings of these subjects, or of every tracked channel and rep."""
    try:
        subjects = [Subject.parse(key) for key in keys]
    except ValueError as error:
        raise OperationError(str(error)) from None
    if not subjects:
        channels = Channels(stack.clients.table(stack.output("ChannelsTable")))
        reps = Boards(stack.clients.table(stack.output("LeaderboardTable"))).subjects()
        subjects = [*(channel.subject for channel in channels.all()), *reps]
    stats = Stats(stack.clients.table(stack.output("StatsTable")))
    return [_redetect(stack, subject, stats.get(subject)) for subject in subjects]


def _variables(stack: Stack) -> Mapping[str, str]:
    """The environment of the deployed detection."""
    name = stack.output("DetectMilestoneFunction")
    return stack.clients.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]


def _redetect(stack: Stack, subject: Subject, reading: Reading | None) -> str:
    if reading is None:
        return f"{subject}: no stored reading"
    response = stack.clients.functions.invoke(
        FunctionName=stack.output("DetectMilestoneFunction"), Payload=json.dumps({"Records": [_record(reading)]})
    )
    result: dict[str, Any] = json.loads(response["Payload"].read() or "{}")
    if "FunctionError" in response or result.get("batchItemFailures"):
        raise OperationError(f"{subject}: detection failed; search the logs for trace id {reading.trace_id}")
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
