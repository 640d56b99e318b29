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

# Rejects foreign names that resolve to loopback (DNS rebinding).
HOSTS = ["127.0.0.1", "localhost"]


async def reject(_: Request, error: Exception) -> Response:
    """An unknown path or method, as JSON with a hint."""
    status, message = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    details = ["GET / is a web page; GET /control lists the control API"]
    return JSONResponse({"error": message, "details": details}, status_code=status)


def create_app(world: World) -> Starlette:
    """Every platform, the control API and the page, all of the same world."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await world.messenger.updates.close()

    platforms = [*youtube.routes(world), *telegram.routes(world), *instagram.routes(world)]
    return Starlette(
        routes=[*platforms, *control.routes(world), *page.routes(world)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)],
        exception_handlers={HTTPException: reject},
        lifespan=lifespan,
    )
