"""The routes of agencies and creators: made, changed, retired and brought back, with how far their syncs have come."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from cairn.clock import now
from cairn.creators.agencies import Listed
from cairn.creators.model import Creator
from cairn.errors import NotFoundError
from functions.api.auth import requires
from functions.api.creators import responses as shown
from functions.api.creators import schemas
from functions.api.creators.dependencies import CreatorRegistry
from functions.api.creators.paths import AGENCIES, AGENCY, CREATOR, CREATORS, AgencyId, CreatorId
from functions.api.errors import conflict, responses
from functions.api.milestones.responses import to_schema
from functions.api.milestones.schemas import Milestones
from functions.api.params import Cursor, Limit
from functions.api.routing import Router

router = Router()

Retired = Annotated[bool, Query(description="Also those who are retired.")]
_ELSEWHERE = "Another creator has this account: `details` has their id"


@router.get(
    AGENCIES,
    summary="List the agencies, the oldest first",
    middlewares=requires("analytics"),
    responses=responses(schemas.Agencies),
)
def list_agencies(retired: Retired = False, limit: Limit = 50, cursor: Cursor = None) -> schemas.Agencies:
    found, next_cursor = _registry().agencies.page(limit, cursor, retired=retired)
    return schemas.Agencies(items=[shown.agency(one) for one in found], next_cursor=next_cursor)


@router.post(
    AGENCIES,
    summary="Make an agency, which groups creators",
    middlewares=requires(),
    status_code=201,
    responses=responses(schemas.Agency, 201, "The agency is made"),
)
def make_agency(body: schemas.NewAgency) -> Response[schemas.Agency]:
    made = _registry().agencies.make(body.name, now())
    router.trail.targets.append(f"agency:{made.agency.id}")
    return Response(status_code=201, content_type="application/json", body=shown.agency(made))


@router.get(AGENCY, summary="Get an agency", middlewares=requires("analytics"), responses=responses(schemas.Agency))
def read_agency(agency_id: AgencyId) -> schemas.Agency:
    return shown.agency(_found(_registry().agencies.get(agency_id)))


@router.patch(
    AGENCY, summary="Rename an agency, or bring it back", middlewares=requires(), responses=responses(schemas.Agency)
)
def change_agency(agency_id: AgencyId, body: schemas.AgencyChange) -> schemas.Agency:
    agencies = _registry().agencies
    changed = agencies.get(agency_id)
    if body.name is not None:
        changed = agencies.rename(agency_id, body.name)
    if body.retired is False:
        changed = agencies.bring_back(agency_id)
    return shown.agency(_found(changed))


@router.delete(
    AGENCY,
    summary="Retire an agency",
    middlewares=requires(),
    status_code=204,
    responses={**responses(None, 204), **conflict("It has creators who are not retired")},
)
def retire_agency(agency_id: AgencyId) -> Response[None]:
    _found(_registry().agencies.retire(agency_id, now()))
    return Response(status_code=204, content_type="text/plain")


@router.get(
    CREATORS,
    summary="List the creators, the oldest first, with how far their syncs have come",
    middlewares=requires("analytics"),
    responses=responses(schemas.Creators),
)
def list_creators(
    agency_id: Annotated[
        str | None, Query(alias="agencyId", description="Only those of this agency.", max_length=100)
    ] = None,
    retired: Retired = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> schemas.Creators:
    page = _registry().creators.page(limit, cursor, agency_id=agency_id, retired=retired)
    items = shown.creators(page.items, _registry(), router.dependencies.stats, now())
    return schemas.Creators(items=items, next_cursor=page.next_cursor)


@router.post(
    CREATORS,
    summary="Add a creator; the next sync reads their transactions in silence, as far back as a setting says",
    middlewares=requires(),
    status_code=201,
    responses={**responses(schemas.Creator, 201, "The creator is added"), **conflict(_ELSEWHERE)},
)
def make_creator(body: schemas.NewCreator) -> Response[schemas.Creator]:
    made = _registry().make(
        agency_id=body.agency_id,
        name=body.name,
        platform=body.platform,
        external_id=body.external_id,
        currency=body.currency,
        time_zone=body.time_zone,
        api_key=body.api_key,
        by=router.caller.name,
    )
    router.trail.targets.append(str(made.subject))
    return Response(status_code=201, content_type="application/json", body=_shown(made))


@router.get(
    CREATOR,
    summary="Get a creator, with how far the syncs have come",
    middlewares=requires("analytics"),
    responses=responses(schemas.Creator),
)
def read_creator(creator_id: CreatorId) -> schemas.Creator:
    return _shown(_known(creator_id))


@router.patch(
    CREATOR,
    summary="Change a creator, or bring them back",
    middlewares=requires(),
    responses={**responses(schemas.Creator), **conflict("Transactions are synced, so the currency cannot change")},
)
def change_creator(creator_id: CreatorId, body: schemas.CreatorChange) -> schemas.Creator:
    changed = _registry().creators.change(
        _known(creator_id),
        name=body.name,
        agency_id=body.agency_id,
        currency=body.currency,
        time_zone=body.time_zone,
    )
    if body.retired is False:
        changed = _registry().creators.bring_back(changed)
    return _shown(changed)


@router.delete(
    CREATOR,
    summary="Retire a creator: nothing is fetched any more, and what is known stays",
    middlewares=requires(),
    status_code=204,
    responses=responses(None, 204),
)
def retire_creator(creator_id: CreatorId) -> Response[None]:
    """The creator's own credentials are deleted."""
    _registry().creators.retire(_known(creator_id), now())
    return Response(status_code=204, content_type="text/plain")


@router.get(
    f"{CREATOR}/milestones",
    summary="List a creator's milestones, newest first",
    middlewares=requires("analytics"),
    responses=responses(Milestones),
)
def list_milestones(creator_id: CreatorId, limit: Limit = 50, cursor: Cursor = None) -> Milestones:
    since, until = now() - timedelta(days=36_500), now() + timedelta(minutes=5)
    page = router.dependencies.milestones.page(_known(creator_id).subject, since, until, limit, cursor)
    return Milestones(items=[to_schema(*entry) for entry in page.items], next_cursor=page.next_cursor)


def _registry() -> CreatorRegistry:
    return router.dependencies.creators


def _known(creator_id: str) -> Creator:
    creator = _registry().creators.get(creator_id)
    if creator is None:
        raise NotFoundError(f"there is no creator {creator_id}; GET /api/creators lists them")
    return creator


def _found(listed: Listed | None) -> Listed:
    if listed is None:
        raise NotFoundError("there is no such agency; GET /api/agencies lists them")
    return listed


def _shown(creator: Creator) -> schemas.Creator:
    (one,) = shown.creators([creator], _registry(), router.dependencies.stats, now(), consistent=True)
    return one
