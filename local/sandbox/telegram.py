"""The part of Telegram's Bot API that Cairn uses, with its limits and its exact error messages.

https://core.telegram.org/bots/api; where that is silent, https://github.com/tdlib/telegram-bot-api. Differences: `http`
webhooks are accepted (as by `telegram-bot-api --local`), Markdown is rejected as an unsupported parse_mode, and the bot
reads all messages of a group. The 4,096 characters are counted in UTF-16 code units, the strictest interpretation.
"""

import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.entities import Entity, EntityError, parse_html, utf16_length
from local.sandbox.failures import DroppedConnection, Failure, FailureResponses
from local.sandbox.messenger import Chat, InjectedFailure, Refused
from local.sandbox.service import served
from local.sandbox.updates import Webhook
from local.sandbox.world import World

TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]*")
LONGEST_TEXT = 4096
LONGEST_SECRET = 256
MOST_UPDATES = 100

Parameters = dict[str, Any]


class BotApiError(Exception):
    """An error of the Bot API; the HTTP status is its error code."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def answer(self) -> JSONResponse:
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = self.parameters
        retry_after = self.parameters.get("retry_after")
        headers = None if retry_after is None else {"Retry-After": str(retry_after)}
        return JSONResponse(body, status_code=self.code, headers=headers)


def bad_request(what: str, **parameters: int) -> BotApiError:
    return BotApiError(400, f"Bad Request: {what}", **parameters)


def too_many_requests(seconds: int) -> BotApiError:
    return BotApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def forbidden(chat: Chat) -> BotApiError | None:
    """Why the bot may not write in a chat; None when it may."""
    if chat.migrated_to is not None:
        return bad_request("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
    where = f"{chat.type} chat"
    if chat.deactivated:
        return BotApiError(
            403, "Forbidden: user is deactivated" if chat.type == "private" else f"Forbidden: the {where} was deleted"
        )
    if chat.bot == "kicked":
        blocked = "bot was blocked by the user" if chat.type == "private" else f"bot was kicked from the {where}"
        return BotApiError(403, f"Forbidden: {blocked}")
    if chat.bot == "absent":
        absent = (
            "bot can't initiate conversation with a user"
            if chat.type == "private"
            else f"bot is not a member of the {where}"
        )
        return BotApiError(403, f"Forbidden: {absent}")
    return None


class BotApi:
    """The methods by their lower-case names: the Bot API ignores case."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._methods: dict[str, Callable[[Parameters], Awaitable[tuple[Any, str | None]]]] = {
            "getme": self._get_me,
            "getchat": self._get_chat,
            "getchatmembercount": self._get_chat_member_count,
            "sendmessage": self._send_message,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
            "getupdates": self._get_updates,
        }

    async def call(self, method: str, parameters: Parameters) -> Response:
        """One call of the API, in Telegram's envelope."""
        run = self._methods.get(method.lower())
        if run is None:
            return BotApiError(404, "Not Found").answer()
        if failure := self._injected_failure(method, after_accepting=False):
            self.log_rejection(method, parameters, failure.status, failure.description)
            return _lost(failure)
        try:
            result, description = await run(parameters)
        except BotApiError as error:
            self.log_rejection(method, parameters, error.code, error.description, error.parameters.get("retry_after"))
            return error.answer()
        if failure := self._injected_failure(method, after_accepting=True):
            return _lost(failure)
        described = {} if description is None else {"description": description}
        return JSONResponse({"ok": True, "result": result, **described})

    async def reply(self, method: str, parameters: Parameters) -> None:
        """A call in a webhook's response."""
        await self.call(method, parameters)

    def _injected_failure(self, method: str, *, after_accepting: bool) -> InjectedFailure | None:
        failures = self._world.messenger.injected_failures
        for failure in failures:
            if failure.after_accepting == after_accepting and (failure.method or method).lower() == method.lower():
                failure.times -= 1
                if failure.times == 0:
                    failures.remove(failure)
                return failure
        return None

    def log_rejection(
        self, method: str, parameters: Parameters, status: int | None, description: str, retry_after: int | None = None
    ) -> None:
        """Log a rejected message, whatever the reason."""
        if method.lower() == "sendmessage":
            chat_id, text = str(parameters.get("chat_id", "")), str(parameters.get("text", ""))
            refused = Refused(
                self._world.clock.now_ms(), "sendMessage", chat_id, text, status, description, retry_after
            )
            self._world.messenger.refused.append(refused)

    def _chat(self, parameters: Parameters) -> Chat:
        chat_id = parameters.get("chat_id")
        if chat_id is None or chat_id == "" or isinstance(chat_id, bool):
            raise bad_request("chat_id is empty")
        chat = self._world.messenger.find(str(chat_id))
        if chat is None:
            raise bad_request("chat not found")
        return chat

    async def _get_me(self, _: Parameters) -> tuple[Any, str | None]:
        abilities = {"can_join_groups": True, "can_read_all_group_messages": True, "supports_inline_queries": False}
        return self._world.messenger.bot_user() | abilities, None

    async def _get_chat(self, parameters: Parameters) -> tuple[Any, str | None]:
        chat = self._chat(parameters)
        return chat.as_telegram() | {"accent_color_id": chat.id % 7, "max_reaction_count": 11}, None

    async def _get_chat_member_count(self, parameters: Parameters) -> tuple[Any, str | None]:
        chat = self._chat(parameters)
        if chat.migrated_to is not None and (error := forbidden(chat)):
            raise error
        if chat.type != "private" and chat.username is None and (error := forbidden(chat)):
            raise error
        channel = self._world.channels.by_id("telegram", str(chat.id))
        return chat.members if channel is None else channel.count(self._world.clock.now()), None

    async def _send_message(self, parameters: Parameters) -> tuple[Any, str | None]:
        messenger = self._world.messenger
        if held := messenger.send_limits.held_for():
            raise too_many_requests(held)
        source = parameters.get("text")
        if not isinstance(source, str) or not source.strip():
            raise bad_request("message text is empty")
        text, entities, parse_mode = source, list[Entity](), parameters.get("parse_mode") or None
        if parse_mode is not None:
            if str(parse_mode).lower() != "html":
                raise bad_request("unsupported parse_mode")
            try:
                text, entities = parse_html(source)
            except EntityError as error:
                description = f"can't parse entities: {error}"
                raise bad_request(description) from error
        if not text.strip():
            raise bad_request("message text is empty")
        if utf16_length(text) > LONGEST_TEXT:
            raise bad_request("message is too long")
        chat = self._chat(parameters)
        if refusal := forbidden(chat):
            raise refusal
        if seconds := messenger.send_limits.claim(chat.id, private=chat.type == "private"):
            raise too_many_requests(seconds)
        return messenger.accept(chat, text, source, parse_mode, entities), None

    async def _set_webhook(self, parameters: Parameters) -> tuple[Any, str | None]:
        updates = self._world.messenger.updates
        url = str(parameters.get("url") or "").strip()
        if not url:
            return await self._delete_webhook(parameters)
        address = urlsplit(url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        secret = str(parameters.get("secret_token") or "")
        if len(secret) > LONGEST_SECRET:
            raise bad_request("secret token is too long")
        if not SECRET_TOKEN.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        self._allow(parameters)
        if _truth(parameters.get("drop_pending_updates")):
            updates.drop_pending()
        webhook = Webhook(url, secret or None, _whole_number(parameters, "max_connections", 40))
        if webhook == updates.webhook:
            return True, "Webhook is already set"
        updates.last_error = None
        updates.set_webhook(webhook)
        return True, "Webhook was set"

    async def _delete_webhook(self, parameters: Parameters) -> tuple[Any, str | None]:
        updates = self._world.messenger.updates
        if _truth(parameters.get("drop_pending_updates")):
            updates.drop_pending()
        if updates.webhook is None:
            return True, "Webhook is already deleted"
        updates.set_webhook(None)
        return True, "Webhook was deleted"

    async def _get_webhook_info(self, _: Parameters) -> tuple[Any, str | None]:
        updates = self._world.messenger.updates
        webhook = updates.webhook
        info: dict[str, Any] = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(updates.pending()),
        }
        if webhook is not None:
            info["max_connections"] = webhook.max_connections
            if updates.last_error is not None:
                info["last_error_date"], info["last_error_message"] = updates.last_error
        if updates.allowed:
            info["allowed_updates"] = list(updates.allowed)
        return info, None

    async def _get_updates(self, parameters: Parameters) -> tuple[Any, str | None]:
        updates = self._world.messenger.updates
        if updates.webhook is not None:
            description = (
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            )
            raise BotApiError(409, f"Conflict: {description}")
        self._allow(parameters)
        limit = min(MOST_UPDATES, max(1, _whole_number(parameters, "limit", MOST_UPDATES)))
        seconds = min(50, max(0, _whole_number(parameters, "timeout", 0)))
        found = await updates.fetch(_whole_number(parameters, "offset", 0), limit, seconds)
        return [update.as_telegram() for update in found], None

    def _allow(self, parameters: Parameters) -> None:
        allowed = parameters.get("allowed_updates")
        if isinstance(allowed, str):
            try:
                allowed = json.loads(allowed)
            except ValueError:
                raise bad_request("can't parse allowed updates JSON object") from None
        if allowed is None:
            return
        if not isinstance(allowed, list) or not all(isinstance(kind, str) for kind in allowed):
            raise bad_request("allowed updates must be an Array of String")
        self._world.messenger.updates.allowed = tuple(allowed)


