"""The reps' routes. A rep is one item: what is answered here are the very images that the stream will bring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import LambdaFunctionUrlRouter
from pydantic import ValidationError

from cairn.badges import Earned
from cairn.boards import Place
from cairn.errors import CairnError
from cairn.instants import iso
from cairn.model import Reading, Subject
from cairn.reps import GOAL, Outcome
from cairn.sales_floor import milestone_json, place_json, rep_json
from functions.api import parts
from functions.api import sales_bodies as bodies
from functions.api.channels import Cursor, Limit
from functions.api.gate import requires
from functions.api.refusals import answers, broken_item, faults

router = LambdaFunctionUrlRouter()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped

RepId = Annotated[int, Path(description="The rep's id.", ge=1, le=10**15 - 1)]
AT_ONCE = 8
"""Updates of a bulk that are made beside each other; each waits mostly for DynamoDB."""
RESERVE_SECONDS = 5.0
"""What a bulk leaves of its time: updates not begun by then are answered as not made."""


@router.get(
    "/api/leaderboard/sales-reps",
    summary="The reps, the best of the month first",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.RepList),
)
def list_reps(limit: Limit = 50, cursor: Cursor = None) -> bodies.RepList:
    page = parts.boards().page(None, limit, cursor)
    return bodies.RepList(items=on_board(page.places), next_cursor=page.next_cursor)


@router.post(
    "/api/leaderboard/sales-reps",
    summary="A new rep",
    middlewares=requires("leaderboard"),
    status_code=201,
    responses=answers(bodies.Rep, 201, "Made"),
)
def create_rep(body: bodies.NewRep) -> Response[bodies.Rep]:
    described = {name: getattr(body, name) for name in ("avatar", "team", "user_id") if getattr(body, name) is not None}
    outcome = parts.reps().create(body.name, described, body.monthly_revenue_goal, body.given())
    return Response(status_code=201, content_type="application/json", body=_rep(outcome.rep, outcome.rank))


@router.get(
    "/api/leaderboard/sales-reps/<rep_id>",
    summary="A rep",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.Rep),
)
def read_rep(rep_id: RepId) -> bodies.Rep:
    return _rep(*parts.reps().get(rep_id))


@router.patch(
    "/api/leaderboard/sales-reps/<rep_id>",
    summary="Change what is said of a rep, or the goal",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.Rep),
)
def change_rep(rep_id: RepId, body: bodies.RepChange) -> bodies.Rep:
    sent = {name: getattr(body, name) for name in body.model_fields_set}
    cleared = [GOAL if name == "monthly_revenue_goal" else name for name, value in sent.items() if value is None]
    goal = sent.pop("monthly_revenue_goal", None)
    name = sent.pop("name", None)
    described = {key: value for key, value in sent.items() if value is not None}
    outcome = parts.reps().describe(rep_id, name=name, described=described, cleared=cleared, goal=goal)
    return _rep(outcome.rep, outcome.rank)


@router.delete(
    "/api/leaderboard/sales-reps/<rep_id>",
    summary="Retire a rep; what they passed, and past months' boards, stay",
    middlewares=requires("leaderboard"),
    status_code=204,
    responses=answers(None, 204),
)
def retire_rep(rep_id: RepId) -> Response[None]:
    parts.reps().retire(rep_id)
    return Response(status_code=204, content_type="text/plain")


@router.get(
    "/api/leaderboard/sales-reps/<rep_id>/badges",
    summary="A rep's badges, the newest first",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.RepBadges),
)
def read_badges(rep_id: RepId) -> bodies.RepBadges:
    rep, _ = parts.reps().get(rep_id)
    return bodies.RepBadges(items=_badges(_earned([rep.subject]), rep.subject), next_cursor=None)


@router.post(
    "/api/leaderboard/sales-reps/<rep_id>/update-stats",
    summary="New numbers of a rep, and what they pass with them",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.Updated),
)
def update_stats(rep_id: RepId, body: bodies.StatsUpdate) -> bodies.Updated:
    outcome = parts.reps().update(rep_id, body.given())
    rep = _rep(outcome.rep, outcome.rank)
    return bodies.Updated(rep=rep, milestones=_milestones(outcome), rank_change=outcome.rank_change)


@router.post(
    "/api/leaderboard/bulk-update",
    summary="Up to 1,000 updates; each is answered by itself",
    middlewares=requires("leaderboard"),
    responses=answers(bodies.BulkUpdated),
)
def bulk_update(body: bodies.BulkUpdate) -> bodies.BulkUpdated:
    """Updates of one rep are made in the order in which they stand."""
    parts.reps()  # made once, before the threads want it
    numbered = list(enumerate(body.updates))
    lanes = [list(lane) for _, lane in groupby(sorted(numbered, key=_rep_of), key=_rep_of)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = dict(one for lane in pool.map(_lane, lanes) for one in lane)
    earned = _earned(list({one.rep.subject for one in made.values() if isinstance(one, Outcome)}))
    results = [_result(made[number], earned) for number, _ in numbered]
    succeeded = sum(result.success for result in results)
    return bodies.BulkUpdated(results=results, succeeded=succeeded, failed=len(results) - succeeded)


def _rep_of(numbered: tuple[int, Any]) -> str:
    return str(numbered[1].get("repId") if isinstance(numbered[1], dict) else None)


def _lane(lane: Sequence[tuple[int, Any]]) -> list[tuple[int, Outcome | bodies.BulkResult]]:
    return [(number, _one(update)) for number, update in lane]


def _one(update: Any) -> Outcome | bodies.BulkResult:
    rep_id = update.get("repId") if isinstance(update, dict) else None
    try:
        one = bodies.OneUpdate.model_validate(update)
        if _seconds_left() > 0:
            return parts.reps().update(one.rep_id, one.stats.given())
        status, message, details = 503, "there was no time left for this one", list[dict[str, str]]()
    except ValidationError as error:
        status, (message, details) = 400, faults(error.errors())
    except CairnError as error:
        status, message, details = error.status, error.message, []
    except Exception as error:  # noqa: BLE001 - a surprise with one update spoils no other
        status, message, details = 500, broken_item(error), []
    return bodies.BulkResult(rep_id=rep_id, success=False, status=status, error=message, details=details)


def _result(made: Outcome | bodies.BulkResult, earned: dict[Subject, list[Earned]]) -> bodies.BulkResult:
    if isinstance(made, bodies.BulkResult):
        return made
    return bodies.BulkResult(
        rep_id=int(made.rep.subject.id),
        success=True,
        rep=_with_badges(made.rep, made.rank, _badges(earned, made.rep.subject)),
        milestones=_milestones(made),
        rank_change=made.rank_change,
    )


def on_board(places: Iterable[Place]) -> list[bodies.Rep]:
    """Places with their badges."""
    rows = list(places)
    earned = _earned([place.row.subject for place in rows])
    return [
        bodies.Rep.model_validate({**place_json(place), "badges": _badges(earned, place.row.subject)}) for place in rows
    ]


def _milestones(outcome: Outcome) -> list[bodies.RepMilestone]:
    told = [milestone_json(one, parts.words(one)) for one in outcome.milestones]
    return [bodies.RepMilestone.model_validate(one) for one in told]


def _rep(rep: Reading, rank: int) -> bodies.Rep:
    return _with_badges(rep, rank, _badges(_earned([rep.subject]), rep.subject))


def _with_badges(rep: Reading, rank: int, badges: list[bodies.RepBadge]) -> bodies.Rep:
    shown = rep_json(rep.subject.id, rep.name, rep.metrics, rep.details)
    return bodies.Rep.model_validate({**shown, "rank": rank, "badges": badges, "asOf": iso(rep.as_of)})


def _earned(subjects: Sequence[Subject]) -> dict[Subject, list[Earned]]:
    return parts.badges().of(subjects)


def _badges(earned: dict[Subject, list[Earned]], subject: Subject) -> list[bodies.RepBadge]:
    return [
        bodies.RepBadge(id=one.id, name=one.name, emoji=one.emoji, awarded_at=one.at) for one in earned.get(subject, [])
    ]


def _seconds_left() -> float:
    return float(router.lambda_context.get_remaining_time_in_millis()) / 1000 - RESERVE_SECONDS
