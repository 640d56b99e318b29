"""The routes of the settings that a person changes while Cairn runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cairn.workspace.changes import change_of, notes
from cairn.workspace.document import SETTINGS, Workspace, plain
from functions.api.auth import requires
from functions.api.errors import conflict, responses
from functions.api.params import Cursor, Limit
from functions.api.routing import Router
from functions.api.workspace import schemas

router = Router()
_CONFLICT = "Somebody else saved a version meanwhile; look at it first"


@router.get(
    "/api/settings",
    summary="Show the settings, and which version of them holds",
    middlewares=requires(),
    responses=responses(schemas.Settings),
)
def show() -> schemas.Settings:
    return _to_schema(router.dependencies.workspaces.latest())


@router.patch(
    "/api/settings",
    summary="Change settings; every function follows within a minute",
    middlewares=requires(),
    responses={**responses(schemas.Settings), **conflict(_CONFLICT)},
)
def change(body: schemas.Changes) -> schemas.Settings:
    router.trail.targets += [f"setting:{name}" for name in body.changes]
    workspaces = router.dependencies.workspaces
    made = workspaces.save(body.version, body.changes, by=_caller(), reason=body.reason)
    return _saved(made)


@router.post(
    "/api/settings/undo",
    summary="Take back what a version changed, and nothing that others changed",
    middlewares=requires(),
    responses={**responses(schemas.Settings), **conflict("One of the same settings was changed again since")},
)
def undo(body: schemas.Undo) -> schemas.Settings:
    router.trail.targets.append(f"version:{body.version}")
    return _saved(router.dependencies.workspaces.undo(body.version, by=_caller(), reason=body.reason))


@router.get(
    "/api/settings/history",
    summary="List the versions of the settings, newest first, and what each changed",
    middlewares=requires(),
    responses=responses(schemas.History),
)
def history(limit: Limit = 50, cursor: Cursor = None) -> schemas.History:
    workspaces = router.dependencies.workspaces
    versions, next_cursor = workspaces.history(limit, cursor)
    items = []
    for made in versions:
        before = workspaces.at(made.version - 1) if made.version > 1 else None
        items.append(
            schemas.Version(
                version=made.version,
                changed_at=made.changed_at,
                changed_by=made.changed_by,
                reason=made.reason,
                changes=[schemas.Change(**change) for change in change_of(before, made)],
            )
        )
    return schemas.History(items=items, next_cursor=next_cursor)


def _saved(made: Workspace) -> schemas.Settings:
    router.trail.targets.append(f"version:{made.version}")
    return _to_schema(made, notes(router.dependencies.workspaces.at(made.version - 1), made))


def _caller() -> str:
    actor = router.trail.actor
    return f"{actor.kind}:{actor.name or actor.id}"


def _to_schema(made: Workspace, notes: Sequence[str] = ()) -> schemas.Settings:
    return schemas.Settings(
        version=made.version,
        changed_at=made.changed_at,
        changed_by=made.changed_by,
        reason=made.reason,
        items=[_setting(made, name) for name in SETTINGS],
        notes=list(notes),
    )


def _setting(made: Workspace, name: str) -> schemas.Setting:
    setting = SETTINGS[name]
    value: Any = plain(getattr(made, name))
    return schemas.Setting(
        name=name, value=value, default=plain(setting.default), words=setting.words, set_by_somebody=name in made.given
    )
