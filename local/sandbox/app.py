"""The sandbox as one ASGI application."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox import control, instagram, page, telegram, youtube
from local.sandbox.world import World

# By these names only: a foreign name that resolves to loopback (DNS rebinding) is turned away.
HOSTS = ["127.0.0.1", "localhost"]


async def refuse(_: Request, error: Exception) -> Response:
    """A path or method that nobody serves, in JSON and with a way on."""
    status, message = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    details = ["GET / is a page for people; GET /control lists what can be done"]
    return JSONResponse({"error": message, "details": details}, status_code=status)


def create_app(world: World) -> Starlette:
    """Every platform, the control API and the page, all showing one world."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await world.messenger.updates.close()

    platforms = [*youtube.routes(world), *telegram.routes(world), *instagram.routes(world)]
    return Starlette(
        routes=[*platforms, *control.routes(world), *page.routes(world)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)],
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )
