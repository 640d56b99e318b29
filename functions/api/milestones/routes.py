"""The milestone and subscriber routes: the milestones passed, and the Telegram chats that are notified."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from cairn.clock import now
from cairn.errors import BadInputError
from cairn.model import Subject
from functions.api.auth import requires
from functions.api.errors import responses
from functions.api.milestones import schemas
from functions.api.milestones.responses import to_schema
from functions.api.params import Cursor, Limit, When, time_range
from functions.api.routing import Router

router = Router()


@router.get(
    "/api/milestones",
    summary="List the milestones passed, newest first, and those that were reverted",
    middlewares=requires("analytics"),
    responses=responses(schemas.Milestones),
)
def list_milestones(
    subject: Annotated[
        str | None, Query(description="Only milestones of this subject, such as `channel:youtube:UC…`.", max_length=200)
    ] = None,
    unnamed: Annotated[
        bool,
        Query(description="Instead those of live channels that the operator has not named, which anybody can make up."),
    ] = False,
    from_: Annotated[
        When | None, Query(alias="from", description="The first instant; ten years ago by default.")
    ] = None,
    to: Annotated[When | None, Query(description="The last instant; now by default.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> schemas.Milestones:
    since, until = time_range(from_, to, now(), timedelta(days=3653))
    page = router.dependencies.milestones.page(_subject(subject), since, until, limit, cursor, unnamed=unnamed)
    return schemas.Milestones(items=[to_schema(*entry) for entry in page.items], next_cursor=page.next_cursor)


@router.get(
    "/api/subscribers",
    summary="Count and list the subscribed chats",
    middlewares=requires(),
    responses=responses(schemas.Subscribers),
)
def list_subscribers(limit: Limit = 50, cursor: Cursor = None) -> schemas.Subscribers:
    found, next_cursor = router.dependencies.subscribers.page(limit, cursor)
    items = [schemas.Subscriber(chat_id=chat.chat_id, type=chat.type, since=chat.since) for chat in found]
    return schemas.Subscribers(total=router.dependencies.subscribers.count(), items=items, next_cursor=next_cursor)


def _subject(key: str | None) -> Subject | None:
    try:
        return Subject.parse(key) if key is not None else None
    except ValueError as error:
        raise BadInputError(f"subject: {error}") from None
