"""The milestones' and subscribers' routes: what was passed, and who is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import LambdaFunctionUrlRouter

from cairn.errors import BadInputError
from cairn.instants import now
from cairn.model import Milestone, Subject, Tally
from functions.api import bodies, parts
from functions.api.channels import Cursor, Limit
from functions.api.gate import requires
from functions.api.refusals import answers

router = LambdaFunctionUrlRouter()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped


@router.get(
    "/api/milestones",
    summary="What was passed, newest first",
    middlewares=requires("analytics"),
    responses=answers(bodies.Milestones),
)
def list_milestones(
    subject: Annotated[
        str | None, Query(description="One subject's, as in `channel:youtube:UC…`.", max_length=200)
    ] = None,
    from_: Annotated[
        bodies.When | None, Query(alias="from", description="The first instant; ten years ago when left away.")
    ] = None,
    to: Annotated[bodies.When | None, Query(description="The last instant; now when left away.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> bodies.Milestones:
    since, until = parts.span(from_, to, now(), timedelta(days=3653))
    page = parts.milestones().page(_subject(subject), since, until, limit, cursor)
    return bodies.Milestones(items=[_body(*entry) for entry in page.items], next_cursor=page.next_cursor)


@router.get(
    "/api/subscribers",
    summary="How many are told, and since when",
    middlewares=requires(),
    responses=answers(bodies.Subscribers),
)
def list_subscribers(limit: Limit = 50, cursor: Cursor = None) -> bodies.Subscribers:
    found, next_cursor = parts.subscribers().page(limit, cursor)
    items = [bodies.Subscriber(chat_id=one.chat_id, type=one.type, since=one.since) for one in found]
    return bodies.Subscribers(total=parts.subscribers().count(), items=items, next_cursor=next_cursor)


def _subject(key: str | None) -> Subject | None:
    try:
        return Subject.parse(key) if key is not None else None
    except ValueError as error:
        raise BadInputError(f"subject: {error}") from None


def _body(milestone: Milestone, tally: Tally) -> bodies.Milestone:
    return bodies.Milestone(
        id=milestone.id,
        subject=str(milestone.subject),
        name=milestone.name,
        rule=milestone.rule,
        metric=milestone.metric,
        period=milestone.period,
        threshold=milestone.threshold,
        label=milestone.label,
        value=milestone.value,
        also_passed=[bodies.Threshold(threshold=one.threshold, label=one.label) for one in milestone.also_passed],
        achieved_at=milestone.achieved_at,
        trace_id=milestone.trace_id,
        delivery=bodies.DeliveryTally(total=tally.total, delivered=tally.delivered, failed=tally.failed),
    )
