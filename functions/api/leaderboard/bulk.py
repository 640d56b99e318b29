"""Bulk updates: each is applied on its own, in parallel, but the updates of one rep in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cairn.errors import CairnError
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.reps import Reps, UpdateResult
from cairn.rules.ladder import Ladder
from functions.api.errors import describe, log_unexpected
from functions.api.leaderboard import responses, schemas

CONCURRENCY = 8
"""Updates that are applied in parallel; each mostly waits for DynamoDB."""

_REP_ID: TypeAdapter[int] = TypeAdapter(schemas.RepId)

Applied = UpdateResult | schemas.BulkResult
"""The outcome of one update: its result, or the error to return for it."""


def apply(updates: Sequence[Any], reps: Reps, seconds_left: Callable[[], float]) -> list[Applied]:
    """Apply every update, those of one rep in order; an update for which no time is left gets a 503."""
    numbered = list(enumerate(updates))
    lanes = [list(lane) for _, lane in groupby(sorted(numbered, key=_rep_of), key=_rep_of)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        lane = partial(_apply_lane, reps=reps, seconds_left=seconds_left)
        applied = dict(numbered_result for results in pool.map(lane, lanes) for numbered_result in results)
    return [applied[number] for number, _ in numbered]


def response(
    applied: Sequence[Applied], badges: Badges, rules: Mapping[str, Ladder], avatars: Avatars
) -> schemas.BulkUpdated:
    """The response to a bulk update; `rules` are those of reps, by name."""
    earned = badges.of(list({outcome.rep.subject for outcome in applied if isinstance(outcome, UpdateResult)}))
    results = [
        outcome
        if isinstance(outcome, schemas.BulkResult)
        else schemas.BulkResult(
            rep_id=int(outcome.rep.subject.id),
            success=True,
            rep=responses.rep(outcome.rep, outcome.rank, earned.get(outcome.rep.subject, []), avatars),
            milestones=responses.milestones(outcome, rules, avatars),
            rank_change=outcome.rank_change,
        )
        for outcome in applied
    ]
    succeeded = sum(result.success for result in results)
    return schemas.BulkUpdated(results=results, succeeded=succeeded, failed=len(results) - succeeded)


def _rep_of(numbered: tuple[int, Any]) -> str:
    return str(numbered[1].get("repId") if isinstance(numbered[1], dict) else None)


def _apply_lane(
    lane: Sequence[tuple[int, Any]], *, reps: Reps, seconds_left: Callable[[], float]
) -> list[tuple[int, Applied]]:
    return [(number, _apply(update, reps, seconds_left)) for number, update in lane]


def _apply(update: Any, reps: Reps, seconds_left: Callable[[], float]) -> Applied:
    try:
        validated = schemas.OneUpdate.model_validate(update)
        if seconds_left() > 0:
            return reps.update(validated.rep_id, validated.stats.sent(), as_of=validated.stats.as_of)
        status, message, details = 503, "no time was left to apply this update", list[dict[str, str]]()
    except ValidationError as error:
        status, (message, details) = 400, describe(error.errors())
    except CairnError as error:
        status, message, details = error.status, error.message, []
    except Exception as error:  # noqa: BLE001 - one update's unexpected error stops only that update
        status, message, details = 500, log_unexpected(error), []
    return schemas.BulkResult(rep_id=_id_of(update), success=False, status=status, error=message, details=details)


def _id_of(update: Any) -> int | None:
    """The rep's id, unless it is invalid: a response repeats nothing that was not validated."""
    try:
        return _REP_ID.validate_python(update["repId"])
    except (ValidationError, LookupError, TypeError):
        return None
