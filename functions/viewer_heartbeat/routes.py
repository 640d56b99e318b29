"""The viewers' routes: who comes, stays and goes by HTTP, and what anybody may ask about a channel."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable

from cairn.counts import count_json
from cairn.errors import CairnError, TooManyJoinsError, TooManyTabsError
from cairn.instants import now, to_millis
from cairn.joins import address_of
from cairn.observing import logger
from functions.viewer_heartbeat import answers, parts, requests
from functions.viewer_heartbeat.answers import Answer
from functions.viewer_heartbeat.requests import Event, Look


def join(event: Event) -> Answer:
    asked = requests.join(event)
    parts.joins().allow(address_of(event, parts.settings().cdn_key), now())
    viewer_id = asked.viewer_id or secrets.token_urlsafe(16)
    secret = secrets.token_urlsafe(16)
    until = now() + parts.settings().time_out
    seat = parts.presence().enter(asked.channel, viewer_id, requests.tab_of(secret), until)
    logger.info("joined", channel=asked.channel)
    viewers = parts.counting().current(asked.channel, entered=True).viewers
    return answers.plain({"viewerId": viewer_id, "token": f"{seat.level}.{secret}", **_told(viewers)})


def heartbeat(event: Event) -> Answer:
    seat = requests.seat(event)
    parts.presence().stay(seat, now() + parts.settings().time_out)
    # A count of its own would be two writes more; as long as somebody is there, counts are arranged anyway.
    counted = parts.presence().counted(seat.channel) or parts.counting().current(seat.channel)
    return answers.plain(_told(max(1, counted.viewers)))


def leave(event: Event) -> Answer:
    seat = requests.seat(event)
    parts.presence().leave(seat)
    logger.info("left", channel=seat.channel)
    return answers.nothing()


def count(asked: Look) -> Answer:
    return answers.plain(count_json(parts.counting().current(asked.channel)))


def sse(asked: Look) -> Answer:
    found = parts.counting().current(asked.channel)
    retry, event_id = parts.settings().viewer_count_update_interval // 2, str(to_millis(found.changed_at))
    return answers.stream(retry, event_id, count_json(found), asked.last_event_id)


def curve(asked: Look) -> Answer:
    return answers.plain(parts.curves().of(asked.channel, requests.hours(asked)))


def channel(asked: Look) -> Answer:
    settings = parts.settings()
    return answers.plain(
        {
            "channelId": asked.channel,
            "name": parts.names().get(asked.channel),
            "webSocketUrl": settings.websocket_url,
            "heartbeatInterval": settings.viewer_heartbeat_interval,
            "countInterval": settings.viewer_count_update_interval,
            "followers": parts.pages().followers(asked.channel),
        }
    )


WRITES: dict[str, Callable[[Event], Answer]] = {
    "/api/viewer/join": join,
    "/api/viewer/heartbeat": heartbeat,
    "/api/viewer/leave": leave,
}
"""Asked with POST."""
READS: dict[str, Callable[[Look], Answer]] = {
    "/api/viewer/count/": count,
    "/api/viewer/sse/": sse,
    "/api/viewer/curve/": curve,
    "/api/viewer/channel/": channel,
}
"""Asked with GET, or with HEAD; the channel's id follows."""


def answer(event: Event) -> Answer:
    """The answer to whatever was sent."""
    try:
        return _routed(event)
    except CairnError as error:
        return answers.refused(error, _retry_after(error))
    except Exception as error:  # noqa: BLE001 - whoever asked is told that it failed, and the log what
        return answers.broken(error)


def _routed(event: Event) -> Answer:
    requests.check_size(event)
    path, method = event["rawPath"].removesuffix("/"), event["requestContext"]["http"]["method"]
    begin, slash, segment = path.rpartition("/")
    write, read = WRITES.get(path), READS.get(begin + slash)
    if write is None and read is None:
        return answers.no_route(None)
    allowed = "POST, OPTIONS" if write else "GET, HEAD, OPTIONS"
    if method == "OPTIONS":
        return answers.preflight(allowed)
    if method not in allowed.split(", "):
        return answers.no_route(allowed)
    if write:
        return write(event)
    assert read
    found = read(requests.look(event, segment))
    return answers.bodiless(found) if method == "HEAD" else found


def _retry_after(error: CairnError) -> int | None:
    if isinstance(error, TooManyJoinsError):
        return max(1, math.ceil((error.until - now()).total_seconds()))
    # By then, tabs that were closed without a word are over.
    return parts.settings().viewer_timeout if isinstance(error, TooManyTabsError) else None


def _told(viewers: int) -> dict[str, int]:
    return {"viewers": viewers, "heartbeatInterval": parts.settings().viewer_heartbeat_interval}
