"""The routes of webhook messages and events: published, listed with their attempts, sent again, and erased."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from cairn.clock import now
from cairn.errors import BadInputError
from cairn.identity.cognito import Person
from cairn.model import new_trace_id
from cairn.webhooks.catalogue import CATALOGUE, check_data, check_type
from cairn.webhooks.listing import Filter
from cairn.webhooks.model import RETENTION, Contact
from cairn.webhooks.publishing import Publication
from functions.api.auth import requires
from functions.api.errors import conflict, responses
from functions.api.params import Cursor, Limit, When, time_range
from functions.api.routing import Router
from functions.api.webhooks import message_schemas as schemas
from functions.api.webhooks import responses as shown
from functions.api.webhooks.schemas import Accepted

router = Router()

MessageId = Annotated[
    str,
    Path(
        description="The message's id, which the receiver gets as `webhook-id`.",
        pattern=r"^msg_[0-9a-v]{32}$",
    ),
]
EventId = Annotated[str, Field(pattern=r"^evt_[0-9a-v]{20}$")]
MOST_EVENTS = 100
"""Events that a list of messages may name."""
MOST_DUE = 1000
"""Messages of an endpoint that `process-queue` counts."""
RESERVE_SECONDS = 5.0
_MESSAGES = "/api/webhooks/messages"
_OF_ONE = f"{_MESSAGES}/<message_id>"


@router.get(
    "/api/webhooks/catalogue",
    summary="List the types of events, with JSON Schema and an example of each",
    middlewares=requires("webhooks", "ingest"),
    responses=responses(schemas.Catalogue),
)
def list_types() -> schemas.Catalogue:
    return schemas.Catalogue(
        items=[
            schemas.EventType.model_validate(
                {
                    "type": one.name,
                    "description": one.words,
                    "contact": one.contact,
                    "schema": dict(one.schema),
                    "example": shown.plain(one.example),
                }
            )
            for one in CATALOGUE.values()
        ],
        next_cursor=None,
    )


@router.post(
    "/api/webhooks/events",
    summary="Publish an event to the endpoints that want it",
    middlewares=requires("ingest"),
    status_code=202,
    responses={
        **responses(schemas.Published, 202, "It is queued"),
        **responses(schemas.Published, 200, "It was published before, with the same id"),
        **conflict("Another event was published with this id"),
    },
)
def publish(body: schemas.Event) -> Response[schemas.Published]:
    check_type(body.type)
    check_data(body.type, body.data)
    contact = Contact(body.contact.name, body.contact.email, body.contact.phone) if body.contact else None
    publication = Publication(body.type, body.subject, contact, body.data)
    trace_id = new_trace_id()
    published = router.dependencies.webhooks.publishing.publish(_caller(), body.id, publication, trace_id)
    router.trail.targets.append(f"event:{published.event_id}")
    router.trail.trace_id = trace_id
    return Response(
        status_code=200 if published.duplicate else 202,
        content_type="application/json",
        body=schemas.Published(id=published.event_id, duplicate=published.duplicate),
    )


@router.get(
    _MESSAGES,
    summary="List messages, those of the newest events first",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Messages),
)
def list_messages(
    status: Annotated[schemas.Status | None, Query(description="Only those with this status.")] = None,
    endpoint: Annotated[str | None, Query(description="Only those to this endpoint.", max_length=40)] = None,
    type: Annotated[str | None, Query(description="Only those of this type of event.", max_length=100)] = None,  # noqa: A002 - the parameter's name
    subject: Annotated[str | None, Query(description="Only those about this subject.", max_length=200)] = None,
    event: Annotated[
        list[EventId] | None,
        Query(description="Only those of these events: several, with a comma between, or once for each."),
    ] = None,
    from_: Annotated[When | None, Query(alias="from", description="The first instant; 90 days ago by default.")] = None,
    to: Annotated[When | None, Query(description="The instant before which events happened; now by default.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> schemas.Messages:
    """A request reads at most 1,000 events or messages. Then its page ends, and may be short, or empty, with a
    cursor."""
    since, before = time_range(from_, to, now(), RETENTION)
    # A minute more than now, because other clocks may be a little ahead; and 90 days are all there is.
    since = max(since, now() - RETENTION - timedelta(days=1))
    before = min(before if to else before + timedelta(minutes=1), now() + timedelta(minutes=1))
    if event and len(event) > MOST_EVENTS:
        raise BadInputError(f"event: must be at most {MOST_EVENTS}")
    keys = tuple(one.removeprefix("evt_") for one in event or ())
    wanted = Filter(since, max(since, before), endpoint, status, type, subject, keys)
    page = router.dependencies.webhooks.listing.page(wanted, limit, cursor)
    return schemas.Messages(items=[shown.message(one) for one in page.items], next_cursor=page.next_cursor)


@router.get(
    _OF_ONE,
    summary="Get a message with every attempt and what was answered",
    middlewares=requires("webhooks"),
    responses=responses(schemas.MessageDetails),
)
def read_message(message_id: MessageId) -> schemas.MessageDetails:
    listed = router.dependencies.webhooks.resending.listed(message_id)
    return shown.message_details(listed, router.dependencies.webhooks.deliveries.responses(message_id))


@router.post(
    f"{_OF_ONE}/resend",
    summary="Send a message once more, whatever became of it; twice is two more",
    middlewares=requires("webhooks"),
    status_code=202,
    responses={
        **responses(Accepted, 202, "It is queued"),
        **conflict("Its endpoint was deleted, or its content is no longer kept"),
    },
)
def resend(message_id: MessageId) -> Response[Accepted]:
    """It is sent to a paused or failing endpoint, too."""
    listed = router.dependencies.webhooks.resending.again(message_id)
    router.trail.trace_id = listed.event.trace_id if listed.event else ""
    return Response(status_code=202, content_type="application/json", body=Accepted(id=message_id))


@router.delete(
    f"{_OF_ONE}/content",
    summary="Erase what a message says: its event's data and contact, for every endpoint, and all answers",
    middlewares=requires("webhooks"),
    status_code=204,
    responses=responses(None, 204),
)
def erase_content(message_id: MessageId) -> Response[None]:
    """What happened stays: when it was sent, and with what result. What has not been sent yet is not sent any more."""
    router.dependencies.webhooks.erasure.erase(router.dependencies.webhooks.resending.listed(message_id))
    return Response(status_code=204, content_type="text/plain")


@router.post(
    "/api/webhooks/process-queue",
    summary="Send what is due, and what a crash left, now instead of within a minute",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Processed),
)
def process_queue() -> schemas.Processed:
    dependencies = router.dependencies.webhooks
    active = [one for one in dependencies.endpoints.all(consistent=True) if one.state == "active"]
    due = [len(list(islice(dependencies.deliveries.due(one.id, now()), MOST_DUE))) for one in active]
    swept = dependencies.sweep.run(lambda: router.seconds_left(RESERVE_SECONDS))
    return schemas.Processed(messages=sum(due), endpoints=swept.endpoints, left=swept.left)


def _caller() -> str:
    """Whose ids of events these are: the key's, or the person's."""
    identity = router.caller.identity
    return f"{'person' if isinstance(identity, Person) else 'key'}:{identity.id}"
