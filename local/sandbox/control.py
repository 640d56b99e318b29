"""The control API: what a test or a person can do to the world, and see of it. `GET /control` lists every route.

Bodies and answers are JSON; wrong input is a 4xx `{"error": …, "details": […]}` that says what to change, and changes
nothing. Times are milliseconds since the epoch. No answer holds a key.

Counts
    PUT  /control/channels/youtube/@stone   {"count": 99990, "growth_per_second": 2, "name": "Stone & Trail"}
         Creates the channel or changes what is given. Counts grow by the second from when they were set.
    PUT  /control/channels/youtube/@stone   {"hidden": true}      only YouTube hides counts
    PUT  /control/channels/youtube/@stone   {"remove": true}      the platform no longer knows it

Failures, one a platform at a time, until healed (DELETE), for `seconds`, or for the next `requests`
    POST /control/platforms/youtube/failure    {"mode": "quota"}
    POST /control/platforms/telegram/failure   {"mode": "rate_limited", "retry_after": 7, "requests": 1}
    POST /control/platforms/instagram/failure  {"mode": "slow", "delay": 2.5, "seconds": 60}
         `slow` answers late, `broken` with 5xx, `timeout` never (it hangs for `delay` and drops the connection),
         `malformed` with half a JSON document; `quota` and `rate_limited` as the platform words them.
    POST /control/telegram/fail_next           {"method": "sendMessage", "times": 1, "after_accepting": true}
         Without `status` the connection is dropped. `after_accepting` means that the message did arrive and only the
         answer is lost: the one case in which a sender cannot know.

People on Telegram
    POST /control/telegram/chats/1001/message  {"text": "/start"}
    POST /control/telegram/chats/-2001/message {"text": "/start", "type": "group", "title": "Trail crew"}
    POST /control/telegram/chats/1001/block · unblock · deactivate
    POST /control/telegram/chats/-2001/kick · unblock · deactivate · migrate
    PUT  /control/telegram/chats/1001          {"title": "Ada"}     make or change a chat without telling the bot

What happened
    GET /control/state · /control/requests?platform=youtube · /control/telegram/sent?chat_id=1001&after=12
    GET /control/telegram/refused · /control/telegram/updates

The world as a whole
    PUT /control/limits {"telegram_messages_a_second": 5} · POST /control/demo · POST /control/reset
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox import demo
from local.sandbox.channels import PLATFORMS, Channel, Platform
from local.sandbox.failures import RETRY_AFTER_SECONDS, Failure, Mode
from local.sandbox.messenger import Chat, ChatError, ChatType, Membership, OrderedFailure
from local.sandbox.world import World
from local.sandbox.youtube import rounded

HANDLE_FORBIDS = set(" ,/\\{}()<>\"'\t\r\n")
LONGEST_HANDLE = 100
LARGEST_COUNT = 10**12

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class ControlError(Exception):
    """Wrong input: what is wrong, and what to change."""

    def __init__(self, status: int, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "details": list(details)}


class Body(BaseModel):
    """What a route takes; names it does not know are mistakes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Nothing(Body):
    """A route that takes no body, or an empty one."""


class ChannelBody(Body):
    count: Count | None = Field(None, description="followers now")
    views: Count | None = Field(None, description="views of all videos (YouTube)")
    videos: Count | None = Field(None, description="videos, or posts on Instagram")
    hidden: bool | None = Field(None, description="the count is hidden (YouTube)")
    id: Name | None = Field(None, description="the platform's own id; made from the handle if not given")
    name: Name | None = Field(None, description="display name")
    growth_per_second: float | None = Field(None, ge=-1e9, le=1e9, description="followers won a second, from now on")
    remove: bool = Field(False, description="true: the platform no longer knows the channel")


