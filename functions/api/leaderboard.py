"""The board's routes, of this month and of those that are over; and the catalogue of badges."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import LambdaFunctionUrlRouter

from cairn.badges import Badge
from cairn.errors import BadInputError, NotFoundError
from cairn.sales_floor import plain
from functions.api import parts
from functions.api import sales_bodies as bodies
from functions.api.channels import Cursor
from functions.api.gate import requires
from functions.api.refusals import answers
from functions.api.reps import on_board

router = LambdaFunctionUrlRouter()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped

BadgeId = Annotated[str, Path(description="The badge's id, as in `rising-star`.", pattern=r"^[a-z0-9-]{1,40}$")]


@router.get(
    "/api/leaderboard",
    summary="A month's board, the best first",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.Board),
)
def read_board(
    period: Annotated[
        str | None,
        Query(description="A month, as in `2026-10`; this one when left away.", pattern=r"^\d{4}-(0[1-9]|1[0-2])$"),
    ] = None,
    limit: Annotated[int, Query(description="At most so many.", ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> bodies.Board:
    month = parts.reps().month
    wanted = period or month
    page = parts.boards().page(None if wanted == month else wanted, limit, cursor)
    if wanted != month and not page.places and not cursor:
        raise NotFoundError(f"no board of {wanted} was kept")
    return bodies.Board(period=wanted, items=on_board(page.places), total=page.total, next_cursor=page.next_cursor)


@router.get(
    "/api/leaderboard/badges",
    summary="The badges there are",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.BadgeList),
)
def list_badges() -> bodies.BadgeList:
    return bodies.BadgeList(items=[_badge(one) for one in parts.badges().catalogue()], next_cursor=None)


@router.put(
    "/api/leaderboard/badges/<badge_id>",
    summary="Change a badge, or add one; who has it keeps it",
    middlewares=requires(),
    responses=answers(bodies.Badge),
)
def put_badge(badge_id: BadgeId, body: bodies.BadgeChange) -> bodies.Badge:
    names = parts.rep_rules()
    if body.rule not in names:
        raise BadInputError(f"rule: one of {', '.join(sorted(names))}")
    badge = Badge(badge_id, body.name, body.description, body.emoji, body.rule, body.threshold, body.active)
    parts.badges().put(badge)
    return _badge(badge)


def _badge(badge: Badge) -> bodies.Badge:
    return bodies.Badge(
        id=badge.id,
        name=badge.name,
        description=badge.description,
        emoji=badge.emoji,
        rule=badge.rule,
        threshold=plain(badge.threshold),
        active=badge.active,
    )
