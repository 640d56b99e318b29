"""Many users in one request: each is stored on its own, in parallel, but the changes of one user in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cairn.usage.putting import Change, Putting
from functions.api.bulk import Refused, attempt, in_lanes, no_time
from functions.api.usage import schemas

_USER_ID: TypeAdapter[str] = TypeAdapter(schemas.UserId)


def change_of(body: schemas.UserChange) -> Change:
    """What was sent, null included."""
    return Change(**{name: getattr(body, name) for name in body.model_fields_set if name != "id"})


def apply(
    users: Sequence[Any], putting: Putting, seconds_left: Callable[[], float], *, silent: bool
) -> list[schemas.UserResult]:
    """Store every user; one for whom no time is left gets a 503."""

    def change(user: Any) -> schemas.UserResult | Refused:
        validated = schemas.OneUser.model_validate(user)
        if seconds_left() <= 0:
            return no_time("store this user")
        putting.put(validated.id, change_of(validated), silent=silent)
        return schemas.UserResult(id=validated.id, success=True, status=200)

    def stored(user: Any) -> schemas.UserResult:
        found = attempt(lambda: change(user))
        if isinstance(found, schemas.UserResult):
            return found
        return schemas.UserResult(
            id=_id_of(user), success=False, status=found.status, error=found.message, details=found.details
        )

    return in_lanes(users, "id", stored)


def _id_of(user: Any) -> str | None:
    """The user's id, unless it is invalid: a response repeats nothing that was not validated."""
    try:
        return _USER_ID.validate_python(user["id"])
    except (ValidationError, LookupError, TypeError):
        return None