class FailureBody(Body):
    mode: Mode = Field(description="slow, broken, quota, rate_limited, timeout or malformed")
    seconds: float | None = Field(None, gt=0, description="heals after so many seconds")
    requests: int | None = Field(None, gt=0, description="heals after so many requests")
    retry_after: int = Field(RETRY_AFTER_SECONDS, gt=0, le=86_400, description="seconds named in a rate limit's answer")
    delay: float | None = Field(None, ge=0, le=3600, description="seconds waited before answering")


class MessageBody(Body):
    text: str = Field(min_length=1, max_length=4096, description="what is written")
    type: ChatType | None = Field(None, description="private, group, supergroup or channel, when the chat is new")
    title: Name | None = Field(None, description="the person's or the group's name")
    sender: Name | None = Field(None, alias="from", description="first name of who writes, in a group")


class ChatBody(Body):
    type: ChatType | None = Field(None, description="private, group, supergroup or channel, when the chat is new")
    title: Name | None = Field(None, description="the person's or the group's name")
    username: Name | None = Field(None, description="its @username, without the @")
    members: Count | None = Field(None, description="what getChatMemberCount answers")
    bot: Membership = Field("member", description="member, absent or kicked (in a private chat: blocked)")


class MigrateBody(Body):
    to: int | None = Field(None, lt=-(10**12), description="id of the supergroup; made from the group's if not given")


class FailNextBody(Body):
    method: Name | None = Field(None, description="only calls of this method, such as sendMessage; any if not given")
    status: int | None = Field(None, ge=400, le=599, description="HTTP status; if not given the connection is dropped")
    description: str = Field("Internal Server Error", description="Telegram's description")
    times: int = Field(1, gt=0, le=10_000, description="how many calls fail")
    after_accepting: bool = Field(False, description="the call is carried out and only its answer is lost")


class LimitsBody(Body):
    youtube_units_a_day: int | None = Field(None, ge=0)
    instagram_calls_an_hour: int | None = Field(None, ge=0)
    telegram_messages_a_second: int | None = Field(None, ge=1)
    telegram_private_messages_a_second: int | None = Field(None, ge=1)
    telegram_group_messages_a_minute: int | None = Field(None, ge=1)


class ResetBody(Body):
    webhook: bool = Field(False, description="true: forget the bot's webhook too")


@dataclass(frozen=True)
class Action:
    """One route: how to call it, and what it does."""

    method: str
    path: str
    does: str
    run: Callable[[World, Request, Any], Awaitable[object]]
    takes: type[Body] = Nothing
    query: dict[str, str] = field(default_factory=dict)
    example: dict[str, Any] | None = None

    def described(self) -> dict[str, Any]:
        about: dict[str, Any] = {"method": self.method, "path": self.path, "does": self.does}
        if self.query:
            about["query"] = self.query
        if self.takes is not Nothing:
            about["body"] = {
                info.alias or name: info.description or "" for name, info in self.takes.model_fields.items()
            }
        if self.example is not None:
            about["example"] = self.example
        return about


def platform_of(request: Request) -> Platform:
    platform = request.path_params["platform"]
    if platform not in PLATFORMS:
        message = f"unknown platform {platform!r}: use one of {', '.join(PLATFORMS)}"
        raise ControlError(404, message)
    return cast("Platform", platform)


def chat_of(world: World, request: Request) -> Chat:
    given = request.path_params["chat_id"]
    chat = world.messenger.find(given)
    if chat is None:
        number(given, "chat_id")
        message = f"no chat {given}: PUT /control/telegram/chats/{given}, or a POST to its /message, makes it"
        raise ControlError(404, message)
    return chat


def number(given: str, name: str) -> int:
    try:
        return int(given)
    except ValueError:
        message = f"{name} must be a whole number, not {given!r}"
        raise ControlError(400, message) from None


def asked_number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    return None if given is None else number(given, name)


def seen_channel(world: World, channel: Channel) -> dict[str, Any]:
    """A channel with its true count, and `shown`: what its platform says of it."""
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
    }


