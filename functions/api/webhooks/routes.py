"""The routes of webhook endpoints: made, changed, tested, paused, and sent again what they missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from cairn.clock import now
from cairn.errors import NotFoundError
from cairn.messages import WebhookReplay
from cairn.webhooks import formats
from cairn.webhooks.catalogue import check_type
from cairn.webhooks.model import EVERYTHING, RETENTION, Endpoint, message_id
from functions.api.auth import requires
from functions.api.errors import conflict, responses
from functions.api.params import time_range
from functions.api.routing import Router
from functions.api.webhooks import responses as shown
from functions.api.webhooks import schemas

router = Router()

EndpointId = Annotated[
    str, Path(description="The endpoint's id.", pattern=r"^ep_[0-9a-v]{12}$", examples=["ep_1a2b3c4d5e6f"])
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        description="Any text of yours. A repeat with the same one makes no second endpoint, and for 24 hours gets the "
        "same answer. Without it, a request for what another endpoint receives already gets 409.",
        max_length=200,
    ),
]
MOST_COUNTED = 5000
"""Messages that are counted before they are sent again, at most."""
_ENDPOINTS = "/api/webhooks/endpoints"
_OF_ONE = f"{_ENDPOINTS}/<endpoint_id>"


@router.get(
    _ENDPOINTS,
    summary="List the webhook endpoints, the oldest first",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Endpoints),
)
def list_endpoints() -> schemas.Endpoints:
    """All of them: there are at most 100."""
    endpoints = router.dependencies.webhooks.endpoints
    items = [shown.endpoint(one, endpoints, now()) for one in endpoints.all(consistent=True)]
    return schemas.Endpoints(items=items, next_cursor=None)


@router.post(
    _ENDPOINTS,
    summary="Create an endpoint; the answer has its signing secret, which is never shown again",
    middlewares=requires("webhooks"),
    status_code=201,
    responses={
        **responses(schemas.EndpointWithSecret, 201, "The endpoint is created"),
        **conflict("An endpoint receives the same already, or there are too many"),
    },
)
def create_endpoint(
    body: schemas.NewEndpoint, idempotency_key: IdempotencyKey = None
) -> Response[schemas.EndpointWithSecret]:
    made = router.dependencies.webhooks.management.create(body, router.caller.name, idempotency_key)
    router.trail.targets.append(f"endpoint:{made.id}")
    return Response(status_code=201, content_type="application/json", body=shown.endpoint_with_secret(made, now()))


@router.get(_OF_ONE, summary="Get an endpoint", middlewares=requires("webhooks"), responses=responses(schemas.Endpoint))
def read_endpoint(endpoint_id: EndpointId) -> schemas.Endpoint:
    return _shown(router.dependencies.webhooks.management.get(endpoint_id))


@router.patch(
    _OF_ONE,
    summary="Change an endpoint",
    middlewares=requires("webhooks"),
    responses={**responses(schemas.Endpoint), **conflict("Somebody has changed the version that was seen")},
)
def change_endpoint(endpoint_id: EndpointId, body: schemas.EndpointChange) -> schemas.Endpoint:
    return _shown(router.dependencies.webhooks.management.change(endpoint_id, body))


@router.delete(
    _OF_ONE,
    summary="Delete an endpoint; what it has not been sent yet is dropped",
    middlewares=requires("webhooks"),
    status_code=204,
    responses=responses(None, 204),
)
def delete_endpoint(endpoint_id: EndpointId) -> Response[None]:
    if not router.dependencies.webhooks.endpoints.delete(endpoint_id):
        raise NotFoundError(f"there is no endpoint {endpoint_id}")
    return Response(status_code=204, content_type="text/plain")


@router.post(
    f"{_OF_ONE}/rotate",
    summary="Give an endpoint a new secret; the old one signs, too, for 24 hours",
    middlewares=requires("webhooks"),
    responses={**responses(schemas.EndpointWithSecret), **conflict("Five secrets are in use")},
)
def rotate_secret(endpoint_id: EndpointId) -> schemas.EndpointWithSecret:
    return shown.endpoint_with_secret(router.dependencies.webhooks.management.rotate(endpoint_id), now())


@router.post(
    f"{_OF_ONE}/test",
    summary="Send an example to an endpoint, at once, as other messages are sent",
    middlewares=requires("webhooks"),
    status_code=202,
    responses=responses(schemas.Accepted, 202, "It is queued"),
)
def send_sample(endpoint_id: EndpointId, body: schemas.Test | None = None) -> Response[schemas.Accepted]:
    """It is sent to a paused or failing endpoint, too, so that one can try before one resumes."""
    endpoint = router.dependencies.webhooks.management.get(endpoint_id)
    type_ = body.type if body else None
    if type_ is not None:
        check_type(type_)
    event = router.dependencies.webhooks.resending.sample(formats.sample(type_, endpoint, now()), endpoint)
    return _accepted(message_id(event.key, endpoint.id))


@router.post(
    f"{_OF_ONE}/pause",
    summary="Send an endpoint nothing until it is resumed; what happens meanwhile is kept",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Endpoint),
)
def pause_endpoint(endpoint_id: EndpointId) -> schemas.Endpoint:
    return _shown(_found(router.dependencies.webhooks.endpoints.pause(endpoint_id), endpoint_id))


@router.post(
    f"{_OF_ONE}/resume",
    summary="Send an endpoint messages again, and what was kept for it; a disabled one starts afresh",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Endpoint),
)
def resume_endpoint(endpoint_id: EndpointId) -> schemas.Endpoint:
    return _shown(_found(router.dependencies.webhooks.endpoints.resume(endpoint_id), endpoint_id))


@router.post(
    f"{_OF_ONE}/recover",
    summary="Send again what failed and was not delivered since",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Resent),
)
def recover(endpoint_id: EndpointId, body: schemas.Recover | None = None) -> schemas.Resent:
    endpoint = router.dependencies.webhooks.management.get(endpoint_id)
    wanted = _replay(endpoint, failed_only=True, since=now() - RETENTION, before=now())
    return _again(endpoint, wanted, dry_run=bool(body and body.dry_run))


@router.post(
    f"{_OF_ONE}/replay",
    summary="Send again the events of a range of time, delivered or not; with `dryRun`, only count them",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Resent),
)
def replay(endpoint_id: EndpointId, body: schemas.Replay) -> schemas.Resent:
    """All that the endpoint wants now, also of the time before it was made."""
    endpoint = router.dependencies.webhooks.management.get(endpoint_id)
    since, before = time_range(body.from_, body.to, now(), timedelta(0))
    types = tuple(one for one in dict.fromkeys(body.events or ()) if one != EVERYTHING)
    for type_ in types:
        check_type(type_)
    everything = body.events is not None and EVERYTHING in body.events
    wanted = _replay(
        endpoint,
        since=min(max(since, now() - RETENTION), before, now()),
        before=min(before, now()),
        event_types=() if everything else types,
    )
    return _again(endpoint, wanted, dry_run=body.dry_run)


def _replay(endpoint: Endpoint, *, failed_only: bool = False, **what: Any) -> WebhookReplay:
    request = uuid4().hex
    given = {"event_types": ()} | what
    return WebhookReplay(
        endpoint=endpoint.id, request=request, failed_only=failed_only, after="", trace_id=request, **given
    )


def _again(endpoint: Endpoint, wanted: WebhookReplay, *, dry_run: bool) -> schemas.Resent:
    """Counts and, unless it is a dry run, queues. A disabled endpoint would be sent nothing: it is resumed first."""
    resending = router.dependencies.webhooks.resending
    messages = resending.count(endpoint, wanted, MOST_COUNTED)
    if messages and not dry_run:
        resending.start(endpoint, wanted)
        router.trail.trace_id = wanted.trace_id
    return schemas.Resent(messages=messages, at_least=messages >= MOST_COUNTED, dry_run=dry_run)


def _accepted(id_: str) -> Response[schemas.Accepted]:
    router.trail.targets.append(f"message:{id_}")
    return Response(status_code=202, content_type="application/json", body=schemas.Accepted(id=id_))


def _found(endpoint: Endpoint | None, endpoint_id: str) -> Endpoint:
    if endpoint is None:
        raise NotFoundError(f"there is no endpoint {endpoint_id}")
    return endpoint


def _shown(endpoint: Endpoint) -> schemas.Endpoint:
    return shown.endpoint(endpoint, router.dependencies.webhooks.endpoints, now())
