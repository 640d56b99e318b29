"""The Sync Data button: all creators' transactions and audiences now, or one's; a second press joins the first."""

from __future__ import annotations

import secrets

from aws_lambda_powertools.event_handler import Response

from cairn.clock import now, to_millis
from cairn.creators.audiences import batches_of
from cairn.creators.runs import Run
from cairn.errors import BadInputError, NotFoundError
from cairn.messages import SyncRun
from cairn.model import new_trace_id
from functions.api.analytics import sync_schemas as schemas
from functions.api.analytics.dependencies import CreatorAnalytics
from functions.api.auth import requires
from functions.api.errors import responses
from functions.api.routing import Router

router = Router()


@router.post(
    "/api/analytics/sync",
    summary="Bring the transactions of all creators now, or of one",
    description="Answers at once; `GET /api/analytics/sync` says how far it is. A request while one runs joins it. "
    "Audiences that are half a minute old are fetched, too; `GET /api/creators` says how old they are.",
    middlewares=requires("analytics"),
    status_code=202,
    responses=responses(schemas.SyncRun, 202, "The sync runs"),
)
def start_sync(body: schemas.NewSync) -> Response[schemas.SyncRun]:
    analytics = _analytics()
    creators = [one.id for one in analytics.creators.all(retired=False) if body.creator_id in (None, one.id)]
    if body.creator_id and not creators:
        raise BadInputError(f"creatorId: there is no creator {body.creator_id} who is not retired")
    run_id = f"{to_millis(now()):012x}{secrets.token_hex(4)}"
    run, joined = analytics.runs.start(run_id, creators=len(creators), creator=body.creator_id)
    # Also for one that is joined: the request that started it may have died before this.
    if run.creators and run.finished_at is None:
        analytics.queue.send([SyncRun(run.id, new_trace_id())])
        analytics.fetch_queue.send(batches_of(creators, "request"))
    router.trail.targets.append(f"sync:{run.id}")
    return Response(status_code=202, content_type="application/json", body=_shown(run, joined=joined))


@router.get(
    "/api/analytics/sync",
    summary="Get the last sync that somebody asked for",
    middlewares=requires("analytics"),
    responses=responses(schemas.SyncRun),
)
def read_last_sync() -> schemas.SyncRun:
    run = _analytics().runs.current()
    if run is None:
        raise NotFoundError("nobody has asked for a sync lately")
    return _shown(run)


@router.get(
    "/api/analytics/sync/<run_id>",
    summary="Get a sync that somebody asked for",
    middlewares=requires("analytics"),
    responses=responses(schemas.SyncRun),
)
def read_sync(run_id: schemas.RunId) -> schemas.SyncRun:
    run = _analytics().runs.get(run_id)
    if run is None:
        raise NotFoundError(f"there is no sync {run_id}; it is forgotten after a week")
    return _shown(run)


def _shown(run: Run, *, joined: bool = False) -> schemas.SyncRun:
    return schemas.SyncRun(
        id=run.id,
        joined=joined,
        state="running" if run.is_running(now()) else "done",
        started_at=run.started_at,
        finished_at=run.finished_at,
        creators=schemas.SyncedCreators(
            total=run.creators,
            done=run.counts.get("done", 0),
            failed=run.counts.get("failed", 0),
            skipped=run.counts.get("skipped", 0),
        ),
        errors=[
            schemas.SyncError(creator_id=one.creator, name=one.name, code=one.code, message=one.message)
            for one in run.synced
            if one.result == "failed"
        ],
    )


def _analytics() -> CreatorAnalytics:
    return router.dependencies.creator_analytics
