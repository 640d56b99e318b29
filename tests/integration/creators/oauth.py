"""Fanvue and its OAuth server, with the sandbox's tokens, and connections to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx

from cairn.aws import dynamodb, vault
from cairn.aws.vault import Vault
from cairn.clock import now
from cairn.creators.connecting import Platforms
from cairn.creators.credentials import CONTEXT, Credentials, OAuth
from cairn.creators.model import Creator
from local.sandbox.clock import Clock
from local.sandbox.fanvue_tokens import TokenError, Tokens
from testing.clock import START, ControlledClock

UUID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
MIRA = Creator("c1", "a1", "Mira", "fanvue", UUID, added_at=START)
HOUR = timedelta(hours=1)


class Now(Clock):
    def now(self) -> float:
        return now().timestamp()


@dataclass
class Server:
    """Fanvue and its OAuth server, which knows a key and consents."""

    tokens: Tokens = field(default_factory=lambda: Tokens(Now()))
    asked: list[httpx.Request] = field(default_factory=list)
    before: Callable[[httpx.Request], None] = lambda _: None
    after: Callable[[httpx.Request], None] = lambda _: None
    refusal: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.before(request)
        self.asked.append(request)
        answer = self._token(request) if request.url.path.endswith("/oauth2/token") else self._me(request)
        self.after(request)
        return answer

    def _token(self, request: httpx.Request) -> httpx.Response:
        if self.refusal:
            return self.refusal
        form = dict(parse_qsl(request.content.decode()))
        try:
            return httpx.Response(
                200, json=self.tokens.refresh(request.headers["authorization"], form["refresh_token"])
            )
        except TokenError as error:
            return httpx.Response(error.status, json=error.body)

    def _me(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        family = self.tokens.owner(token)
        if family is None and token not in ("FV-test", "FV-of-mira"):
            return httpx.Response(401, json={"message": "expired"})
        return httpx.Response(200, json={"uuid": (family and family.creator) or "an agency"})

    @property
    def refreshes(self) -> int:
        return sum(request.url.path.endswith("/oauth2/token") for request in self.asked)

    def consent(self, creator: str | None = UUID) -> OAuth:
        given: dict[str, Any] = self.tokens.connect(creator)
        return OAuth(
            given["client_id"], given["client_secret"], given["refresh_token"], given["access_token"], now() + HOUR
        )


def warm(clock: ControlledClock) -> Credentials:
    """Those of a new sandbox of Lambda."""
    table = dynamodb.table("creators_table")
    return Credentials(
        table, Vault(vault.client(), os.environ["WEBHOOK_KEY"], kind=CONTEXT), clock=now, sleep=clock.sleep
    )


def platforms(server: Server, credentials: Credentials, clock: ControlledClock) -> Platforms:
    http = httpx.Client(transport=httpx.MockTransport(server))
    return Platforms(http, credentials, clock=now, sleep=clock.sleep)