def _truth(value: object) -> bool:
    return value is True or str(value).lower() in {"true", "yes", "1"}


def _whole_number(parameters: Parameters, name: str, default: int) -> int:
    try:
        return int(parameters.get(name, default))
    except (TypeError, ValueError):
        return default


def _lost(failure: InjectedFailure) -> Response:
    return DroppedConnection() if failure.status is None else BotApiError(failure.status, failure.description).answer()


async def parameters_of(request: Request) -> Parameters:
    """A call's parameters from the query and the body (JSON, form or multipart); the body wins."""
    parameters: Parameters = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "").lower()
    if not body:
        return parameters
    if kind.startswith("application/json"):
        try:
            sent = json.loads(body)
        except ValueError:
            raise bad_request("can't parse request: can't parse JSON object") from None
        if not isinstance(sent, dict):
            raise bad_request("can't parse request: expected an Object")
        return parameters | sent
    if kind.startswith("multipart/form-data"):
        envelope = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type(request) + b"\r\n\r\n" + body)
        parts = ((str(p.get_param("name", "", "content-disposition")), p.get_content()) for p in envelope.iter_parts())
        return parameters | {name: value.strip() if isinstance(value, str) else value for name, value in parts}
    return parameters | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def content_type(request: Request) -> bytes:
    return request.headers["content-type"].encode("latin-1")


