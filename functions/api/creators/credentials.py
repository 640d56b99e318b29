"""The routes of credentials at a platform: given and deleted, and never read back."""

from __future__ import annotations

from collections.abc import Iterable

from aws_lambda_powertools.event_handler import Response

from cairn.creators.credentials import Described
from cairn.errors import BadInputError, NotFoundError
from functions.api.auth import requires
from functions.api.creators import schemas
from functions.api.creators.paths import AGENCY, CREATOR, AgencyId, CreatorId
from functions.api.errors import responses
from functions.api.routing import Router

router = Router()


@router.get(
    f"{AGENCY}/credentials",
    summary="See of which kind an agency's credentials are",
    middlewares=requires(),
    responses=responses(schemas.Credentials),
)
def read_agency_credentials(agency_id: AgencyId) -> schemas.Credentials:
    _require_agency(agency_id)
    return _read(agency_id)


@router.put(
    f"{AGENCY}/credentials",
    summary="Give the credentials that all of an agency's creators use who have none of their own",
    middlewares=requires(),
    responses=responses(schemas.Credentials),
)
def put_agency_credentials(agency_id: AgencyId, body: schemas.NewCredentials) -> schemas.Credentials:
    """Replaces those before; creators whose credentials were refused are tried again at the next run."""
    _require_agency(agency_id)
    creators = router.dependencies.creators.creators
    return _put(agency_id, body, [one.id for one in creators.all(agency_id=agency_id, retired=False)])


@router.delete(
    f"{AGENCY}/credentials",
    summary="Delete an agency's credentials",
    middlewares=requires(),
    status_code=204,
    responses=responses(None, 204),
)
def delete_agency_credentials(agency_id: AgencyId) -> Response[None]:
    _require_agency(agency_id)
    return _delete(agency_id)


@router.get(
    f"{CREATOR}/credentials",
    summary="See of which kind a creator's own credentials are",
    middlewares=requires(),
    responses=responses(schemas.Credentials),
)
def read_creator_credentials(creator_id: CreatorId) -> schemas.Credentials:
    _require_creator(creator_id, retired=True)
    return _read(creator_id)


@router.put(
    f"{CREATOR}/credentials",
    summary="Give a creator credentials of their own",
    middlewares=requires(),
    responses=responses(schemas.Credentials),
)
def put_creator_credentials(creator_id: CreatorId, body: schemas.NewCredentials) -> schemas.Credentials:
    """Replaces those before; a creator whose credentials were refused is tried again at the next run."""
    _require_creator(creator_id, retired=False)
    return _put(creator_id, body, [creator_id])


@router.delete(
    f"{CREATOR}/credentials",
    summary="Delete a creator's own credentials",
    middlewares=requires(),
    status_code=204,
    responses=responses(None, 204),
)
def delete_creator_credentials(creator_id: CreatorId) -> Response[None]:
    """The agency's are used then, or else the deployment's."""
    _require_creator(creator_id, retired=True)
    return _delete(creator_id)


def _read(owner: str) -> schemas.Credentials:
    described = router.dependencies.creators.credentials.describe(owner)
    if described is None:
        raise NotFoundError("there are no credentials; PUT gives some")
    return _shown(described)


def _put(owner: str, body: schemas.NewCredentials, creators: Iterable[str]) -> schemas.Credentials:
    registry = router.dependencies.creators
    described = registry.credentials.put(owner, body.secret(), by=router.caller.name)
    registry.states.try_again(creators)
    return _shown(described)


def _delete(owner: str) -> Response[None]:
    router.dependencies.creators.credentials.delete(owner)
    return Response(status_code=204, content_type="text/plain")


def _shown(described: Described) -> schemas.Credentials:
    return schemas.Credentials(
        kind=described.kind,
        ends=described.ends,
        changed_at=described.changed_at,
        changed_by=described.changed_by,
        rejected=described.rejected,
    )


def _require_agency(agency_id: str) -> None:
    if router.dependencies.creators.agencies.get(agency_id) is None:
        raise NotFoundError("there is no such agency; GET /api/agencies lists them")


def _require_creator(creator_id: str, *, retired: bool) -> None:
    creator = router.dependencies.creators.creators.get(creator_id)
    if creator is None:
        raise NotFoundError(f"there is no creator {creator_id}; GET /api/creators lists them")
    if creator.retired_at and not retired:
        raise BadInputError("the creator is retired: bring them back first")
