"""What a caller asks, parsed; a ControlError says what to change before anything has changed."""

from collections.abc import Iterable
from typing import cast
from urllib.parse import urlsplit

from pydantic import ValidationError
from starlette.requests import Request

from local.sandbox.channels import PLATFORMS, Platform
from local.sandbox.control.bodies import Body
from local.sandbox.messenger import Chat
from local.sandbox.world import World


class ControlError(Exception):
    """Wrong input: what is wrong, and what to change."""

    def __init__(self, status: int, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "details": list(details)}


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
