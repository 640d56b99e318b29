"""The sandbox's Fanvue in this process, for functions under test: its paths, limits and errors, on Cairn's clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx

from cairn.clock import now
from local.sandbox.app import create_app
from local.sandbox.clock import Clock
from local.sandbox.fanvue_accounts import Account
from local.sandbox.world import Keys, World

KEY = "FV-test"


class CairnsClock(Clock):
    """The time that tests control; its sleep takes none."""

    def now(self) -> float:
        return now().timestamp()

    async def sleep(self, seconds: float) -> None:
        del seconds


@dataclass
class SandboxFanvue:
    """`world.fanvue` has everything; `answer` is a platform's transport, at any host, with the path `/fanvue` first."""

    world: World = field(default_factory=lambda: World(clock=CairnsClock(), keys=Keys(fanvue=KEY)))

    def __post_init__(self) -> None:
        self._app = create_app(self.world)

    def creator(self, uuid: str, name: str = "Mira") -> Account:
        return self.world.fanvue.accounts.put(uuid, name)

    def answer(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self._app)) as client:
            url = request.url.copy_with(scheme="http", host="127.0.0.1", port=None)
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            answer = await client.request(request.method, url, content=request.content, headers=headers)
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    @property
    def calls(self) -> list[str]:
        """The paths that were asked, oldest first."""
        return [one.path for one in self.world.requests if one.platform == "fanvue"]
