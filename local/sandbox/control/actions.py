"""Every route of the control API, with its description in `GET /control`."""

from starlette.requests import Request

from local.sandbox.control import changes, crms, fanvue, views
from local.sandbox.control.action import Action
from local.sandbox.control.schemas import (
    ChannelBody,
    ChatBody,
    CrmBody,
    CrmFailureBody,
    FailNextBody,
    FailureBody,
    LimitsBody,
    MessageBody,
    MigrateBody,
    Nothing,
    ResetBody,
)
from local.sandbox.world import World


async def describe(_world: World, _request: Request, _: Nothing) -> object:
    return {
        "about": "Cairn's sandbox. Bodies are JSON; times are ms.",
        "routes": [action.described() for action in ACTIONS],
    }


CHAT = "/control/telegram/chats/{chat_id}"
CRM = "/control/crm/{name}"
FAILURE = "/control/platforms/{platform}/failure"
SINCE = {"since": "only at or after this time, in ms"}
ACTIONS = (
    Action("GET", "/control", "this list", describe),
    Action("GET", "/control/state", "channels, chats, CRMs, failures, limits and their use", views.state),
    Action(
        "PUT",
        "/control/channels/{platform}/{handle}",
        "create a channel, change the given fields, or remove it",
        changes.put_channel,
        ChannelBody,
        example={"count": 99990, "growth_per_second": 2, "name": "Stone & Trail"},
    ),
    Action(
        "POST",
        FAILURE,
        "make a platform fail: youtube, telegram, instagram or fanvue",
        changes.inject_failure,
        FailureBody,
        example={"mode": "quota", "seconds": 60},
    ),
    Action(
        "DELETE",
        FAILURE,
        "end a failure; for telegram, also unblock the bot and clear fail_next",
        changes.end_failure,
    ),
    Action(
        "POST",
        f"{CHAT}/message",
        "write to the bot as a user; creates the chat if it is new",
        changes.write_message,
        MessageBody,
        example={"text": "/start", "type": "group", "title": "Trail crew", "from": "Ada"},
    ),
    Action(
        "PUT",
        CHAT,
        "create or change a chat without an update to the bot",
        changes.put_chat,
        ChatBody,
        example={"title": "Ada"},
    ),
    Action("POST", f"{CHAT}/block", "a user blocks the bot", changes.membership_change("kicked", private=True)),
    Action(
        "POST", f"{CHAT}/kick", "a group or channel removes the bot", changes.membership_change("kicked", private=False)
    ),
    Action("POST", f"{CHAT}/unblock", "unblock or add the bot", changes.membership_change("member", private=None)),
    Action(
        "POST",
        f"{CHAT}/deactivate",
        "the user's account or the group is deleted; the bot gets no update",
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
        "accepted messages, oldest first: `text` as displayed, `source` as sent",
        views.sent,
        query={"chat_id": "only this chat", "after": "only message_ids greater than this", **SINCE},
    ),
    Action(
        "GET",
        "/control/telegram/refused",
        "rejected messages, and why; status null: connection dropped",
        views.refused,
        query={"chat_id": "only this chat, as the bot sent it", **SINCE},
    ),
    Action(
        "GET",
        "/control/telegram/updates",
        "the bot's updates: tries, outcome, last_error",
        views.updates,
        query={"after": "only update_ids greater than this"},
    ),
    Action(
        "POST",
        "/control/telegram/fail_next",
        "fail the next Bot API calls, before or after they take effect",
        changes.fail_next,
        FailNextBody,
        example={"method": "sendMessage", "times": 1, "after_accepting": True},
    ),
    Action(
        "GET",
        CRM,
        "what a CRM received at POST /crm/{name}, oldest first, and whether it is verified",
        crms.get_crm,
        query={"after": "only numbers greater than this", "webhook_id": "only this message"},
    ),
    Action(
        "PUT",
        CRM,
        "tell a CRM its endpoint's secret",
        crms.put_crm,
        CrmBody,
        example={"secret": "whsec_bm90IGEgcmVhbCBzZWNyZXQsIGJ1dCBsb25n"},
    ),
    Action(
        "POST",
        f"{CRM}/failure",
        "make a CRM fail",
        crms.fail_crm,
        CrmFailureBody,
        example={"mode": "status", "status": 503, "retry_after": 7, "retry_after_as": "date", "percent": 20},
    ),
    Action("DELETE", f"{CRM}/failure", "end a CRM's failure", crms.end_crm_failure),
    *fanvue.ACTIONS,
    Action(
        "GET",
        "/control/requests",
        "requests to the platforms, oldest first, without keys",
        views.requests,
        query={"platform": "youtube, telegram, instagram or fanvue", **SINCE},
    ),
    Action(
        "PUT",
        "/control/limits",
        "change limits",
        changes.put_limits,
        LimitsBody,
        example={"telegram_messages_a_second": 5},
    ),
    Action("POST", "/control/demo", "the demo's channels, chats and creators, growing from now", changes.start_demo),
    Action(
        "POST",
        "/control/reset",
        "remove everything; webhooks and the CRMs' secrets stay unless `webhook` is true",
        changes.reset,
        ResetBody,
        example={},
    ),
)
