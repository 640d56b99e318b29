"""Many users in one request: each is stored on its own, in parallel, but the changes of one user in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cairn.errors import CairnError
from cairn.usage.putting import Change, Putting
from functions.api.errors import describe, log_unexpected
from functions.api.usage import schemas

CONCURRENCY = 8
"""Users that are stored in parallel; each mostly waits for DynamoDB."""
_USER_ID: TypeAdapter[str] = TypeAdapter(schemas.UserId)


def change_of(body: schemas.UserChange) -> Change:
    """What was sent, null included."""
    return Change(**{name: getattr(body, name) for name in body.model_fields_set if name != "id"})


def apply(
    users: Sequence[Any], putting: Putting, seconds_left: Callable[[], float], *, silent: bool
) -> list[schemas.UserResult]:
    """Store every user; one for whom no time is left gets a 503."""
    numbered = list(enumerate(users))
    lanes = [list(lane) for _, lane in groupby(sorted(numbered, key=_user_of), key=_user_of)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        lane = partial(_apply_lane, putting=putting, seconds_left=seconds_left, silent=silent)
        applied = dict(numbered_result for results in pool.map(lane, lanes) for numbered_result in results)
    return [applied[number] for number, _ in numbered]


def _user_of(numbered: tuple[int, Any]) -> str:
    return str(numbered[1].get("id") if isinstance(numbered[1], dict) else None)


def _apply_lane(
    lane: Sequence[tuple[int, Any]], *, putting: Putting, seconds_left: Callable[[], float], silent: bool
) -> list[tuple[int, schemas.UserResult]]:
    return [(number, _apply(user, putting, seconds_left, silent)) for number, user in lane]


def _apply(user: Any, putting: Putting, seconds_left: Callable[[], float], silent: bool) -> schemas.UserResult:
    try:
        validated = schemas.OneUser.model_validate(user)
        if seconds_left() > 0:
            putting.put(validated.id, change_of(validated), silent=silent)
            return schemas.UserResult(id=validated.id, success=True, status=200)
        status, message, details = 503, "no time was left to store this user", list[dict[str, str]]()
    except ValidationError as error:
        status, (message, details) = 400, describe(error.errors())
    except CairnError as error:
        status, message, details = error.status, error.message, []
    except Exception as error:  # noqa: BLE001 - one user's unexpected error stops only that user
        status, message, details = 500, log_unexpected(error), []
    return schemas.UserResult(id=_id_of(user), success=False, status=status, error=message, details=details)


def _id_of(user: Any) -> str | None:
    """The user's id, unless it is invalid: a response repeats nothing that was not validated."""
    try:
        return _USER_ID.validate_python(user["id"])
    except (ValidationError, LookupError, TypeError):
        return None
