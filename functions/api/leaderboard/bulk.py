"""Bulk updates: each is applied by itself and in parallel, those of one rep in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from cairn.errors import CairnError
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.reps import Reps, UpdateResult
from cairn.rules.ladder import Ladder
from functions.api.errors import broken_item, faults
from functions.api.leaderboard import responses, schemas

CONCURRENCY = 8
"""Updates that are applied in parallel; each waits mostly for DynamoDB."""

Applied = UpdateResult | schemas.BulkResult
"""What became of one update: its result, or the error that is answered for it."""


def apply(updates: Sequence[Any], reps: Reps, seconds_left: Callable[[], float]) -> list[Applied]:
    """Apply every update, in the order of the updates for each rep; an update without time left is answered 503."""
    numbered = list(enumerate(updates))
    lanes = [list(lane) for _, lane in groupby(sorted(numbered, key=_rep_of), key=_rep_of)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        lane = partial(_apply_lane, reps=reps, seconds_left=seconds_left)
        applied = dict(one for results in pool.map(lane, lanes) for one in results)
    return [applied[number] for number, _ in numbered]


def answer(applied: Sequence[Applied], badges: Badges, rules: Mapping[str, Ladder]) -> schemas.BulkUpdated:
    """The answer to a bulk; `rules` are those of reps, by name."""
    earned = badges.of(list({one.rep.subject for one in applied if isinstance(one, UpdateResult)}))
    results = [
        one
        if isinstance(one, schemas.BulkResult)
        else schemas.BulkResult(
            rep_id=int(one.rep.subject.id),
            success=True,
            rep=responses.rep(one.rep, one.rank, earned.get(one.rep.subject, [])),
            milestones=responses.milestones(one, rules),
            rank_change=one.rank_change,
        )
        for one in applied
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
    rep_id = update.get("repId") if isinstance(update, dict) else None
    try:
        one = schemas.OneUpdate.model_validate(update)
        if seconds_left() > 0:
            return reps.update(one.rep_id, one.stats.given())
        status, message, details = 503, "there was no time left for this update", list[dict[str, str]]()
    except ValidationError as error:
        status, (message, details) = 400, faults(error.errors())
    except CairnError as error:
        status, message, details = error.status, error.message, []
    except Exception as error:  # noqa: BLE001 - one update's unexpected error stops only that update
        status, message, details = 500, broken_item(error), []
    return schemas.BulkResult(rep_id=rep_id, success=False, status=status, error=message, details=details)
