"""Views of the world, which change nothing and contain no keys."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from local.sandbox.channels import Channel
from local.sandbox.control.crms import crm_view
from local.sandbox.control.parsing import ControlError, query_number
from local.sandbox.control.schemas import Nothing
from local.sandbox.failures import SERVICES
from local.sandbox.world import World
from local.sandbox.youtube import rounded


def channel_view(world: World, channel: Channel) -> dict[str, Any]:
    """A channel with its true count, and `shown`, the count on its platform."""
    count = channel.count(world.clock.now())
    shown = None if channel.hidden else rounded(count) if channel.platform == "youtube" else count
    return {
        "platform": channel.platform,
        "handle": channel.handle,
        "id": channel.id,
        "name": channel.name,
        "count": count,
        "shown": shown,
        "hidden": channel.hidden,
        "views": channel.views,
        "videos": channel.videos,
        "growth_per_second": channel.growth_per_second,
        **({"error": channel.error} if channel.error else {}),
    }


def failures_view(world: World) -> dict[str, Any]:
    now = world.clock.now()
    return {
        platform: {
            "mode": failure.mode,
            "seconds_left": None if failure.until is None else round(failure.until - now, 3),
            "requests_left": failure.requests_left,
            "retry_after": failure.retry_after,
            "delay": failure.delay,
        }
        for platform, failure in world.failures.active().items()
    }


async def state(world: World, _request: Request, _: Nothing) -> object:
    messenger = world.messenger
    webhook = messenger.updates.webhook
    return {
        "now": world.clock.now_ms(),
        "channels": [channel_view(world, channel) for channel in world.in_order()],
        "failures": failures_view(world),
        "crms": [crm_view(world, crm) for crm in world.crms],
        "limits": asdict(world.limits),
        "used": {
            "youtube_units_today": sum(world.youtube_units.values()),
            "instagram_calls_this_hour": len(world.instagram_calls),
        },
        "telegram": {
            "chats": [asdict(chat) for chat in messenger.chats.values()],
            "webhook": None if webhook is None else webhook.url,
            "pending_updates": len(messenger.updates.pending()),
            "held_for": messenger.send_limits.held_for(),
            "sent": len(messenger.sent),
            "refused": len(messenger.refused),
            "fail_next": [asdict(failure) for failure in messenger.injected_failures],
        },
    }


async def sent(world: World, request: Request, _: Nothing) -> object:
    chat_id, after = query_number(request, "chat_id"), query_number(request, "after")
    since = query_number(request, "since")
    found = [
        asdict(message)
        for message in world.messenger.sent
        if (chat_id is None or message.chat_id == chat_id)
        and (after is None or message.message_id > after)
        and (since is None or message.time >= since)
    ]
    return {"messages": found}


async def refused(world: World, request: Request, _: Nothing) -> object:
    chat_id, since = request.query_params.get("chat_id"), query_number(request, "since")
    found = [
        asdict(attempt)
        for attempt in world.messenger.refused
        if (chat_id is None or attempt.chat_id == chat_id) and (since is None or attempt.time >= since)
    ]
    return {"refused": found}


async def updates(world: World, request: Request, _: Nothing) -> object:
    after = query_number(request, "after")
    return {"updates": [asdict(u) for u in world.messenger.updates.log if after is None or u.update_id > after]}


async def requests(world: World, request: Request, _: Nothing) -> object:
    platform, since = request.query_params.get("platform"), query_number(request, "since")
    if platform is not None and platform not in SERVICES:
        message = f"unknown platform {platform!r}: use one of {', '.join(SERVICES)}"
        raise ControlError(400, message)
    found = [
        asdict(logged)
        for logged in world.requests
        if (platform is None or logged.platform == platform) and (since is None or logged.time >= since)
    ]
    return {"requests": found}
