"""Parses requests; a ControlError says what to correct, before any change is made."""

from collections.abc import Iterable
from typing import cast

from pydantic import ValidationError
from starlette.requests import Request

from local.sandbox.channels import PLATFORMS, Platform
from local.sandbox.control.schemas import Body
from local.sandbox.failures import SERVICES, Service
from local.sandbox.messenger import Chat
from local.sandbox.world import World


class ControlError(Exception):
    """Invalid input: what is wrong, and what to change."""

    def __init__(self, status: int, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "details": list(details)}


async def body_of(request: Request, schema: type[Body]) -> Body:
    raw = await request.body()
    try:
        return schema.model_validate_json(raw or b"{}")
    except ValidationError as error:
        details = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
        known = [info.alias or name for name, info in schema.model_fields.items()]
        hint = f"this route accepts {', '.join(known)}" if known else "this route accepts no body"
        message = f"invalid body: {'; '.join(details)}; {hint}"
        raise ControlError(400, message, details) from None


def platform_of(request: Request) -> Platform:
    platform = request.path_params["platform"]
    if platform not in PLATFORMS:
        message = f"unknown platform {platform!r}: use one of {', '.join(PLATFORMS)}"
        raise ControlError(404, message)
    return cast("Platform", platform)


def service_of(request: Request) -> Service:
    """A platform that can fail: Fanvue too, which has no channels."""
    service = request.path_params["platform"]
    if service not in SERVICES:
        message = f"unknown platform {service!r}: use one of {', '.join(SERVICES)}"
        raise ControlError(404, message)
    return cast("Service", service)


def chat_of(world: World, request: Request) -> Chat:
    chat_id = request.path_params["chat_id"]
    chat = world.messenger.find(chat_id)
    if chat is None:
        number(chat_id, "chat_id")
        message = f"no chat {chat_id}: create it with PUT /control/telegram/chats/{chat_id} or POST to its /message"
        raise ControlError(404, message)
    return chat


def number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = f"{name} must be a whole number, not {text!r}"
        raise ControlError(400, message) from None


def query_number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    return None if text is None else number(text, name)