def seen_failures(world: World) -> dict[str, Any]:
    now = world.clock.now()
    return {
        platform: {
            "mode": failure.mode,
            "seconds_left": None if failure.until is None else round(failure.until - now, 3),
            "requests_left": failure.requests_left,
            "retry_after": failure.retry_after,
            "delay": failure.delay,
        }
        for platform, failure in world.failures.in_force().items()
    }


async def describe(_world: World, _request: Request, _: Nothing) -> object:
    return {
        "about": "Cairn's sandbox. Bodies are JSON; times are ms.",
        "routes": [action.described() for action in ACTIONS],
    }


async def state(world: World, _request: Request, _: Nothing) -> object:
    messenger = world.messenger
    webhook = messenger.updates.webhook
    return {
        "now": world.clock.now_ms(),
        "channels": [seen_channel(world, channel) for channel in world.in_order()],
        "failures": seen_failures(world),
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
            "fail_next": [asdict(order) for order in messenger.ordered_failures],
        },
    }


async def put_channel(world: World, request: Request, body: ChannelBody) -> object:
    platform = platform_of(request)
    handle = request.path_params["handle"].removeprefix("@")
    if not handle or len(handle) > LONGEST_HANDLE or HANDLE_FORBIDS & set(handle):
        message = f"a handle has 1 to {LONGEST_HANDLE} characters, without spaces, commas, brackets or slashes"
        raise ControlError(400, message)
    channel = world.channels.by_handle(platform, handle)
    if body.remove:
        if channel is None:
            message = f"no channel {handle} on {platform} to remove"
            raise ControlError(404, message)
        world.remove_channel(channel)
        return {"removed": seen_channel(world, channel)}
    if body.hidden and platform != "youtube":
        message = f"{platform} does not hide counts: leave out `hidden`, or use `remove`"
        raise ControlError(400, message)
    check_id(world, platform, channel, body.id)
    if channel is None:
        channel = world.add_channel(platform, handle, name=body.name, channel_id=body.id)
    if body.count is not None or body.growth_per_second is not None:
        channel.set_growth(world.clock.now(), count=body.count, growth_per_second=body.growth_per_second)
    changed = body.model_dump(include={"views", "videos", "hidden", "name"}, exclude_none=True)
    for name, value in changed.items():
        setattr(channel, name, value)
    if platform == "telegram" and body.name is not None:
        world.messenger.put(int(channel.id), title=body.name)
    return seen_channel(world, channel)


def check_id(world: World, platform: Platform, channel: Channel | None, wanted: str | None) -> None:
    if wanted is None or (channel is not None and channel.id == wanted):
        return
    if channel is not None:
        message = f"{channel.handle} has the id {channel.id}, and ids do not change: remove the channel first"
        raise ControlError(409, message)
    if platform == "telegram" and not (wanted.startswith("-") and wanted[1:].isdecimal()):
        message = "a Telegram channel's id is a whole number below zero, such as -1001234567890"
        raise ControlError(400, message)
    taken = platform == "telegram" and int(wanted) in world.messenger.chats
    if taken or world.channels.by_id(platform, wanted) is not None:
        message = f"the id {wanted} is taken on {platform}"
        raise ControlError(409, message)


async def order_failure(world: World, request: Request, body: FailureBody) -> object:
    until = None if body.seconds is None else world.clock.now() + body.seconds
    failure = Failure(body.mode, until, body.requests, body.retry_after, body.delay)
    world.failures.order(platform_of(request), failure)
    return {"failures": seen_failures(world)}


async def heal(world: World, request: Request, _: Nothing) -> object:
    platform = platform_of(request)
    world.failures.heal(platform)
    if platform == "telegram":
        world.messenger.send_limits.release()
        world.messenger.ordered_failures.clear()
    return {"failures": seen_failures(world)}


