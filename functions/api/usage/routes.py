"""The routes of a product's users: who they are, what they did day by day, what they reached, and their erasure."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import partial
from typing import Annotated
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from cairn.clock import now
from cairn.errors import BadInputError, NotFoundError
from cairn.habits.model import from_text
from cairn.model import Reading
from cairn.usage.days import Days
from cairn.usage.events import to_user_id
from cairn.usage.listing import Wanted
from cairn.usage.reading import is_erased, subject_of, user_of
from cairn.usage.representation import day_json
from functions.api.auth import requires
from functions.api.errors import conflict, responses
from functions.api.params import Cursor, Day, Limit
from functions.api.routing import Router
from functions.api.usage import bulk, schemas
from functions.api.usage import responses as shown
from functions.api.usage.dependencies import Usage

router = Router()

UserIdInPath = Annotated[str, Path(description="The product's own id of the user.", max_length=400)]
MAX_DAYS = 400
RESERVE_SECONDS = 5.0
_USERS = "/api/users"
_OF_ONE = f"{_USERS}/<user_id>"
_ERASED = "The user was erased; a person who returns needs another id"


@router.put(
    _OF_ONE,
    summary="Create or change a product's user: only what is sent changes, and null clears",
    middlewares=requires(),
    responses={**responses(schemas.User), **conflict(_ERASED)},
)
def put_user(user_id: UserIdInPath, body: schemas.UserChange) -> schemas.User:
    """In a new time zone days begin from now on; what was counted keeps its day."""
    id_ = to_user_id(unquote(user_id))
    profile, reading = _usage().putting.put(id_, bulk.change_of(body))
    router.trail.trace_id = reading.trace_id
    return shown.user(id_, profile, reading, _usage().rules.rules, now())


@router.put(
    _USERS,
    summary="Create or change up to 500 users; each has its own result",
    middlewares=requires(),
    responses=responses(schemas.UserResults),
)
def put_users(body: schemas.UserChanges) -> schemas.UserResults:
    """Changes of the same user are applied in the order of the list."""
    results = bulk.apply(
        body.users, _usage().putting, partial(router.seconds_left, RESERVE_SECONDS), silent=body.silent
    )
    router.trail.targets += dict.fromkeys(f"user:{one.id}" for one in results if one.success)
    succeeded = sum(one.success for one in results)
    return schemas.UserResults(results=results, succeeded=succeeded, failed=len(results) - succeeded)


@router.get(
    _USERS,
    summary="List a product's users, the last active first",
    middlewares=requires("analytics"),
    responses=responses(schemas.UserList),
)
def list_users(
    search: Annotated[
        str | None, Query(description="A part of the id, the name or the e-mail address.", max_length=200)
    ] = None,
    active_since: Annotated[
        Day | None, Query(alias="activeSince", description="Only those who were active on this day or later.")
    ] = None,
    has_goal: Annotated[bool | None, Query(alias="hasGoal", description="Only those with a goal, or without.")] = None,
    near: Annotated[
        bool, Query(description="Only those of whom a milestone is near: a fifth of it is missing.")
    ] = False,
    time_zone: Annotated[
        str | None, Query(alias="timeZone", description="Only those in this time zone.", max_length=100)
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> schemas.UserList:
    """A request reads at most 1,000 users. Then its page ends, and may be short, or empty, with a cursor."""
    page = _usage().listing.page(Wanted(search, active_since, has_goal, near, time_zone), limit, cursor)
    rules, present = _usage().rules.rules, now()
    items = [shown.user(profile.id, profile, reading, rules, present) for profile, reading in page.items]
    return schemas.UserList(items=items, next_cursor=page.next_cursor)


@router.get(
    _OF_ONE, summary="Get a product's user", middlewares=requires("analytics"), responses=responses(schemas.User)
)
def read_user(user_id: UserIdInPath) -> schemas.User:
    id_, reading = _known(user_id)
    return shown.user(id_, _usage().users.get(id_), reading, _usage().rules.rules, now())


@router.get(
    f"{_OF_ONE}/usage",
    summary="Get what a user did, by local day",
    middlewares=requires("analytics"),
    responses=responses(schemas.Usage),
)
def read_usage(
    user_id: UserIdInPath,
    from_: Annotated[Day | None, Query(alias="from", description="The first day; 30 days by default.")] = None,
    to: Annotated[Day | None, Query(description="The last day; the user's today by default.")] = None,
) -> schemas.Usage:
    """Days of at most 400 days, each with zeros where nothing is known."""
    _, reading = _known(user_id)
    zones = from_text(reading.state).zones
    last = to or zones.day(now())
    first = from_ or date.fromordinal(max(1, last.toordinal() - 29))
    if first > last:
        raise BadInputError("from: must not be later than to")
    if (last - first).days >= MAX_DAYS:
        raise BadInputError(f"from, to: at most {MAX_DAYS} days per request")
    items = [schemas.Day.model_validate(day_json(one)) for one in _days().usage(reading, first, last)]
    return schemas.Usage(time_zone=zones.changes[-1][1], items=items, next_cursor=None)


@router.get(
    "/api/usage/totals",
    summary="Get what all users did, by their local days",
    middlewares=requires("analytics"),
    responses=responses(schemas.Totals),
)
def read_totals(
    from_: Annotated[Day | None, Query(alias="from", description="The first day; 30 days by default.")] = None,
    to: Annotated[Day | None, Query(description="The last day; today's date in UTC by default.")] = None,
) -> schemas.Totals:
    """Days of at most 400 days, each with zeros where nothing was done. Users are counted once an hour."""
    first, last = _days_of(from_, to, now().date())
    found, as_of = _usage().totals.between(first, last)
    items = [
        schemas.DayTotals(
            date=one.day.isoformat(),
            counts=dict(sorted(one.counts.items())),
            imported=dict(sorted(one.imported.items())),
            users=one.users,
            goals=one.goals,
        )
        for one in found
    ]
    return schemas.Totals(as_of=as_of, items=items, next_cursor=None)


@router.get(
    f"{_OF_ONE}/milestones",
    summary="List a user's milestones, newest first, with those that were corrected",
    middlewares=requires("analytics"),
    responses=responses(schemas.Milestones),
)
def list_milestones(user_id: UserIdInPath, limit: Limit = 50, cursor: Cursor = None) -> schemas.Milestones:
    _, reading = _known(user_id)
    since, until = now() - timedelta(days=36_500), now() + timedelta(minutes=5)
    page = router.dependencies.milestones.page(reading.subject, since, until, limit, cursor)
    found = [milestone for milestone, _ in page.items]
    return schemas.Milestones(items=shown.milestones(found, reading, _days(), now()), next_cursor=page.next_cursor)


@router.post(
    f"{_OF_ONE}/freezes",
    summary="Give a user freezes, of which each covers one missed day",
    middlewares=requires(),
    responses={**responses(schemas.Granted), **conflict("Too many, another grant has this id, or the user was erased")},
)
def grant_freezes(user_id: UserIdInPath, body: schemas.NewGrant) -> schemas.Granted:
    id_, _ = _known(user_id)
    grant, reading = _usage().freezes.grant(id_, body.count, body.reason, router.caller.name, body.id)
    router.trail.trace_id = reading.trace_id
    return schemas.Granted(**shown.grant(grant), freezes=user_of(reading, now()).habits.freezes)


@router.get(
    f"{_OF_ONE}/freezes",
    summary="List the freezes that a user was given, and the days that they covered",
    middlewares=requires("analytics"),
    responses=responses(schemas.Freezes),
)
def list_freezes(user_id: UserIdInPath) -> schemas.Freezes:
    return _freezes(*_known(user_id))


@router.get(
    f"{_OF_ONE}/export",
    summary="Export all that is stored of a user",
    middlewares=requires("analytics"),
    responses=responses(schemas.Export),
)
def export_user(user_id: UserIdInPath) -> schemas.Export:
    id_, reading = _known(user_id)
    present = now()
    found = list(router.dependencies.milestones.of(reading.subject))
    return schemas.Export(
        exported_at=present,
        user=read_user(user_id),
        usage=[schemas.Day.model_validate(day_json(one)) for one in _days().all(reading)],
        milestones=shown.milestones(found, reading, _days(), present),
        freezes=_freezes(id_, reading),
        not_included=f"What webhooks sent of the user: ./cairn personal-data export user:{id_}",
    )


@router.delete(
    _OF_ONE,
    summary="Erase a user everywhere; nothing brings them back",
    middlewares=requires(),
    status_code=204,
    responses=responses(None, 204),
)
def erase_user(user_id: UserIdInPath) -> Response[None]:
    """The CRM is told with `user_deleted`. What webhooks sent is erased within the hour, and once more a day later."""
    _usage().erasing.erase(unquote(user_id), partial(router.seconds_left, RESERVE_SECONDS))
    return Response(status_code=204, content_type="text/plain")


def _days_of(from_: date | None, to: date | None, today: date) -> tuple[date, date]:
    """The range of days; BadInputError for one that is reversed or too long."""
    last = to or today
    first = from_ or max(last, date.min + timedelta(days=MAX_DAYS)) - timedelta(days=29)
    if first > last:
        raise BadInputError("from: must not be later than to")
    if (last - first).days >= MAX_DAYS:
        raise BadInputError(f"from, to: at most {MAX_DAYS} days per request")
    return first, last


def _usage() -> Usage:
    return router.dependencies.usage


def _days() -> Days:
    return _usage().days


def _known(user_id: str) -> tuple[str, Reading]:
    """A user's id and stored reading. NotFoundError also for one who was erased."""
    id_ = unquote(user_id)
    reading = router.dependencies.stats.get(subject_of(id_)) if re.fullmatch(schemas.USER_ID, id_) else None
    if reading is None or is_erased(reading):
        raise NotFoundError("there is no such user; GET /api/users lists them")
    return id_, reading


def _freezes(id_: str, reading: Reading) -> schemas.Freezes:
    return schemas.Freezes(
        freezes=user_of(reading, now()).habits.freezes,
        items=[schemas.Grant(**shown.grant(grant)) for grant in _usage().freezes.of(id_)],
        used=[day.isoformat() for day in _days().frozen(reading)],
        next_cursor=None,
    )
