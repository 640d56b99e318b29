"""The channel routes: the tracked channels, their latest readings and their history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from cairn.channels.registry import Channel
from cairn.channels.status import METRIC, ChannelStatus
from cairn.clock import now
from cairn.errors import BadInputError, NotFoundError
from cairn.model import Number
from functions.api.auth import requires
from functions.api.channels import schemas
from functions.api.errors import responses
from functions.api.params import Cursor, Limit, When, time_range
from functions.api.routing import Router
from functions.api.schemas import Threshold

router = Router()

ChannelId = Annotated[str, Path(description="The channel's id, such as `youtube:UC…`.", max_length=200)]
MAX_DAYS = 3 * 366
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
"""No reading is older. In every time zone this instant and the day before it are valid dates."""
RESERVE_SECONDS = 18.0
"""How long a platform call may take once started; batches that have not started by then go on the queue."""
METRICS = ("subscribers", "views", "videos")


@router.get(
    "/api/channels",
    summary="List the tracked channels",
    middlewares=requires("analytics", "ingest"),
    responses=responses(schemas.Channels),
)
def list_channels(limit: Limit = 50, cursor: Cursor = None) -> schemas.Channels:
    found, next_cursor = router.dependencies.channels.page(limit, cursor)
    return schemas.Channels(
        items=[_to_schema(status) for status in router.dependencies.statuses.of(found)], next_cursor=next_cursor
    )


@router.post(
    "/api/channels",
    summary="Track a channel and take its first reading",
    middlewares=requires(),
    status_code=201,
    responses={
        **responses(schemas.Channel, 201, "The channel is now tracked"),
        **responses(schemas.Channel, 200, "The channel was already tracked; a handle that changed is updated"),
    },
)
def add_channel(body: schemas.NewChannel) -> Response[schemas.Channel]:
    channel, new = router.dependencies.fetching.track(body.platform, body.handle, body.name)
    router.trail.targets.append(str(channel.subject))
    return Response(status_code=201 if new else 200, content_type="application/json", body=_read(channel.id))


@router.delete(
    "/api/channels/<channel_id>",
    summary="Stop tracking a channel; its milestones are kept",
    middlewares=requires(),
    status_code=204,
    responses=responses(None, 204),
)
def remove_channel(channel_id: ChannelId) -> Response[None]:
    channel = _tracked(channel_id)
    router.dependencies.stats.delete(channel.subject)  # first: if the next call fails, a silent baseline follows
    router.dependencies.channels.remove(channel)
    return Response(status_code=204, content_type="text/plain")  # without a type, Lambda would label it JSON


@router.get(
    "/api/channels/<channel_id>",
    summary="Get a channel and its latest reading",
    middlewares=requires("analytics", "ingest"),
    responses=responses(schemas.Channel),
)
def read_channel(
    channel_id: ChannelId,
    refresh: Annotated[
        Literal["auto", "never"],
        Query(description="`auto` fetches a new reading if the stored one is older than the refresh age."),
    ] = "never",
) -> schemas.Channel:
    channel = _tracked(channel_id)
    if refresh == "auto":
        status = router.dependencies.statuses.of([channel])[0]
        age = timedelta(seconds=router.dependencies.workspace.refresh_age_seconds)
        if status.as_of is None or now() - status.as_of > age:
            router.trail.writes = True
            # A failed fetch within the refresh age counts too, so that a broken channel costs no extra calls.
            router.dependencies.fetching.refresh(channel, source="page", requested_at=router.requested_at - age)
    return _read(channel.id)


@router.post(
    "/api/channels/<channel_id>/refresh",
    summary="Fetch a channel's reading now",
    middlewares=requires("ingest", "analytics"),
    responses=responses(schemas.Channel),
)
def refresh_channel(channel_id: ChannelId) -> schemas.Channel:
    channel = _tracked(channel_id)
    router.dependencies.fetching.refresh(channel, source="refresh", requested_at=router.requested_at)
    return _read(channel.id)


@router.post(
    "/api/sync",
    summary="Fetch the readings of all channels now",
    middlewares=requires("ingest"),
    responses=responses(schemas.SyncResult),
)
def sync(body: schemas.SyncRequest | None = None) -> schemas.SyncResult:
    names = router.dependencies.platforms.names
    platform = body.platform if body else None
    if platform is not None and platform not in names:
        raise BadInputError(f"platform: one of {', '.join(names)}")
    chosen = names if platform is None else [platform]
    router.trail.targets += [f"platform:{name}" for name in chosen]
    summary = router.dependencies.fetching.sweep(chosen, "sync", partial(router.seconds_left, RESERVE_SECONDS))
    return schemas.SyncResult(**asdict(summary))


@router.get(
    "/api/channels/<channel_id>/history",
    summary="Get a channel's readings over time",
    middlewares=requires("analytics"),
    responses=responses(schemas.ChannelHistory),
)
def channel_history(
    channel_id: ChannelId,
    from_: Annotated[When | None, Query(alias="from", description="The first instant; 30 days ago by default.")] = None,
    to: Annotated[When | None, Query(description="The last instant; now by default.")] = None,
    bucket: Annotated[
        Literal["day", "none"],
        Query(description="`day`: one value a day. `none`: the single readings of the last 30 days."),
    ] = "day",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> schemas.ChannelHistory:
    channel, present = _tracked(channel_id), now()
    since, until = time_range(from_, to, present, timedelta(days=30))
    if bucket == "none":
        points, next_cursor = router.dependencies.history.readings(
            channel.subject, since, until, present, limit, cursor
        )
        readings = [schemas.SingleReading(at=point.at, **_counts(point.metrics)) for point in points]
        return schemas.ChannelHistory(id=channel.id, bucket=bucket, items=readings, next_cursor=next_cursor)
    if until < EARLIEST or since > present:
        return schemas.ChannelHistory(id=channel.id, bucket=bucket, items=[], next_cursor=None)
    zones = router.dependencies.workspace.zones
    first, last = zones.day(max(since, EARLIEST)), zones.day(min(until, present))
    if (last - first).days >= MAX_DAYS:
        raise BadInputError(f"from, to: at most {MAX_DAYS} days per request")
    return schemas.ChannelHistory(id=channel.id, bucket=bucket, items=_days(channel, first, last), next_cursor=None)


def _days(channel: Channel, first: date, last: date) -> list[schemas.DailyValues]:
    """One entry a day: the values at the day's end, or the stored reading from its own day on."""
    history, zones = router.dependencies.history, router.dependencies.workspace.zones
    ended = history.days(channel.subject, first, last)
    before = history.before(channel.subject, first)
    current = router.dependencies.stats.get(channel.subject)
    known: dict[str, Number] = dict(before.metrics) if before else {}
    values = []
    for day in (first + timedelta(days=offset) for offset in range((last - first).days + 1)):
        earlier = known
        if current and zones.day(current.as_of) <= day:
            known = dict(current.metrics)
        elif day in ended:
            known = dict(ended[day].metrics)
        gained = {metric: _gained(earlier, known, metric) for metric in METRICS}
        values.append(
            schemas.DailyValues(
                day=day,
                **_counts(known),
                subscribers_gained=gained["subscribers"],
                views_gained=gained["views"],
                videos_gained=gained["videos"],
            )
        )
    return values


