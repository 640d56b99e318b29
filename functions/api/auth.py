"""Authenticates a request by its API key or session before its body is parsed, and authorizes a route by a scope of the
key or a module of the signed-in person.

Also rejects malformed JSON, because Powertools responds to some of it with 500.
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

from cairn.cdn import HOST_HEADER
from cairn.errors import BadInputError, ForbiddenError, NotSignedInError, SessionEndedError, TooLargeError
from cairn.identity.api_keys import ApiKey, ApiKeys
from cairn.identity.cached_keys import MAX_CACHED, CachedApiKeys, bearer, require_scope
from cairn.identity.cognito import MODULES, SESSION_ENDED, IdTokens, Person
from cairn.identity.revocations import Credential, Revocations
from functions.api import cookies

PUBLIC = {"/api/health", "/api/config"}
SESSION = {"/api/session", "/api/session/challenge", "/api/session/refresh"}
"""Writes need no valid session: callers sign in, refresh an expired session, or sign out."""
SAFE = {"GET", "HEAD"}
MAX_BYTES = 64 * 1024
LARGER_MAX_BYTES = {"/api/leaderboard/bulk-update": 512 * 1024, "/api/users": 1024 * 1024}
CACHE_SECONDS = 30
"""How long a warm Lambda may still accept a revoked key or session."""
UNCACHED = {"/api/ws-ticket"}
"""A socket lives for hours, so a ticket for it is given only to who is not revoked now."""


@dataclass(frozen=True, slots=True)
class Caller:
    identity: ApiKey | Person
    scopes: frozenset[str]
    """A key's scopes, or a person's modules, which have the same names."""

    @property
    def modules(self) -> frozenset[str]:
        return self.scopes & MODULES

    @property
    def name(self) -> str:
        """Who it is, for people: `ada`, or the name and id of a key."""
        return self.identity.id if isinstance(self.identity, Person) else f"{self.identity.name} ({self.identity.id})"

    @property
    def user_id(self) -> str | None:
        return self.identity.id if isinstance(self.identity, Person) else None


class Authenticator:
    def __init__(
        self,
        keys: ApiKeys,
        tokens: IdTokens,
        revocations: Revocations,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = CachedApiKeys(keys, CACHE_SECONDS, clock)
        self._tokens = tokens
        self._revocations = revocations
        self._clock = clock
        self._good: dict[Credential, float] = {}
        """When each token was last found not to be revoked."""

    def authenticate(self, event: dict[str, Any]) -> Caller | None:
        """The caller; None on a public route. TooLargeError; NotSignedInError without a valid key or session;
        ForbiddenError when a page of another origin makes a signed-in browser write."""
        path, headers = event["rawPath"], event["headers"]
        limit = LARGER_MAX_BYTES.get(path, MAX_BYTES)
        if len(event.get("body") or "") > limit:
            raise TooLargeError(f"the body is longer than {limit} bytes")
        writes = event["requestContext"]["http"]["method"] not in SAFE
        if path in PUBLIC:
            return None
        if path in SESSION and writes:
            _require_same_origin(headers)
            return None
        plaintext = bearer(headers)
        if plaintext is not None:
            key = self._keys.find(plaintext, fresh=path in UNCACHED)
            return Caller(key, key.scopes)
        token = cookies.parse(event).get(cookies.SESSION)
        if not token:
            raise NotSignedInError("send an API key, Authorization: Bearer cairn_…, or sign in with POST /api/session")
        if writes:
            _require_same_origin(headers)
        person = self._tokens.person(token)
        self._require_unrevoked(person.credential, fresh=path in UNCACHED)
        return Caller(person, person.modules)

    def _require_unrevoked(self, credential: Credential, *, fresh: bool) -> None:
        """SessionEndedError for a token that is valid by itself, and whose session has been ended."""
        seen = self._good.get(credential)
        if not fresh and seen is not None and self._clock() - seen <= CACHE_SECONDS:
            return
        self._good.pop(credential, None)
        if self._revocations.is_revoked(credential, consistent=fresh):
            raise SessionEndedError(SESSION_ENDED)
        if len(self._good) >= MAX_CACHED:
            self._good.clear()
        self._good[credential] = self._clock()


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a page of our own origin sent the request, or no page at all.

    Browsers set Sec-Fetch-Site, and no page can; browsers that lack it send Origin with a write. The distribution says
    which host the browser requested. A request with neither of the browser's headers does not come from a browser, so
    no page has made it send its cookies.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is None:
        return True
    host = headers.get(HOST_HEADER, "")
    return host != "" and origin.partition("://")[2].lower() == host.lower()


def _require_same_origin(headers: Mapping[str, str]) -> None:
    if not same_origin(headers):
        raise ForbiddenError("a page of another origin may not send this request on your behalf")


def require_json(event: dict[str, Any]) -> None:
    """BadInputError for a body that the routes cannot read; a body without a Content-Type is parsed as JSON."""
    body, headers = event.get("body"), event["headers"]
    if not body:
        return
    content_type = headers.get("content-type", "").partition(";")[0].strip()
    if content_type.lower() not in ("", "application/json"):
        raise BadInputError(f"send JSON with Content-Type: application/json, not {content_type[:100]}")
    headers["content-type"] = "application/json"
    try:
        value = json.loads(base64.b64decode(body).decode() if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise BadInputError(f"the body is not JSON: {reason}") from None
    if not isinstance(value, dict | None):
        raise BadInputError("the body must be a JSON object")  # Powertools would read a list's first element


def requires(*scopes: str) -> list[Callable[..., Response[Any]]]:
    """The middleware of a route that needs one of these scopes or modules; `admin` grants access to every route."""
    sufficient = {"admin", *scopes}

    def check(app: LambdaFunctionUrlResolver, next_middleware: NextMiddleware) -> Response[Any]:
        caller: Caller = app.context["caller"]
        if not isinstance(caller.identity, Person):
            require_scope(caller.identity, sufficient)
        elif not caller.scopes & sufficient:
            raise ForbiddenError(
                f"you lack permission: this request needs the module {' or '.join(sorted(sufficient & MODULES))}"
            )
        return next_middleware(app)

    return [check]
