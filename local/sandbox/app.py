"""The sandbox as one ASGI application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.foreign_pages import RefuseForeignPages
from local.sandbox import control, crm_routes, fanvue, instagram, page, telegram, youtube
from local.sandbox.world import World


async def reject(_: Request, error: Exception) -> Response:
    """An unknown path or method, as JSON with a hint."""
    status, message = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    details = ["GET / is a web page; GET /control lists the control API"]
    return JSONResponse({"error": message, "details": details}, status_code=status)


def create_app(world: World) -> Starlette:
    """Every platform, the CRMs, the control API and the page, all of the same world."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        growth = asyncio.get_running_loop().create_task(world.fanvue.pushes.run())
        yield
        growth.cancel()
        await world.fanvue.pushes.close()
        await world.messenger.updates.close()

    platforms = [*youtube.routes(world), *telegram.routes(world), *instagram.routes(world)]
    platforms += [*fanvue.routes(world), *crm_routes.routes(world)]
    return Starlette(
        routes=[*platforms, *control.routes(world), *page.routes(world)],
        middleware=[Middleware(RefuseForeignPages)],
        exception_handlers={HTTPException: reject},
        lifespan=lifespan,
    )