def routes(world: World) -> list[Route]:
    api = BotApi(world)
    world.messenger.updates.on_reply = api.reply

    def rate_limited(failure: Failure) -> Response:
        world.messenger.send_limits.hold(failure.retry_after)
        return too_many_requests(failure.retry_after).answer()

    responses: FailureResponses = {
        "broken": lambda _: BotApiError(502, "Bad Gateway").answer(),
        "quota": rate_limited,
        "rate_limited": rate_limited,
    }

    async def call(request: Request) -> Response:
        token = request.path_params["token"]
        if not TOKEN.fullmatch(token):
            return BotApiError(404, "Not Found").answer()
        if token != world.keys.telegram:
            return BotApiError(401, "Unauthorized").answer()
        try:
            parameters = await parameters_of(request)
        except BotApiError as error:
            return error.answer()
        return await api.call(request.path_params["method"], parameters)

    answered = served(world, "telegram", call, responses)

    async def endpoint(request: Request) -> Response:
        answer = await answered(request)
        failure: Failure | None = request.state.failure
        if failure is not None and failure.mode != "slow" and request.path_params["token"] == world.keys.telegram:
            status = None if isinstance(answer, DroppedConnection) else answer.status_code
            with contextlib.suppress(BotApiError):
                parameters = await parameters_of(request)
                api.log_rejection(request.path_params["method"], parameters, status, f"sandbox failure: {failure.mode}")
        return answer

    paths = ("/telegram/bot{token}/{method}", "/bot{token}/{method}")
    return [Route(path, endpoint, methods=["GET", "POST"]) for path in paths]
