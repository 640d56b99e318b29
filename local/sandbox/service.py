"""Shared by the platforms' routes: each request is logged without its key, and the active failure applies."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from local.sandbox.failures import DroppedConnection, FailureResponses, Handler, Service, respond
from local.sandbox.world import LoggedRequest, World

SECRET_PARAMETERS = frozenset({"key", "access_token"})


def redacted_path(request: Request) -> str:
    """The path without the bot's token."""
    token = request.path_params.get("token")
    return request.url.path.replace(f"/bot{token}/", "/bot<token>/") if token else request.url.path


def public_query(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if name not in SECRET_PARAMETERS}


def served(
    world: World, platform: Service, handler: Handler, responses: FailureResponses
) -> Callable[[Request], Awaitable[Response]]:
    """`handler` with logging and failures."""

    async def endpoint(request: Request) -> Response:
        arrived = world.clock.now_ms()
        failure = request.state.failure = world.failures.take(platform)
        answer = await respond(failure, request, handler, responses, world.clock)
        status = None if isinstance(answer, DroppedConnection) else answer.status_code
        logged = LoggedRequest(arrived, platform, request.method, redacted_path(request), public_query(request), status)
        world.requests.append(logged)
        return answer

    return endpoint
