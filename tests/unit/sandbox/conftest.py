"""The sandbox in this process, without sockets, on a clock that tests control."""

from collections.abc import AsyncIterator

import httpx
import pytest

from local.sandbox.app import create_app
from local.sandbox.world import World
from tests.unit.sandbox.helpers import FakeClock, FakeWebhook, Sandbox


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def webhook() -> FakeWebhook:
    return FakeWebhook()


@pytest.fixture
def world(clock: FakeClock, webhook: FakeWebhook) -> World:
    return World(clock=clock, webhook_transport=httpx.MockTransport(webhook.answer))


@pytest.fixture
async def sandbox(anyio_backend: str, world: World) -> AsyncIterator[Sandbox]:
    assert anyio_backend == "asyncio"
    transport = httpx.ASGITransport(app=create_app(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Sandbox(world, client)
    await world.messenger.updates.close()
