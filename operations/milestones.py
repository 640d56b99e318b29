"""`announce` and `redetect`: what a lost message or a lost stream record left undone, done after all."""

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
    """Put what is said of a recorded milestone on its queue again.

    Chats that were told in the last seven days are left out; a room that said it in the last twenty days says it under
    the same id, which its sockets drop.
    """
    milestone = Milestones(stack.clients.table(stack.output("MilestonesTable"))).get(milestone_id)
    if milestone is None:
        raise OperationError(f"No milestone {milestone_id}; GET /api/milestones shows their ids")
    variables = _variables(stack)
    rules = catalogue(json.loads(variables["LADDERS"]), variables["TIME_ZONE"])
    resources = from_environment(Resources, variables)
    known = announcers(resources, rules, table=stack.clients.table, queue=partial(Queue, stack.clients.sqs))
    announcer = announcer_of(milestone.subject, known)
    if announcer is None:
        raise OperationError(f"Nobody is notified of a {milestone.subject.kind}")
    announcer.announce(milestone)
    return f"{milestone.name}, {milestone.label}: on the queue, trace id {milestone.trace_id}"


def redetect(stack: Stack, keys: list[str]) -> list[str]:
    """Hold the stored readings against the marks again, of these subjects or of every tracked channel and every rep."""
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
    """The detection's settings as they are deployed."""
    name = stack.output("DetectMilestoneFunction")
    return stack.clients.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]


def _redetect(stack: Stack, subject: Subject, reading: Reading | None) -> str:
    if reading is None:
        return f"{subject}: no reading"
    answer = stack.clients.functions.invoke(
        FunctionName=stack.output("DetectMilestoneFunction"), Payload=json.dumps({"Records": [_record(reading)]})
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read() or "{}")
    if "FunctionError" in answer or result.get("batchItemFailures"):
        raise OperationError(f"{subject}: detection failed; search the logs for trace id {reading.trace_id}")
    return f"{subject}: looked at again, trace id {reading.trace_id}"


def _record(reading: Reading) -> dict[str, Any]:
    """A change from unknown values to these. A mark that is lower is raised and announced; one that is not, is not.

    The event's id is made from the reading, so that a repeat goes on where the first try failed.
    """
    new, event_id = to_item(reading), f"redetect/{reading.subject}/{reading.as_of.timestamp()}"
    images = {"NewImage": _image(new), "OldImage": _image(new | {"metrics": {}, "peaks": {}})}
    return {"eventID": event_id, "eventName": "MODIFY", "dynamodb": images | {"SequenceNumber": "0"}}


def _image(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}