async def write_message(world: World, request: Request, body: MessageBody) -> object:
    given = request.path_params["chat_id"]
    known = world.messenger.find(given)
    chat_id = number(given, "chat_id") if known is None else known.id
    check_type(chat_id, body.type)
    ids = world.messenger.write(chat_id, body.text, body.type, body.title, body.sender)
    webhook = world.messenger.updates.webhook
    return {**ids, "chat_id": chat_id, "webhook": None if webhook is None else webhook.url}


def check_type(chat_id: int, chat_type: ChatType | None) -> None:
    if chat_id == 0 or (chat_type is not None and (chat_type == "private") != (chat_id > 0)):
        message = f"chat_id {chat_id}: Telegram numbers private chats above zero, groups and channels below"
        raise ControlError(400, message)


async def put_chat(world: World, request: Request, body: ChatBody) -> object:
    given = request.path_params["chat_id"]
    known = world.messenger.find(given)
    chat_id = number(given, "chat_id") if known is None else known.id
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
            fitting = "kick" if private else "block"
            message = f"chat {chat.id} is a {chat.type}: POST /control/telegram/chats/{chat.id}/{fitting} instead"
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
    order = OrderedFailure(body.method, body.status, body.description, body.times, body.after_accepting)
    world.messenger.ordered_failures.append(order)
    return {"fail_next": [asdict(order) for order in world.messenger.ordered_failures]}


async def sent(world: World, request: Request, _: Nothing) -> object:
    chat_id, after = asked_number(request, "chat_id"), asked_number(request, "after")
    since = asked_number(request, "since")
    found = [
        asdict(message)
        for message in world.messenger.sent
        if (chat_id is None or message.chat_id == chat_id)
        and (after is None or message.message_id > after)
        and (since is None or message.time >= since)
    ]
    return {"messages": found}


async def refused(world: World, request: Request, _: Nothing) -> object:
    chat_id, since = request.query_params.get("chat_id"), asked_number(request, "since")
    found = [
        asdict(attempt)
        for attempt in world.messenger.refused
        if (chat_id is None or attempt.chat_id == chat_id) and (since is None or attempt.time >= since)
    ]
    return {"refused": found}


async def updates(world: World, request: Request, _: Nothing) -> object:
    after = asked_number(request, "after")
    return {"updates": [asdict(u) for u in world.messenger.updates.log if after is None or u.update_id > after]}


async def requests(world: World, request: Request, _: Nothing) -> object:
    platform, since = request.query_params.get("platform"), asked_number(request, "since")
    if platform is not None and platform not in PLATFORMS:
        message = f"unknown platform {platform!r}: use one of {', '.join(PLATFORMS)}"
        raise ControlError(400, message)
    found = [
        asdict(logged)
        for logged in world.requests
        if (platform is None or logged.platform == platform) and (since is None or logged.time >= since)
    ]
    return {"requests": found}


async def put_limits(world: World, _request: Request, body: LimitsBody) -> object:
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(world.limits, name, value)
    return {"limits": asdict(world.limits)}


async def start_demo(world: World, _request: Request, _: Nothing) -> object:
    demo.apply(world)
    return {"channels": demo.channels(), "chats": [asdict(chat) for chat in world.messenger.chats.values()]}


async def reset(world: World, _request: Request, body: ResetBody) -> object:
    world.reset(webhook=body.webhook)
    return {"reset": True}


