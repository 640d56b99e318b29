"""Views of the CRMs, and changes to them. A secret goes in and never comes out."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from local.sandbox.control.parsing import ControlError, query_number
from local.sandbox.control.schemas import CrmBody, CrmFailureBody, Nothing
from local.sandbox.crm import CRM_NAME, Crm, CrmFailure, Delivery, TooManyCrmsError, key_of
from local.sandbox.world import World


async def get_crm(world: World, request: Request, _: Nothing) -> object:
    crm = world.crms.find(name_of(request))
    after, webhook_id = query_number(request, "after"), request.query_params.get("webhook_id")
    found = [
        delivery_view(one)
        for one in crm.deliveries
        if (after is None or one.number > after) and (webhook_id is None or one.webhook_id == webhook_id)
    ]
    return {**crm_view(world, crm), "deliveries": found}


async def put_crm(world: World, request: Request, body: CrmBody) -> object:
    if body.secret is not None:
        try:
            key_of(body.secret)
        except ValueError as error:
            raise ControlError(400, f"secret: {error}") from None
    crm = crm_of(world, request)
    crm.secret = body.secret
    return crm_view(world, crm)


async def fail_crm(world: World, request: Request, body: CrmFailureBody) -> object:
    crm = crm_of(world, request)
    until = None if body.seconds is None else world.clock.now() + body.seconds
    crm.failure = CrmFailure(
        mode=body.mode,
        status=body.status,
        retry_after=body.retry_after,
        retry_after_as=body.retry_after_as,
        percent=body.percent,
        until=until,
        requests_left=body.requests,
        delay=body.delay,
    )
    return crm_view(world, crm)


async def end_crm_failure(world: World, request: Request, _: Nothing) -> object:
    crm = crm_of(world, request)
    crm.failure = None
    return crm_view(world, crm)


def name_of(request: Request) -> str:
    name = str(request.path_params["name"])
    if not CRM_NAME.fullmatch(name):
        raise ControlError(404, "a CRM's name has up to 40 lower-case letters, digits and hyphens")
    return name


def crm_of(world: World, request: Request) -> Crm:
    try:
        return world.crms.named(name_of(request))
    except TooManyCrmsError as error:
        raise ControlError(409, str(error)) from None


def crm_view(world: World, crm: Crm) -> dict[str, Any]:
    failure = world.crms.failure(crm)
    return {
        "name": crm.name,
        "path": f"/crm/{crm.name}",
        "secret_known": crm.secret is not None,
        "received": crm.received,
        "failure": None if failure is None else asdict(failure),
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    mail = delivery.mail and asdict(delivery.mail)
    return {**asdict(delivery), "type": delivery.type, "verified": delivery.problem is None, "mail": mail}
