"""The viewers' routes: join, heartbeat and leave by HTTP, and what anyone may ask about a channel."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable

from cairn.clock import now, to_millis
from cairn.errors import CairnError, TooManyJoinsError, TooManyTabsError
from cairn.observability import logger
from cairn.viewers.counts import count_json
from cairn.viewers.networks import network_tag
from functions.viewer_heartbeat import requests, responses
from functions.viewer_heartbeat.dependencies import Dependencies
from functions.viewer_heartbeat.requests import ChannelQuery, Event
from functions.viewer_heartbeat.responses import Response


def join(dependencies: Dependencies, event: Event) -> Response:
    request, settings = requests.join(event), dependencies.settings
    address = dependencies.cdn.address(event)
    watched = request.channel in dependencies.names or dependencies.presence.is_watched(request.channel)
    dependencies.join_limits.allow(address, now(), opens=None if watched else request.channel)
    network = network_tag(address, request.channel, settings.address_key)
    viewer_id = request.viewer_id or secrets.token_urlsafe(16)
    secret = secrets.token_urlsafe(16)
    until = now() + dependencies.timeout
    slot = dependencies.presence.enter(request.channel, viewer_id, requests.tab_of(secret), until, network)
    logger.info("joined", channel=request.channel)
    return responses.json_answer(
        {"viewerId": viewer_id, "token": f"{slot.level}.{secret}", **_presence_json(dependencies, request.channel)}
    )


def heartbeat(dependencies: Dependencies, event: Event) -> Response:
    slot = requests.slot(event)
    if dependencies.heartbeats.is_due(slot, now()):
        dependencies.presence.keep_alive(slot, now() + dependencies.timeout)
        dependencies.heartbeats.accept(slot, now())
    return responses.json_answer(_presence_json(dependencies, slot.channel))


def leave(dependencies: Dependencies, event: Event) -> Response:
    slot = requests.slot(event)
    dependencies.heartbeats.forget(slot)
    dependencies.presence.leave(slot)
    logger.info("left", channel=slot.channel)
    return responses.no_content()


def count(dependencies: Dependencies, query: ChannelQuery) -> Response:
    return responses.json_answer(count_json(dependencies.counting.current(query.channel)))


def sse(dependencies: Dependencies, query: ChannelQuery) -> Response:
    found = dependencies.counting.current(query.channel)
    retry, event_id = dependencies.workspace.viewer_count_update_interval // 2, str(to_millis(found.changed_at))
    return responses.stream(retry, event_id, count_json(found), query.last_event_id)


def curve(dependencies: Dependencies, query: ChannelQuery) -> Response:
    return responses.json_answer(dependencies.curves.of(query.channel, requests.hours(query)))


def channel(dependencies: Dependencies, query: ChannelQuery) -> Response:
    settings, workspace = dependencies.settings, dependencies.workspace
    return responses.json_answer(
        {
            "channelId": query.channel,
            "name": dependencies.names.get(query.channel),
            "webSocketUrl": settings.websocket_url,
            "heartbeatInterval": workspace.viewer_heartbeat_interval,
            "countInterval": workspace.viewer_count_update_interval,
            "followers": dependencies.followers.of(query.channel),
        }
    )


WRITES: dict[str, Callable[[Dependencies, Event], Response]] = {
    "/api/viewer/join": join,
    "/api/viewer/heartbeat": heartbeat,
    "/api/viewer/leave": leave,
}
"""Called with POST."""
READS: dict[str, Callable[[Dependencies, ChannelQuery], Response]] = {
    "/api/viewer/count/": count,
    "/api/viewer/sse/": sse,
    "/api/viewer/curve/": curve,
    "/api/viewer/channel/": channel,
}
"""Called with GET or HEAD; the channel's id follows."""


def answer(dependencies: Dependencies, event: Event) -> Response:
    """The answer to any request."""
    try:
        return _routed(dependencies, event)
    except CairnError as error:
        return responses.rejected(error, _retry_after(dependencies, error))
    except Exception as error:  # noqa: BLE001 - the caller gets a 500, and the log the reason
        return responses.failed(error)


def _routed(dependencies: Dependencies, event: Event) -> Response:
    dependencies.cdn.address(event)
    requests.check_size(event)
    path, method = event["rawPath"].removesuffix("/"), event["requestContext"]["http"]["method"]
    prefix, slash, segment = path.rpartition("/")
    write, read = WRITES.get(path), READS.get(prefix + slash)
    if write is None and read is None:
        return responses.no_route(None)
    allowed = "POST, OPTIONS" if write else "GET, HEAD, OPTIONS"
    if method == "OPTIONS":
        return responses.preflight(allowed)
    if method not in allowed.split(", "):
        return responses.no_route(allowed)
    if write:
        return write(dependencies, event)
    assert read
    found = read(dependencies, requests.channel_query(event, segment))
    return responses.without_body(found) if method == "HEAD" else found


def _retry_after(dependencies: Dependencies, error: CairnError) -> int | None:
    if isinstance(error, TooManyJoinsError):
        return max(1, math.ceil((error.until - now()).total_seconds()))
    # By then, tabs that closed without notice have expired.
    return dependencies.workspace.viewer_timeout if isinstance(error, TooManyTabsError) else None


def _presence_json(dependencies: Dependencies, channel: str) -> dict[str, int]:
    """The last count, and at least the caller: a new one is made when the count queue requests it."""
    counted = dependencies.presence.last_count(channel)
    viewers = max(1, counted.viewers if counted else 0)
    return {"viewers": viewers, "heartbeatInterval": dependencies.workspace.viewer_heartbeat_interval}
