"""Instagram's business discovery: one username per call, error codes in the body, usage percentages in headers.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/business_discovery.
A personal or unknown account is error 110 with subcode 2207013. The limit is on calls in the last hour; beyond it every
call is error 4. A rate limit injected by the control API is error 613. An account with an `error` answers that code.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.channels import Channel
from local.sandbox.failures import Failure, FailureResponses
from local.sandbox.service import served
from local.sandbox.world import World

VERSION = re.compile(r"v\d+\.\d+")
FIELD = re.compile(r"(?P<name>\w+)(?:\.(?P<modifier>\w+)\((?P<argument>[^(){},]*)\))?")
FULL = 100

PUBLIC_FIELDS: dict[str, Callable[[Channel, float], object]] = {
    "id": lambda channel, _: channel.id,
    "username": lambda channel, _: channel.handle.lower(),
    "name": lambda channel, _: channel.name,
    "biography": lambda channel, _: f"{channel.name}, in Cairn's sandbox.",
    "followers_count": lambda channel, now: channel.count(now),
    "follows_count": lambda _channel, _now: 42,
    "media_count": lambda channel, _: channel.videos,
}


class GraphError(Exception):
    """An error of the Graph API, with its message."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        kind: str = "OAuthException",
        status: int = 400,
        transient: bool | None = None,
        user_message: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, "type": kind, "code": code}
        if subcode is not None:
            self.body["error_subcode"] = subcode
        if transient is not None:
            self.body["is_transient"] = transient
        if user_message is not None:
            self.body |= {"error_user_title": user_message[0], "error_user_msg": user_message[1]}
        self.body["fbtrace_id"] = "A" + hashlib.sha256(message.encode()).hexdigest()[:22]

    def answer(self, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"error": self.body}, status_code=self.status, headers=headers)


@dataclass(frozen=True)
class Field:
    """A requested field: `name.modifier(argument){fields}`."""

    name: str
    modifier: str | None
    argument: str | None
    fields: tuple["Field", ...]


def parse_fields(source: str) -> tuple[Field, ...]:
    """Graph's field expansion; GraphError 2500 for a syntax error."""
    fields, rest = _fields(source.strip())
    if rest:
        raise _syntax_error(rest)
    return fields


def _syntax_error(rest: str) -> GraphError:
    return GraphError(2500, f'Syntax error "Expected end of string instead of "{rest[:1]}"." at character {len(rest)}')


def _fields(source: str) -> tuple[tuple[Field, ...], str]:
    found: list[Field] = []
    rest = source
    while match := FIELD.match(rest):
        rest = rest[match.end() :]
        inner: tuple[Field, ...] = ()
        if rest.startswith("{"):
            inner, rest = _fields(rest[1:].lstrip())
            if not rest.startswith("}"):
                raise _syntax_error(rest)
            rest = rest[1:]
        found.append(Field(match["name"], match["modifier"], match["argument"], inner))
        rest = rest.lstrip()
        if not rest.startswith(","):
            break
        rest = rest[1:].lstrip()
    return tuple(found), rest


def app_limit() -> GraphError:
    return GraphError(4, "(#4) Application request limit reached", status=403, transient=True)


def usage_headers(world: World, *, full: bool = False) -> dict[str, str]:
    """Percentages of the limits, rounded up."""
    used = FULL if full else math.ceil(FULL * len(world.instagram_calls) / max(1, world.limits.instagram_calls_an_hour))
    use = {"call_count": used, "total_cputime": used // 4, "total_time": used // 4}
    minutes = math.ceil(world.instagram_calls.wait(world.limits.instagram_calls_an_hour) / 60) if used >= FULL else 0
    business = {"type": "instagram", **use, "estimated_time_to_regain_access": max(minutes, int(full))}
    return {
        "X-App-Usage": json.dumps(use),
        "X-Business-Use-Case-Usage": json.dumps({world.keys.instagram_user_id: [business]}),
        "facebook-api-version": "v25.0",
    }


def failure_responses(world: World) -> FailureResponses:
    def broken(_: Failure) -> Response:
        return GraphError(
            2, "An unexpected error has occurred. Please retry your request later.", status=500, transient=True
        ).answer()

    def rate_limited(failure: Failure) -> Response:
        exceeded = GraphError(613, "(#613) Calls to this api have exceeded the rate limit.", transient=True)
        return exceeded.answer(usage_headers(world, full=True) | {"Retry-After": str(failure.retry_after)})

    return {
        "broken": broken,
        "quota": lambda _: app_limit().answer(usage_headers(world, full=True)),
        "rate_limited": rate_limited,
    }


def routes(world: World) -> list[Route]:
    async def user(request: Request) -> Response:
        try:
            check_access(world, request)
            if world.instagram_calls.wait(world.limits.instagram_calls_an_hour) > 0:
                raise app_limit()
            world.instagram_calls.add()
            body = look_up(world, request)
        except GraphError as error:
            return error.answer(usage_headers(world))
        return JSONResponse(body, headers=usage_headers(world))

    return [
        Route(
            "/instagram/{version}/{user_id}",
            served(world, "instagram", user, failure_responses(world)),
            methods=["GET"],
        )
    ]


def check_access(world: World, request: Request) -> None:
    if not VERSION.fullmatch(request.path_params["version"]):
        raise GraphError(2500, f"Unknown path components: /{request.path_params['user_id']}")
    token = request.query_params.get("access_token") or request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token:
        raise GraphError(104, "An access token is required to request this resource.")
    if token != world.keys.instagram:
        raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")


def look_up(world: World, request: Request) -> dict[str, Any]:
    user_id = request.path_params["user_id"]
    if user_id != world.keys.instagram_user_id:
        message = (
            f"Unsupported get request. Object with ID '{user_id}' does not exist, cannot be loaded due to missing "
            "permissions, or does not support this operation. Please read the Graph API documentation at "
            "https://developers.facebook.com/docs/graph-api"
        )
        raise GraphError(100, message, subcode=33, kind="GraphMethodException")
    body: dict[str, Any] = {}
    for requested in parse_fields(request.query_params.get("fields", "")):
        if requested.name == "business_discovery":
            body["business_discovery"] = discover(world, requested)
        elif requested.name == "username":
            body["username"] = "cairn.sandbox"
        elif requested.name != "id":
            raise no_such_field(requested.name)
    return body | {"id": user_id}


def discover(world: World, requested: Field) -> dict[str, Any]:
    if requested.modifier != "username" or not requested.argument:
        raise GraphError(100, "(#100) The parameter username is required")
    # Usernames in Graph have no `@`, so one with an `@` does not exist.
    channel = None if requested.argument.startswith("@") else world.channels.by_handle("instagram", requested.argument)
    if channel is None:
        user_message = ("Cannot find User", f"The user with username: {requested.argument} cannot be found.")
        raise GraphError(110, "Invalid user id", subcode=2207013, transient=False, user_message=user_message)
    if channel.error:
        raise account_error(int(channel.error))
    now = world.clock.now()
    body: dict[str, Any] = {}
    for field in requested.fields:
        if field.name not in PUBLIC_FIELDS:
            raise no_such_field(field.name)
        body[field.name] = PUBLIC_FIELDS[field.name](channel, now)
    return body | {"id": channel.id}


def account_error(code: int) -> GraphError:
    """100 comes with subcode 33, as for an object that is gone or may not be seen."""
    return GraphError(code, f"(#{code}) The account cannot be read.", subcode=33 if code == 100 else None)


def no_such_field(name: str) -> GraphError:
    return GraphError(100, f"(#100) Tried accessing nonexisting field ({name})")
