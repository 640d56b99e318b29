"""Bulk updates: each is applied on its own, in parallel, but the updates of one rep in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.reps import Reps, UpdateResult
from cairn.rules.ladder import Ladder
from functions.api.bulk import Refused, attempt, in_lanes, no_time
from functions.api.leaderboard import responses, schemas

_REP_ID: TypeAdapter[int] = TypeAdapter(schemas.RepId)

Applied = UpdateResult | schemas.BulkResult
"""The outcome of one update: its result, or the error to return for it."""


def apply(updates: Sequence[Any], reps: Reps, seconds_left: Callable[[], float]) -> list[Applied]:
    """Apply every update, those of one rep in order; an update for which no time is left gets a 503."""

    def change(update: Any) -> UpdateResult | Refused:
        validated = schemas.OneUpdate.model_validate(update)
        if seconds_left() <= 0:
            return no_time("apply this update")
        return reps.update(validated.rep_id, validated.stats.sent(), as_of=validated.stats.as_of)

    def applied(update: Any) -> Applied:
        found = attempt(lambda: change(update))
        if isinstance(found, UpdateResult):
            return found
        return schemas.BulkResult(
            rep_id=_id_of(update), success=False, status=found.status, error=found.message, details=found.details
        )

    return in_lanes(updates, "repId", applied)


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


def _id_of(update: Any) -> int | None:
    """The rep's id, unless it is invalid: a response repeats nothing that was not validated."""
    try:
        return _REP_ID.validate_python(update["repId"])
    except (ValidationError, LookupError, TypeError):
        return None