CHAT = "/control/telegram/chats/{chat_id}"
FAILURE = "/control/platforms/{platform}/failure"
SINCE = {"since": "only from this time on, in ms"}
ACTIONS = (
    Action("GET", "/control", "this list", describe),
    Action("GET", "/control/state", "channels, chats, failures, limits and what is used of them", state),
    Action(
        "PUT",
        "/control/channels/{platform}/{handle}",
        "make a channel or change what is given of it; or remove it",
        put_channel,
        ChannelBody,
        example={"count": 99990, "growth_per_second": 2, "name": "Stone & Trail"},
    ),
    Action(
        "POST", FAILURE, "make a platform fail", order_failure, FailureBody, example={"mode": "quota", "seconds": 60}
    ),
    Action("DELETE", FAILURE, "heal a platform; for telegram, release the bot and forget fail_next too", heal),
    Action(
        "POST",
        f"{CHAT}/message",
        "somebody writes to the bot; makes the chat if it is new",
        write_message,
        MessageBody,
        example={"text": "/start", "type": "group", "title": "Trail crew", "from": "Ada"},
    ),
    Action("PUT", CHAT, "make or change a chat without telling the bot", put_chat, ChatBody, example={"title": "Ada"}),
    Action("POST", f"{CHAT}/block", "a person blocks the bot", membership_change("kicked", private=True)),
    Action("POST", f"{CHAT}/kick", "a group or channel removes the bot", membership_change("kicked", private=False)),
    Action("POST", f"{CHAT}/unblock", "the bot is let in (again)", membership_change("member", private=None)),
    Action(
        "POST", f"{CHAT}/deactivate", "the person's account, or the group, is deleted; the bot is not told", deactivate
    ),
    Action("POST", f"{CHAT}/migrate", "a group becomes a supergroup with another id", migrate, MigrateBody, example={}),
    Action(
        "GET",
        "/control/telegram/sent",
        "messages that were accepted, oldest first: `text` as seen, `source` as sent",
        sent,
        query={"chat_id": "only this chat", "after": "only with a greater message_id", **SINCE},
    ),
    Action(
        "GET",
        "/control/telegram/refused",
        "messages that were not accepted, and why; status null: connection dropped",
        refused,
        query={"chat_id": "only this chat, as the bot wrote it", **SINCE},
    ),
    Action(
        "GET",
        "/control/telegram/updates",
        "what the bot was or is to be told: tries, outcome, last_error",
        updates,
        query={"after": "only with a greater update_id"},
    ),
    Action(
        "POST",
        "/control/telegram/fail_next",
        "fail the next calls of the Bot API, before or after carrying them out",
        fail_next,
        FailNextBody,
        example={"method": "sendMessage", "times": 1, "after_accepting": True},
    ),
    Action(
        "GET",
        "/control/requests",
        "calls of the platforms, oldest first, without keys",
        requests,
        query={"platform": "youtube, telegram or instagram", **SINCE},
    ),
    Action(
        "PUT", "/control/limits", "change limits", put_limits, LimitsBody, example={"telegram_messages_a_second": 5}
    ),
    Action("POST", "/control/demo", "set up the demo's channels and chats, growing from now", start_demo),
    Action(
        "POST",
        "/control/reset",
        "an empty world; the webhook stays unless told otherwise",
        reset,
        ResetBody,
        example={},
    ),
)


def refuse_other_sites(request: Request) -> None:
    """A page of another site, open in the same browser, may not steer the sandbox."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ControlError(403, "requests from pages of other sites are refused")


async def body_of(request: Request, takes: type[Body]) -> Body:
    raw = await request.body()
    try:
        return takes.model_validate_json(raw or b"{}")
    except ValidationError as error:
        details = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
        known = [info.alias or name for name, info in takes.model_fields.items()]
        hint = f"this route takes {', '.join(known)}" if known else "this route takes no body"
        message = f"the body is not right: {'; '.join(details)}; {hint}"
        raise ControlError(400, message, details) from None


def routes(world: World) -> list[Route]:
    def endpoint(action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                refuse_other_sites(request)
                body = await body_of(request, action.takes) if action.method != "GET" else Nothing()
                return JSONResponse(await action.run(world, request, body))
            except ControlError as error:
                return JSONResponse(error.body, status_code=error.status)
            except ChatError as error:
                return JSONResponse({"error": str(error), "details": []}, status_code=409)

        return answer

    return [Route(action.path, endpoint(action), methods=[action.method]) for action in ACTIONS]
