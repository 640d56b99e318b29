"""Who may call what: a request is let in by its API key or its session before anything of it is read, and to a route by
a scope of the key or a module of the person.

What is no JSON is turned away here too, because Powertools answers some of it with 500.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from cairn.errors import BadInputError, ForbiddenError, NotSignedInError, TooLargeError
from cairn.identity.api_keys import ApiKey, ApiKeys
from cairn.identity.cognito import MODULES, IdTokens, Person
from functions.api import cookies

PUBLIC = {"/api/health", "/api/config", "/api/openapi.json", "/api/docs"}
SESSION = {"/api/session", "/api/session/refresh"}
"""Written to by whoever is not signed in yet, or no more."""
SAFE = {"GET", "HEAD"}
MOST_BYTES = 64 * 1024
LARGER = {"/api/leaderboard/bulk-update": 512 * 1024}
CACHE_SECONDS = 30
"""How long a key that was revoked may still open the door of a warm Lambda."""


@dataclass(frozen=True, slots=True)
class Caller:
    who: ApiKey | Person
    scopes: frozenset[str]
    """What it may: a key's scopes, or a person's modules, which have the same names."""

    @property
    def modules(self) -> frozenset[str]:
        return self.scopes & MODULES

    @property
    def user_id(self) -> str | None:
        return self.who.id if isinstance(self.who, Person) else None


class Authenticator:
    def __init__(self, keys: ApiKeys, tokens: IdTokens, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKey]] = {}

    def authenticate(self, event: dict[str, Any]) -> Caller | None:
        """Who calls; None where anybody may. TooLargeError; NotSignedInError without a key or a session that is valid;
        ForbiddenError when the page of another site would have a person's browser write."""
        path, headers = event["rawPath"], event["headers"]
        most = LARGER.get(path, MOST_BYTES)
        if len(event.get("body") or "") > most:
            raise TooLargeError(f"the body is longer than {most} bytes")
        writes = event["requestContext"]["http"]["method"] not in SAFE
        if path in PUBLIC:
            return None
        if path in SESSION and writes:
            _from_our_own_pages(headers)
            return None
        scheme, _, plaintext = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            key = self._key(plaintext)
            return Caller(key, key.scopes)
        token = cookies.sent(event).get(cookies.SESSION)
        if not token:
            raise NotSignedInError("send an API key, Authorization: Bearer cairn_…, or sign in with POST /api/session")
        if writes:
            _from_our_own_pages(headers)
        person = self._tokens.person(token)
        return Caller(person, person.modules)

    def _key(self, plaintext: str) -> ApiKey:
        if not plaintext:
            raise NotSignedInError("send an API key: Authorization: Bearer cairn_…")
        seen, key = self._known.get(plaintext, (0.0, None))
        if key is None or self._clock() - seen > CACHE_SECONDS:
            self._known.pop(plaintext, None)
            key = self._keys.find(plaintext)
            if key is None:
                raise NotSignedInError("this API key was never made, or has been revoked")
            self._known[plaintext] = (self._clock(), key)
        return key


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a page of our own origin asks, or no page at all.

    Sec-Fetch-Site comes from the browser, and no page can set it; the browsers that lack it send Origin with a write.
    X-Forwarded-Host is the name under which the browser knows us; another site's page cannot send it without asking us
    first. Who sends none of them is no browser, and no page has made it send its cookies.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is None:
        return True
    host = headers.get("x-forwarded-host", "")
    return host != "" and origin.partition("://")[2].lower() == host.lower()


def _from_our_own_pages(headers: Mapping[str, str]) -> None:
    if not same_origin(headers):
        raise ForbiddenError("a page of another origin may not do that in your name")


def require_json(event: dict[str, Any]) -> None:
    """BadInputError for a body that the routes could not read; one that does not say what it is, is taken for JSON."""
    body, headers = event.get("body"), event["headers"]
    if not body:
        return
    given = headers.get("content-type", "").partition(";")[0].strip()
    if given.lower() not in ("", "application/json"):
        raise BadInputError(f"send JSON, with Content-Type: application/json instead of {given[:100]}")
    headers["content-type"] = "application/json"
    try:
        value = json.loads(base64.b64decode(body).decode() if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise BadInputError(f"the body is not JSON: {what}") from None
    if not isinstance(value, dict | None):
        raise BadInputError("the body must be a JSON object")  # of a list, Powertools would take one


def requires(*scopes: str) -> list[Callable[..., Response[Any]]]:
    """The middleware of a route that needs one of these scopes or modules; `admin` opens every door."""
    enough = {"admin", *scopes}

    def check(app: LambdaFunctionUrlResolver, next_middleware: NextMiddleware) -> Response[Any]:
        caller: Caller = app.context["caller"]
        if not caller.scopes & enough:
            if isinstance(caller.who, Person):
                raise ForbiddenError(
                    f"you may not do that; it needs the module {' or '.join(sorted(enough & MODULES))}"
                )
            raise ForbiddenError(f"this key may not do that; it needs the scope {' or '.join(sorted(enough))}")
        return next_middleware(app)

    return [check]
