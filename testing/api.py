"""Requests to the functions behind Lambda URLs, as Lambda's events.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from testing.cloud import CDN_KEY, SECRETS, Cloud, Context
from testing.functions import FUNCTIONS

WEBHOOK_SECRET = SECRETS["TELEGRAM_SECRET"]["TELEGRAM_WEBHOOK_SECRET"]
SESSION = "__Host-cairn"
FROM_CDN = {"x-cairn-front": CDN_KEY, "x-cairn-viewer": "127.0.0.1"}
"""What the distribution adds to a request."""
ABSENT = object()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    cookies: tuple[str, ...] = ()
    """The values of Set-Cookie."""

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The message of an error body, which has no other fields than this and its details."""
        body = self.json
        assert set(body) == {"error", "details"}, body
        assert isinstance(body["error"], str)
        return str(body["error"])


def event(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | str = "",
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    asked_at: datetime | None = None,
) -> dict[str, Any]:
    """A request as a Lambda URL's event; a body of bytes is base64-encoded."""
    from cairn.clock import now, to_millis

    raw_query = query if isinstance(query, str) else urlencode(query)
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    request = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": {"host": "api.test", "x-forwarded-for": "127.0.0.1", **FROM_CDN, **(headers or {})},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "api",
            "domainName": "api.test",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": "r",
            "routeKey": "$default",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": to_millis(asked_at or now()),
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if parameters:
        request["queryStringParameters"] = parameters
    if cookies:
        request["cookies"] = [f"{name}={value}" for name, value in cookies.items()]
    if body is not None:
        request["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return request


@dataclass
class Api:
    """A client of an account's API, with a key of these `scopes`; None is no key.

    `person` are the modules of a signed-in user, who calls from our pages; `cookies` are sent instead of either.
    """

    aws: Cloud
    keys: dict[tuple[str, ...], str] = field(default_factory=dict)
    sessions: dict[tuple[str, ...], str] = field(default_factory=dict)

    def key(self, *scopes: str) -> str:
        from cairn.clock import now
        from cairn.identity.api_keys import ApiKeys

        if scopes not in self.keys:
            self.keys[scopes] = ApiKeys(self.aws.table("KEYS_TABLE")).create("test", scopes, now())
        return self.keys[scopes]

    def session(self, *modules: str) -> str:
        """The id token of a user with these modules."""
        if modules not in self.sessions:
            name = "-".join(modules) or "nobody"
            self.aws.people.add(name, *modules)
            self.sessions[modules] = self.aws.people.tokens(name)["IdToken"]
        return self.sessions[modules]

    def __call__(
        self,
        method: str,
        path: str,
        body: object = ABSENT,
        *,
        query: Mapping[str, object] | str = "",
        scopes: Sequence[str] | None = ("admin",),
        person: Sequence[str] | None = None,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: str | bytes | None = None,
        asked_at: datetime | None = None,
        seconds: float = 30.0,
    ) -> Answer:
        sent = {"content-type": "application/json"} if body is not ABSENT or raw is not None else {}
        if person is not None:
            cookies = {SESSION: self.session(*person)}
            sent["sec-fetch-site"] = "same-origin"
        if scopes is not None and cookies is None:
            sent["authorization"] = f"Bearer {self.key(*scopes)}"
        request = event(
            method,
            path,
            query=query,
            headers=sent | dict(headers or {}),
            cookies=cookies,
            body=json.dumps(body) if body is not ABSENT else raw,
            asked_at=asked_at,
        )
        return _answer(FUNCTIONS["api"](request, Context(seconds)))


def telegram(update: object, secret: str | None = WEBHOOK_SECRET, raw: str | bytes | None = None) -> Answer:
    """Post an update to the webhook, as Telegram does."""
    return _answer(FUNCTIONS["telegram_webhook"](webhook_event(update, secret, raw), Context(30.0)))


def webhook_event(
    update: object, secret: str | None = WEBHOOK_SECRET, raw: str | bytes | None = None
) -> dict[str, Any]:
    """An update as Telegram posts it to the webhook."""
    headers = {"content-type": "application/json"}
    if secret is not None:
        headers["x-telegram-bot-api-secret-token"] = secret
    return event("POST", "/api/telegram/webhook", headers=headers, body=json.dumps(update) if raw is None else raw)


def _answer(result: Mapping[str, Any]) -> Answer:
    headers = {str(name).lower(): str(value) for name, value in result.get("headers", {}).items()}
    for name, values in result.get("multiValueHeaders", {}).items():
        headers[name.lower()] = ",".join(values)
    return Answer(result["statusCode"], headers, result.get("body") or "", tuple(result.get("cookies", ())))
