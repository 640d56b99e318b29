"""The routes that say how well messages are delivered, and that take what receivers report back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from cairn.clock import now
from cairn.errors import BadInputError, NotFoundError
from cairn.webhooks import statistics
from cairn.webhooks.model import RETENTION, instant_of, parse_message_id
from functions.api.auth import requires
from functions.api.errors import responses
from functions.api.params import When, time_range
from functions.api.routing import Router
from functions.api.webhooks import message_schemas as schemas

router = Router()

AHEAD = timedelta(minutes=5)
"""How far a receiver's clock may be ahead."""
DAYS = timedelta(days=30)


@router.get(
    "/api/webhooks/stats",
    summary="Delivery rate, latency, retries, reactions and lift, by endpoint and in all",
    middlewares=requires("webhooks"),
    responses=responses(schemas.Stats),
)
def read_stats(
    endpoint: Annotated[str | None, Query(description="Only of this endpoint.", max_length=40)] = None,
    from_: Annotated[When | None, Query(alias="from", description="The first instant; 30 days ago by default.")] = None,
    to: Annotated[When | None, Query(description="The instant before which events happened; now by default.")] = None,
) -> schemas.Stats:
    """Computed from the 2,000 newest messages of that time, in equal parts of each endpoint, with their events:
    that is what a request reads at most. Examples that a person sent are left out."""
    since, before = time_range(from_, to, now(), DAYS)
    dependencies = router.dependencies.webhooks
    endpoints = dependencies.endpoints.all()
    if endpoint is not None:
        endpoints = [one for one in endpoints if one.id == endpoint]
        if not endpoints:
            raise NotFoundError(f"there is no endpoint {endpoint}")
    since = min(max(since, now() - RETENTION), before)  # a time before that has no messages any more
    report = dependencies.statistics.report(endpoints, since, before)
    answer = {
        "from": since,
        "to": before,
        "complete": report.complete,
        "total": schemas.Delivery(**_delivery(report.total)),
        "endpoints": [
            schemas.EndpointStats(
                endpoint=one.endpoint.id, since=one.since, lift=_lift(one.lift), **_delivery(one.delivery)
            )
            for one in report.endpoints
        ],
        "feedback": [_reactions(one) for one in report.reactions],
    }
    return schemas.Stats.model_validate(answer)


@router.post(
    "/api/webhooks/feedback",
    summary="Report that a message was opened or clicked, or that somebody converted",
    middlewares=requires("webhooks", "ingest"),
    status_code=204,
    responses=responses(None, 204),
)
def report_feedback(body: schemas.Feedback) -> Response[None]:
    """The first report of each kind counts; a repeat changes nothing. The hold-out group gets no messages: report its
    people, or everybody, by endpoint and subject."""
    dependencies = router.dependencies.webhooks
    at = time_range(None, body.at, now(), timedelta(0))[1]
    if at > now() + AHEAD:
        raise BadInputError("at: must not be in the future")
    if body.message_id is not None:
        _report_message(body.message_id, body.event, at)
    elif dependencies.endpoints.get(str(body.endpoint)) is None:
        raise NotFoundError(f"there is no endpoint {body.endpoint}")
    else:
        dependencies.feedback.report(str(body.endpoint), str(body.subject), body.event, at)
    return Response(status_code=204, content_type="text/plain")


def _report_message(message_id: str, event: str, at: When) -> None:
    router.trail.targets.append(f"message:{message_id}")
    try:
        key, _ = parse_message_id(message_id)
    except ValueError:
        raise BadInputError("messageId: not the id of a message, which a receiver gets as webhook-id") from None
    if at < instant_of(key) - AHEAD:
        raise BadInputError("at: must not be before the message's event")
    if not router.dependencies.webhooks.deliveries.report(message_id, event, at):
        raise NotFoundError(f"no message {message_id} was sent")


def _delivery(found: statistics.Delivery) -> dict[str, Any]:
    by_status: dict[str, Any] = {status: found.by_status.get(status, 0) for status in statistics.STATUSES}
    latency = {f"p{percentile}": value for percentile, value in found.latency.items()}
    return {
        **by_status,
        "messages": found.messages,
        "delivery_rate": found.delivery_rate,
        "retried": found.retried,
        "retry_success": found.retry_success,
        "latency": schemas.Latency(**latency) if latency else None,
        "oldest_pending": found.oldest_pending,
    }


def _lift(found: statistics.Lift | None) -> schemas.Lift | None:
    if found is None:
        return None
    return schemas.Lift(
        sent=found.sent,
        sent_converted=found.sent_converted,
        held_out=found.held_out,
        held_out_converted=found.held_out_converted,
        lift=found.lift,
    )


def _reactions(found: statistics.Reactions) -> schemas.Reactions:
    counts = found.counts
    return schemas.Reactions(
        type=found.type,
        template=found.template,
        sent=found.sent,
        opened=counts["opened"],
        clicked=counts["clicked"],
        converted=counts["converted"],
        open_rate=counts["opened"] / found.sent,
        click_rate=counts["clicked"] / found.sent,
        conversion_rate=counts["converted"] / found.sent,
    )