def _gained(before: Mapping[str, Number], after: Mapping[str, Number], metric: str) -> int | None:
    """The growth of a day; None when the value before or after it is unknown, so that nobody can tell."""
    return int(after[metric] - before[metric]) if metric in before and metric in after else None


def _tracked(channel_id: str) -> Channel:
    name = unquote(channel_id)  # Lambda does not decode the path, and clients encode the colon
    channel = router.dependencies.channels.get(name, consistent=True)
    if channel is None:
        raise NotFoundError(f"channel {name!r} is not tracked; GET /api/channels lists the tracked channels")
    return channel


def _read(channel_id: str) -> schemas.Channel:
    return _to_schema(router.dependencies.statuses.of([_tracked(channel_id)], consistent=True)[0])


def _counts(metrics: Any) -> dict[str, int | None]:
    return {metric: int(metrics[metric]) if metric in metrics else None for metric in METRICS}


def _to_schema(status: ChannelStatus) -> schemas.Channel:
    channel, reading = status.channel, status.reading
    issue = channel.health_issue
    return schemas.Channel(
        id=channel.id,
        platform=channel.platform,
        handle=channel.handle,
        name=channel.name,
        page=channel.page,
        **_counts(reading.metrics if reading else {}),
        precision=reading.precision.get(METRIC, 1) if reading else 1,
        as_of=status.as_of,
        stale=status.stale,
        last_milestone=schemas.ReachedThreshold(
            threshold=status.last.threshold, label=status.last.label, achieved_at=status.last_at
        )
        if status.last
        else None,
        next_milestone=Threshold(threshold=status.next_threshold.threshold, label=status.next_threshold.label)
        if status.next_threshold
        else None,
        trouble=schemas.Trouble(code=issue.code, message=issue.message, since=issue.since) if issue else None,
        added_at=channel.added_at,
    )
