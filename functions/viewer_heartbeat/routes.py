"""The viewers' routes: who comes, stays and goes by HTTP, and what anybody may ask about a channel."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable

from cairn.clock import now, to_millis
from cairn.errors import CairnError, TooManyJoinsError, TooManyTabsError
from cairn.observability import logger
from cairn.viewers.counts import count_json
from functions.viewer_heartbeat import requests, responses
from functions.viewer_heartbeat.dependencies import Dependencies
from functions.viewer_heartbeat.requests import Event, Look
from functions.viewer_heartbeat.responses import Response


def join(given: Dependencies, event: Event) -> Response:
    asked = requests.join(event)
    given.join_limits.allow(requests.address_of(event, given.settings.cdn_key), now())
    viewer_id = asked.viewer_id or secrets.token_urlsafe(16)
    secret = secrets.token_urlsafe(16)
    until = now() + given.settings.time_out
    seat = given.presence.enter(asked.channel, viewer_id, requests.tab_of(secret), until)
    logger.info("joined", channel=asked.channel)
    viewers = given.counting.current(asked.channel, entered=True).viewers
    return responses.plain({"viewerId": viewer_id, "token": f"{seat.level}.{secret}", **_told(given, viewers)})


def heartbeat(given: Dependencies, event: Event) -> Response:
    seat = requests.seat(event)
    given.presence.keep_alive(seat, now() + given.settings.time_out)
    # A count of its own would be two writes more; as long as somebody is there, counts are arranged anyway.
    counted = given.presence.last_count(seat.channel) or given.counting.current(seat.channel)
    return responses.plain(_told(given, max(1, counted.viewers)))


def leave(given: Dependencies, event: Event) -> Response:
    seat = requests.seat(event)
    given.presence.leave(seat)
    logger.info("left", channel=seat.channel)
    return responses.nothing()


def count(given: Dependencies, asked: Look) -> Response:
    return responses.plain(count_json(given.counting.current(asked.channel)))


def sse(given: Dependencies, asked: Look) -> Response:
    found = given.counting.current(asked.channel)
    retry, event_id = given.settings.viewer_count_update_interval // 2, str(to_millis(found.changed_at))
    return responses.stream(retry, event_id, count_json(found), asked.last_event_id)


def curve(given: Dependencies, asked: Look) -> Response:
    return responses.plain(given.curves.of(asked.channel, requests.hours(asked)))


def channel(given: Dependencies, asked: Look) -> Response:
    settings = given.settings
    return responses.plain(
        {
            "channelId": asked.channel,
            "name": given.names.get(asked.channel),
            "webSocketUrl": settings.websocket_url,
            "heartbeatInterval": settings.viewer_heartbeat_interval,
            "countInterval": settings.viewer_count_update_interval,
            "followers": given.followers.of(asked.channel),
        }
    )


WRITES: dict[str, Callable[[Dependencies, Event], Response]] = {
    "/api/viewer/join": join,
    "/api/viewer/heartbeat": heartbeat,
    "/api/viewer/leave": leave,
}
"""Asked with POST."""
READS: dict[str, Callable[[Dependencies, Look], Response]] = {
    "/api/viewer/count/": count,
    "/api/viewer/sse/": sse,
    "/api/viewer/curve/": curve,
    "/api/viewer/channel/": channel,
}
"""Asked with GET, or with HEAD; the channel's id follows."""


def answer(given: Dependencies, event: Event) -> Response:
    """The answer to whatever was sent."""
    try:
        return _routed(given, event)
    except CairnError as error:
        return responses.refused(error, _retry_after(given, error))
    except Exception as error:  # noqa: BLE001 - whoever asked is told that it failed, and the log what
        return responses.broken(error)


def _routed(given: Dependencies, event: Event) -> Response:
    requests.check_size(event)
    path, method = event["rawPath"].removesuffix("/"), event["requestContext"]["http"]["method"]
    begin, slash, segment = path.rpartition("/")
    write, read = WRITES.get(path), READS.get(begin + slash)
    if write is None and read is None:
        return responses.no_route(None)
    allowed = "POST, OPTIONS" if write else "GET, HEAD, OPTIONS"
    if method == "OPTIONS":
        return responses.preflight(allowed)
    if method not in allowed.split(", "):
        return responses.no_route(allowed)
    if write:
        return write(given, event)
    assert read
    found = read(given, requests.look(event, segment))
    return responses.bodiless(found) if method == "HEAD" else found


def _retry_after(given: Dependencies, error: CairnError) -> int | None:
    if isinstance(error, TooManyJoinsError):
        return max(1, math.ceil((error.until - now()).total_seconds()))
    # By then, tabs that were closed without a word are over.
    return given.settings.viewer_timeout if isinstance(error, TooManyTabsError) else None


def _told(given: Dependencies, viewers: int) -> dict[str, int]:
    return {"viewers": viewers, "heartbeatInterval": given.settings.viewer_heartbeat_interval}
