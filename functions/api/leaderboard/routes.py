"""The leaderboard routes: boards of this month and past ones, reps and their updates, and the badge catalogue.

A rep is one item: the response to an update is made from the same images that the stream will deliver.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from cairn.errors import BadInputError, NotFoundError
from cairn.leaderboard.badges import Badge
from cairn.leaderboard.representation import json_number
from cairn.leaderboard.reps import GOAL, UpdateResult
from cairn.model import Reading
from functions.api.auth import requires
from functions.api.errors import conflict, responses
from functions.api.leaderboard import bulk, schemas
from functions.api.leaderboard.responses import badge_list, milestones, on_board, rep
from functions.api.params import Cursor, Limit
from functions.api.routing import Router

router = Router()

RepId = Annotated[int, Path(description="The rep's id.", ge=1, le=10**15 - 1)]
BadgeId = Annotated[str, Path(description="The badge's id, such as `rising-star`.", pattern=r"^[a-z0-9-]{1,40}$")]


RESERVE_SECONDS = 5.0
"""Time that a bulk update leaves unused: updates that have not started by then are reported as not applied."""


@router.get(
    "/api/leaderboard",
    summary="Get a month's board, best rep first",
    middlewares=requires("leaderboard", "display"),
    responses=responses(schemas.Board),
)
def read_board(
    period: Annotated[
        str | None,
        Query(
            description="A month, such as `2026-10`; the current month by default.", pattern=r"^\d{4}-(0[1-9]|1[0-2])$"
        ),
    ] = None,
    limit: Annotated[int, Query(description="The maximum number of items.", ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> schemas.Board:
    month = router.dependencies.reps.month
    requested = period or month
    page = router.dependencies.boards.page(None if requested == month else requested, limit, cursor)
    if requested != month and not page.rows and not cursor:
        raise NotFoundError(f"there is no board for {requested}")
    return schemas.Board(
        period=requested,
        items=on_board(page.rows, router.dependencies.badges, router.dependencies.avatars),
        total=page.total,
        next_cursor=page.next_cursor,
    )


@router.get(
    "/api/leaderboard/badges",
    summary="List the badges",
    middlewares=requires("leaderboard", "display"),
    responses=responses(schemas.BadgeList),
)
def list_badges() -> schemas.BadgeList:
    return schemas.BadgeList(
        items=[_badge(badge) for badge in router.dependencies.badges.catalogue()], next_cursor=None
    )


@router.put(
    "/api/leaderboard/badges/<badge_id>",
    summary="Create or change a badge; reps who have earned it keep it",
    middlewares=requires(),
    responses=responses(schemas.Badge),
)
def put_badge(badge_id: BadgeId, body: schemas.BadgeChange) -> schemas.Badge:
    names = router.dependencies.rep_rules
    if body.rule not in names:
        raise BadInputError(f"rule: one of {', '.join(sorted(names))}")
    badge = Badge(badge_id, body.name, body.description, body.emoji, body.rule, body.threshold, body.active)
    router.dependencies.badges.put(badge)
    return _badge(badge)


@router.get(
    "/api/leaderboard/sales-reps",
    summary="List the reps, best of the month first",
    middlewares=requires("leaderboard", "display"),
    responses=responses(schemas.RepList),
)
def list_reps(limit: Limit = 50, cursor: Cursor = None) -> schemas.RepList:
    page = router.dependencies.boards.page(None, limit, cursor)
    return schemas.RepList(
        items=on_board(page.rows, router.dependencies.badges, router.dependencies.avatars), next_cursor=page.next_cursor
    )


@router.post(
    "/api/leaderboard/sales-reps",
    summary="Create a rep",
    middlewares=requires("leaderboard"),
    status_code=201,
    responses=responses(schemas.Rep, 201, "The rep is created"),
)
def create_rep(body: schemas.NewRep) -> Response[schemas.Rep]:
    router.dependencies.avatars.check(body.avatar)
    details = {name: getattr(body, name) for name in ("avatar", "team", "user_id") if getattr(body, name) is not None}
    id_ = router.dependencies.rep_ids.new()
    outcome = router.dependencies.reps.create(id_, body.name, details, body.monthly_revenue_goal, body.sent())
    router.trail.targets.append(str(outcome.rep.subject))
    router.trail.trace_id = outcome.rep.trace_id
    return Response(status_code=201, content_type="application/json", body=_rep(outcome.rep, outcome.rank))


@router.get(
    "/api/leaderboard/sales-reps/<rep_id>",
    summary="Get a rep",
    middlewares=requires("leaderboard", "display"),
    responses=responses(schemas.Rep),
)
def read_rep(rep_id: RepId) -> schemas.Rep:
    return _rep(*router.dependencies.reps.get(rep_id))


@router.patch(
    "/api/leaderboard/sales-reps/<rep_id>",
    summary="Change a rep's details or goal",
    middlewares=requires("leaderboard"),
    responses=responses(schemas.Rep),
)
def change_rep(rep_id: RepId, body: schemas.RepChange) -> schemas.Rep:
    router.dependencies.avatars.check(body.avatar)
    sent = {name: getattr(body, name) for name in body.model_fields_set}
    cleared = [GOAL if name == "monthly_revenue_goal" else name for name, value in sent.items() if value is None]
    goal = sent.pop("monthly_revenue_goal", None)
    name = sent.pop("name", None)
    details = {key: value for key, value in sent.items() if value is not None}
    outcome = router.dependencies.reps.update_details(rep_id, name=name, details=details, cleared=cleared, goal=goal)
    router.trail.trace_id = outcome.rep.trace_id
    return _rep(outcome.rep, outcome.rank)


@router.delete(
    "/api/leaderboard/sales-reps/<rep_id>",
    summary="Retire a rep; milestones and past months' boards stay, without a name after a while",
    middlewares=requires("leaderboard"),
    status_code=204,
    responses=responses(None, 204),
)
def retire_rep(rep_id: RepId) -> Response[None]:
    router.dependencies.reps.retire(rep_id)
    return Response(status_code=204, content_type="text/plain")


@router.get(
    "/api/leaderboard/sales-reps/<rep_id>/badges",
    summary="List a rep's badges, newest first",
    middlewares=requires("leaderboard", "display"),
    responses=responses(schemas.RepBadges),
)
def read_badges(rep_id: RepId) -> schemas.RepBadges:
    reading, _ = router.dependencies.reps.get(rep_id)
    earned = router.dependencies.badges.of([reading.subject]).get(reading.subject, [])
    return schemas.RepBadges(items=badge_list(earned), next_cursor=None)


@router.post(
    "/api/leaderboard/sales-reps/<rep_id>/update-stats",
    summary="Update a rep's numbers and return the milestones that this passes",
    middlewares=requires("leaderboard"),
    responses={**responses(schemas.Updated), **conflict("Newer numbers are stored, or the month of `asOf` is over")},
)
def update_stats(rep_id: RepId, body: schemas.StatsUpdate) -> schemas.Updated:
    outcome = router.dependencies.reps.update(rep_id, body.sent(), as_of=body.as_of)
    router.trail.trace_id = outcome.rep.trace_id
    return schemas.Updated(
        rep=_rep(outcome.rep, outcome.rank),
        milestones=milestones(outcome, router.dependencies.rep_rules, router.dependencies.avatars),
        rank_change=outcome.rank_change,
    )


@router.post(
    "/api/leaderboard/bulk-update",
    summary="Apply up to 1,000 updates; each has its own result",
    middlewares=requires("leaderboard"),
    responses=responses(schemas.BulkUpdated),
)
def bulk_update(body: schemas.BulkUpdate) -> schemas.BulkUpdated:
    """Updates of the same rep are applied in the order of the list."""
    dependencies = router.dependencies
    applied = bulk.apply(body.updates, dependencies.reps, partial(router.seconds_left, RESERVE_SECONDS))
    subjects = (str(outcome.rep.subject) for outcome in applied if isinstance(outcome, UpdateResult))
    router.trail.targets += dict.fromkeys(subjects)
    return bulk.response(applied, dependencies.badges, dependencies.rep_rules, dependencies.avatars)


def _rep(reading: Reading, rank: int) -> schemas.Rep:
    earned = router.dependencies.badges.of([reading.subject]).get(reading.subject, [])
    return rep(reading, rank, earned, router.dependencies.avatars)


def _badge(badge: Badge) -> schemas.Badge:
    return schemas.Badge(
        id=badge.id,
        name=badge.name,
        description=badge.description,
        emoji=badge.emoji,
        rule=badge.rule,
        threshold=json_number(badge.threshold),
        active=badge.active,
    )
