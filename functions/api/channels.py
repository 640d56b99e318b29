"""The channels' routes: what is tracked, its reading now, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import LambdaFunctionUrlRouter

from cairn import channels as tracked
from cairn.errors import BadInputError, NotFoundError
from cairn.history import day_of
from cairn.instants import from_millis, now
from cairn.model import Number
from cairn.standings import METRIC, Standing
from functions.api import bodies, parts
from functions.api.gate import requires
from functions.api.refusals import answers

router = LambdaFunctionUrlRouter()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped

ChannelId = Annotated[str, Path(description="The channel's id, as in `youtube:UC…`.", max_length=200)]
Limit = Annotated[int, Query(description="At most so many.", ge=1, le=100)]
Cursor = Annotated[str | None, Query(description="`nextCursor` of the page before.", max_length=1000)]
MOST_DAYS = 3 * 366
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
"""No reading is older; the calendars of all time zones reach this far back and one day further."""
RESERVE_SECONDS = 18.0
"""What a call to a platform may still take after it has begun; what is not begun by then goes on the queue."""
METRICS = ("subscribers", "views", "videos")


@router.get(
    "/api/channels",
    summary="What is tracked",
    middlewares=requires("analytics", "ingest"),
    responses=answers(bodies.Channels),
)
def list_channels(limit: Limit = 50, cursor: Cursor = None) -> bodies.Channels:
    found, next_cursor = parts.channels().page(limit, cursor)
    return bodies.Channels(items=[_body(one) for one in parts.standings().of(found)], next_cursor=next_cursor)


@router.post(
    "/api/channels",
    summary="Track a channel, and take its first reading",
    middlewares=requires(),
    status_code=201,
    responses={
        **answers(bodies.Channel, 201, "Tracked from now on"),
        **answers(bodies.Channel, 200, "It was tracked already"),
    },
)
def add_channel(body: bodies.NewChannel) -> Response[bodies.Channel]:
    channel, new = parts.fetching().track(body.platform, body.handle, body.name)
    return Response(status_code=201 if new else 200, content_type="application/json", body=_one(channel.id))


@router.delete(
    "/api/channels/<channel_id>",
    summary="Track a channel no longer; what it passed stays recorded",
    middlewares=requires(),
    status_code=204,
    responses=answers(None, 204),
)
def remove_channel(channel_id: ChannelId) -> Response[None]:
    channel = _tracked(channel_id)
    parts.stats().forget(channel.subject)  # first: what is still tracked then begins anew, in silence
    parts.channels().remove(channel)
    return Response(status_code=204, content_type="text/plain")  # Lambda would call an answer without a type JSON


@router.get(
    "/api/channels/<channel_id>",
    summary="A channel's reading",
    middlewares=requires("analytics", "ingest"),
    responses=answers(bodies.Channel),
)
def read_channel(
    channel_id: ChannelId,
    refresh: Annotated[
        Literal["auto", "never"],
        Query(description="`auto` fetches first when the reading is older than the refresh age."),
    ] = "never",
) -> bodies.Channel:
    channel = _tracked(channel_id)
    if refresh == "auto":
        standing = parts.standings().of([channel])[0]
        age = timedelta(seconds=parts.settings().refresh_age_seconds)
        if standing.as_of is None or now() - standing.as_of > age:
            # A page is content with a try within the refresh age, so that a channel that cannot be read costs no more.
            parts.fetching().refresh(channel, source="page", asked_at=_asked_at() - age)
    return _one(channel.id)


@router.post(
    "/api/channels/<channel_id>/refresh",
    summary="Fetch a channel now",
    middlewares=requires("ingest", "analytics"),
    responses=answers(bodies.Channel),
)
def refresh_channel(channel_id: ChannelId) -> bodies.Channel:
    channel = _tracked(channel_id)
    parts.fetching().refresh(channel, source="refresh", asked_at=_asked_at())
    return _one(channel.id)


@router.post(
    "/api/sync", summary="Fetch every channel now", middlewares=requires("ingest"), responses=answers(bodies.SyncResult)
)
def sync(body: bodies.SyncRequest | None = None) -> bodies.SyncResult:
    names = parts.platforms().names
    platform = body.platform if body else None
    if platform is not None and platform not in names:
        raise BadInputError(f"platform: one of {', '.join(names)}")
    chosen = names if platform is None else [platform]
    return bodies.SyncResult(**asdict(parts.fetching().sweep(chosen, "sync", _seconds_left)))


@router.get(
    "/api/channels/<channel_id>/history",
    summary="A channel's readings over time",
    middlewares=requires("analytics"),
    responses=answers(bodies.ChannelHistory),
)
def channel_history(
    channel_id: ChannelId,
    from_: Annotated[
        bodies.When | None, Query(alias="from", description="The first instant; 30 days ago when left away.")
    ] = None,
    to: Annotated[bodies.When | None, Query(description="The last instant; now when left away.")] = None,
    bucket: Annotated[
        Literal["day", "none"], Query(description="Days, or the single readings of the last 30.")
    ] = "day",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> bodies.ChannelHistory:
    channel, present = _tracked(channel_id), now()
    since, until = parts.span(from_, to, present, timedelta(days=30))
    if bucket == "none":
        points, next_cursor = parts.history().readings(channel.subject, since, until, present, limit, cursor)
        readings = [bodies.SingleReading(at=point.at, **_counts(point.metrics)) for point in points]
        return bodies.ChannelHistory(id=channel.id, bucket=bucket, items=readings, next_cursor=next_cursor)
    if until < EARLIEST or since > present:
        return bodies.ChannelHistory(id=channel.id, bucket=bucket, items=[], next_cursor=None)
    zone = parts.settings().time_zone
    first, last = day_of(max(since, EARLIEST), zone), day_of(min(until, present), zone)
    if (last - first).days >= MOST_DAYS:
        raise BadInputError(f"from, to: at most {MOST_DAYS} days at once")
    return bodies.ChannelHistory(id=channel.id, bucket=bucket, items=_days(channel, first, last), next_cursor=None)


def _days(channel: tracked.Channel, first: date, last: date) -> list[bodies.DailyValues]:
    """A value for each day: those that a day ended with, and for the day of the stored reading and after, that one."""
    history, zone = parts.history(), parts.settings().time_zone
    ended = history.days(channel.subject, first, last)
    before = history.before(channel.subject, first)
    current = parts.stats().get(channel.subject)
    known: dict[str, Number] = dict(before.metrics) if before else {}
    values = []
    for day in (first + timedelta(days=offset) for offset in range((last - first).days + 1)):
        earlier = known
        if current and day_of(current.as_of, zone) <= day:
            known = dict(current.metrics)
        elif day in ended:
            known = dict(ended[day].metrics)
        gained = {metric: _gained(earlier, known, metric) for metric in METRICS}
        values.append(
            bodies.DailyValues(
                day=day,
                **_counts(known),
                subscribers_gained=gained["subscribers"],
                views_gained=gained["views"],
                videos_gained=gained["videos"],
            )
        )
    return values


def _gained(before: Mapping[str, Number], after: Mapping[str, Number], metric: str) -> int:
    return int(after[metric] - before[metric]) if metric in before and metric in after else 0


def _tracked(channel_id: str) -> tracked.Channel:
    name = unquote(channel_id)  # Lambda hands the path over as it was sent, and clients encode the colon
    channel = parts.channels().get(name)
    if channel is None:
        raise NotFoundError(f"no channel {name!r} is tracked; GET /api/channels lists those that are")
    return channel


def _seconds_left() -> float:
    return float(router.lambda_context.get_remaining_time_in_millis()) / 1000 - RESERVE_SECONDS


def _asked_at() -> datetime:
    """When the request came in at the front: whoever came while another's fetch began is answered by that fetch."""
    return from_millis(int(router.current_event.request_context.time_epoch))


def _one(channel_id: str) -> bodies.Channel:
    return _body(parts.standings().of([_tracked(channel_id)])[0])


def _counts(metrics: Any) -> dict[str, int | None]:
    return {metric: int(metrics[metric]) if metric in metrics else None for metric in METRICS}


def _body(standing: Standing) -> bodies.Channel:
    channel, reading = standing.channel, standing.reading
    trouble = channel.trouble
    return bodies.Channel(
        id=channel.id,
        platform=channel.platform,
        handle=channel.handle,
        name=channel.name,
        page=channel.page,
        **_counts(reading.metrics if reading else {}),
        precision=reading.precision.get(METRIC, 1) if reading else 1,
        as_of=standing.as_of,
        stale=standing.stale,
        last_milestone=bodies.ReachedThreshold(
            threshold=standing.last.threshold, label=standing.last.label, achieved_at=standing.last_at
        )
        if standing.last and standing.last_at
        else None,
        next_milestone=bodies.Threshold(threshold=standing.following.threshold, label=standing.following.label)
        if standing.following
        else None,
        trouble=bodies.Trouble(code=trouble.code, message=trouble.message, since=trouble.since) if trouble else None,
        added_at=channel.added_at,
    )
