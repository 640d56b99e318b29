"""Changes to the world: channels, failures, Telegram chats, limits, and everything together."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.requests import Request

from local.sandbox import demo
from local.sandbox.channels import Channel, Platform
from local.sandbox.control.parsing import ControlError, chat_of, number, platform_of, service_of
from local.sandbox.control.schemas import (
    ChannelBody,
    ChatBody,
    FailNextBody,
    FailureBody,
    LimitsBody,
    MessageBody,
    MigrateBody,
    Nothing,
    ResetBody,
)
from local.sandbox.control.views import channel_view, failures_view
from local.sandbox.failures import Failure
from local.sandbox.messenger import ChatType, InjectedFailure, Membership
from local.sandbox.world import World

FORBIDDEN_IN_HANDLES = set(" ,/\\{}()<>\"'\t\r\n")
LONGEST_HANDLE = 100


async def put_channel(world: World, request: Request, body: ChannelBody) -> object:
    platform = platform_of(request)
    handle = request.path_params["handle"].removeprefix("@")
    if not handle or len(handle) > LONGEST_HANDLE or FORBIDDEN_IN_HANDLES & set(handle):
        message = f"a handle has 1 to {LONGEST_HANDLE} characters, without spaces, commas, brackets or slashes"
        raise ControlError(400, message)
    channel = world.channels.by_handle(platform, handle)
    if body.remove:
        if channel is None:
            message = f"no channel {handle} on {platform} to remove"
            raise ControlError(404, message)
        world.remove_channel(channel)
        return {"removed": channel_view(world, channel)}
    if body.hidden and platform != "youtube":
        message = f"{platform} does not hide counts: leave out `hidden`, or use `remove`"
        raise ControlError(400, message)
    if body.error and not (platform == "youtube" or (platform == "instagram" and body.error.isdecimal())):
        message = "`error` is a reason on youtube, such as channelClosed, or a code on instagram, such as 10"
        raise ControlError(400, message)
    check_id(world, platform, channel, body.id)
    if channel is None:
        channel = world.add_channel(platform, handle, name=body.name, channel_id=body.id)
    if body.count is not None or body.growth_per_second is not None:
        channel.set_growth(world.clock.now(), count=body.count, growth_per_second=body.growth_per_second)
    changed = body.model_dump(include={"views", "videos", "hidden", "error", "name"}, exclude_none=True)
    for name, value in changed.items():
        setattr(channel, name, value)
    if platform == "telegram" and body.name is not None:
        world.messenger.put(int(channel.id), title=body.name)
    return channel_view(world, channel)


def check_id(world: World, platform: Platform, channel: Channel | None, wanted: str | None) -> None:
    if wanted is None or (channel is not None and channel.id == wanted):
        return
    if channel is not None:
        message = f"{channel.handle} has the id {channel.id}, and ids cannot change: remove the channel first"
        raise ControlError(409, message)
    if platform == "telegram" and not (wanted.startswith("-") and wanted[1:].isdecimal()):
        message = "a Telegram channel's id is a negative whole number, such as -1001234567890"
        raise ControlError(400, message)
    used = platform == "telegram" and int(wanted) in world.messenger.chats
    if used or world.channels.by_id(platform, wanted) is not None:
        message = f"the id {wanted} is already used on {platform}"
        raise ControlError(409, message)


async def inject_failure(world: World, request: Request, body: FailureBody) -> object:
    until = None if body.seconds is None else world.clock.now() + body.seconds
    failure = Failure(body.mode, until, body.requests, body.retry_after, body.delay)
    world.failures.inject(service_of(request), failure)
    return {"failures": failures_view(world)}


async def end_failure(world: World, request: Request, _: Nothing) -> object:
    platform = service_of(request)
    world.failures.end(platform)
    if platform == "telegram":
        world.messenger.send_limits.release()
        world.messenger.injected_failures.clear()
    return {"failures": failures_view(world)}


async def write_message(world: World, request: Request, body: MessageBody) -> object:
    text = request.path_params["chat_id"]
    known = world.messenger.find(text)
    chat_id = number(text, "chat_id") if known is None else known.id
    check_type(chat_id, body.type)
    ids = world.messenger.write(chat_id, body.text, body.type, body.title, body.sender)
    webhook = world.messenger.updates.webhook
    return {**ids, "chat_id": chat_id, "webhook": None if webhook is None else webhook.url}


def check_type(chat_id: int, chat_type: ChatType | None) -> None:
    if chat_id == 0 or (chat_type is not None and (chat_type == "private") != (chat_id > 0)):
        message = f"chat_id {chat_id}: private chats have positive ids, groups and channels negative ones"
        raise ControlError(400, message)


async def put_chat(world: World, request: Request, body: ChatBody) -> object:
    text = request.path_params["chat_id"]
    known = world.messenger.find(text)
    chat_id = number(text, "chat_id") if known is None else known.id
    check_type(chat_id, body.type)
    chat = world.messenger.put(chat_id, body.type, body.title)
    chat.bot = body.bot
    chat.username = chat.username if body.username is None else body.username.removeprefix("@")
    chat.members = chat.members if body.members is None else body.members
    return asdict(chat)


def membership_change(
    to: Membership, *, private: bool | None
) -> Callable[[World, Request, Nothing], Awaitable[object]]:
    async def change(world: World, request: Request, _: Nothing) -> object:
        chat = chat_of(world, request)
        if private is not None and (chat.type == "private") != private:
            other = "kick" if private else "block"
            message = f"chat {chat.id} is a {chat.type}: POST /control/telegram/chats/{chat.id}/{other} instead"
            raise ControlError(400, message)
        return {"update_id": world.messenger.change_membership(chat, to), "chat": asdict(chat)}

    return change


async def deactivate(world: World, request: Request, _: Nothing) -> object:
    chat = chat_of(world, request)
    chat.deactivated = True
    return {"chat": asdict(chat)}


async def migrate(world: World, request: Request, body: MigrateBody) -> object:
    return {"chat": asdict(world.messenger.migrate(chat_of(world, request), body.to))}


async def fail_next(world: World, _request: Request, body: FailNextBody) -> object:
    failure = InjectedFailure(body.method, body.status, body.description, body.times, body.after_accepting)
    world.messenger.injected_failures.append(failure)
    return {"fail_next": [asdict(failure) for failure in world.messenger.injected_failures]}


async def put_limits(world: World, _request: Request, body: LimitsBody) -> object:
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(world.limits, name, value)
    return {"limits": asdict(world.limits)}


async def start_demo(world: World, _request: Request, _: Nothing) -> object:
    demo.apply(world)
    return {
        "channels": demo.channels(),
        "creators": demo.creators(),
        "chats": [asdict(chat) for chat in world.messenger.chats.values()],
    }


async def reset(world: World, _request: Request, body: ResetBody) -> object:
    world.reset(webhook=body.webhook)
    return {"reset": True}
