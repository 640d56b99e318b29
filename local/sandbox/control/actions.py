"""Every route of the control API, with the words in which `GET /control` describes it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from local.sandbox.control import changes, views
from local.sandbox.control.bodies import (
    Body,
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
from local.sandbox.world import World


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


async def describe(_world: World, _request: Request, _: Nothing) -> object:
    return {
        "about": "Cairn's sandbox. Bodies are JSON; times are ms.",
        "routes": [action.described() for action in ACTIONS],
    }


CHAT = "/control/telegram/chats/{chat_id}"
FAILURE = "/control/platforms/{platform}/failure"
SINCE = {"since": "only from this time on, in ms"}
ACTIONS = (
    Action("GET", "/control", "this list", describe),
    Action("GET", "/control/state", "channels, chats, failures, limits and what is used of them", views.state),
    Action(
        "PUT",
        "/control/channels/{platform}/{handle}",
        "make a channel or change what is given of it; or remove it",
        changes.put_channel,
        ChannelBody,
        example={"count": 99990, "growth_per_second": 2, "name": "Stone & Trail"},
    ),
    Action(
        "POST",
        FAILURE,
        "make a platform fail",
        changes.order_failure,
        FailureBody,
        example={"mode": "quota", "seconds": 60},
    ),
    Action("DELETE", FAILURE, "heal a platform; for telegram, release the bot and forget fail_next too", changes.heal),
    Action(
        "POST",
        f"{CHAT}/message",
        "somebody writes to the bot; makes the chat if it is new",
        changes.write_message,
        MessageBody,
        example={"text": "/start", "type": "group", "title": "Trail crew", "from": "Ada"},
    ),
    Action(
        "PUT",
        CHAT,
        "make or change a chat without telling the bot",
        changes.put_chat,
        ChatBody,
        example={"title": "Ada"},
    ),
    Action("POST", f"{CHAT}/block", "a person blocks the bot", changes.membership_change("kicked", private=True)),
    Action(
        "POST", f"{CHAT}/kick", "a group or channel removes the bot", changes.membership_change("kicked", private=False)
    ),
    Action("POST", f"{CHAT}/unblock", "the bot is let in (again)", changes.membership_change("member", private=None)),
    Action(
        "POST",
        f"{CHAT}/deactivate",
        "the person's account, or the group, is deleted; the bot is not told",
        changes.deactivate,
    ),
    Action(
        "POST",
        f"{CHAT}/migrate",
        "a group becomes a supergroup with another id",
        changes.migrate,
        MigrateBody,
        example={},
    ),
    Action(
        "GET",
        "/control/telegram/sent",
        "messages that were accepted, oldest first: `text` as seen, `source` as sent",
        views.sent,
        query={"chat_id": "only this chat", "after": "only with a greater message_id", **SINCE},
    ),
    Action(
        "GET",
        "/control/telegram/refused",
        "messages that were not accepted, and why; status null: connection dropped",
        views.refused,
        query={"chat_id": "only this chat, as the bot wrote it", **SINCE},
    ),
    Action(
        "GET",
        "/control/telegram/updates",
        "what the bot was or is to be told: tries, outcome, last_error",
        views.updates,
        query={"after": "only with a greater update_id"},
    ),
    Action(
        "POST",
        "/control/telegram/fail_next",
        "fail the next calls of the Bot API, before or after carrying them out",
        changes.fail_next,
        FailNextBody,
        example={"method": "sendMessage", "times": 1, "after_accepting": True},
    ),
    Action(
        "GET",
        "/control/requests",
        "calls of the platforms, oldest first, without keys",
        views.requests,
        query={"platform": "youtube, telegram or instagram", **SINCE},
    ),
    Action(
        "PUT",
        "/control/limits",
        "change limits",
        changes.put_limits,
        LimitsBody,
        example={"telegram_messages_a_second": 5},
    ),
    Action("POST", "/control/demo", "set up the demo's channels and chats, growing from now", changes.start_demo),
    Action(
        "POST",
        "/control/reset",
        "an empty world; the webhook stays unless told otherwise",
        changes.reset,
        ResetBody,
        example={},
    ),
)
