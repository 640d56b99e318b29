"""The person that an id token of Cognito identifies, once its signature is verified.

An issued token is valid for an hour by itself: code that accepts one asks `cairn.identity.revocations` too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt

from cairn.errors import PlatformUnavailableError, SessionEndedError
from cairn.identity.revocations import Credential, person_owner

MODULES = frozenset({"admin", "analytics", "display", "leaderboard", "webhooks"})
"""What a person may use: the names of the pool's groups."""

KEYS_SECONDS = 3600
"""How long fetched keys are used before they are fetched again."""
REFETCH_SECONDS = 30
"""How often at most an unknown key id causes a fetch: anybody can write one into a token."""
RETRY_SECONDS = 2
"""The same after a failed fetch."""
LEEWAY = timedelta(seconds=5)
"""How much Cognito's clock and ours may differ."""
SESSION_ENDED = "the session has ended: sign in again"


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    """Cognito's user name."""
    name: str
    modules: frozenset[str]
    expires_at: datetime
    """When the id token expires."""
    credential: Credential
    """The token itself, as it can be revoked."""


class SigningKeys:
    """The pool's public keys. When they cannot be fetched, the known ones stay valid, so an outage ends no session."""

    def __init__(self, http: httpx.Client, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._url = url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._stale_at = self._fetch_after = float("-inf")
        self._failure = ""

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id, or None; PlatformUnavailableError when the pool's keys cannot be fetched."""
        present = self._clock()
        if (key_id not in self._keys or present >= self._stale_at) and present >= self._fetch_after:
            self._fetch(present)
        if key_id not in self._keys and self._failure:
            raise PlatformUnavailableError("Cognito", self._failure)
        return self._keys.get(key_id)

    def _fetch(self, present: float) -> None:
        try:
            answer = self._http.get(self._url).raise_for_status().json()
            fetched = jwt.PyJWKSet(answer["keys"])
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            self._failure, self._fetch_after = f"no keys, {type(error).__name__}", present + RETRY_SECONDS
            return
        self._keys = {key.key_id: key for key in fetched if key.key_id}
        self._failure, self._fetch_after, self._stale_at = "", present + REFETCH_SECONDS, present + KEYS_SECONDS


class IdTokens:
    """Verifies the id tokens that the pool issues for one app client.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
    """

    def __init__(self, keys: SigningKeys, issuer: str, client_id: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_id = client_id

    def person(self, token: str, *, expired: bool = False) -> Person:
        """The token's person, with `expired` also of one that has expired.

        SessionEndedError for an invalid token; PlatformUnavailableError without the keys.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.find(str(header.get("kid"))) if header.get("alg") == "RS256" else None
            if key is None:
                raise SessionEndedError(SESSION_ENDED)
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._client_id,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss"], "strict_aud": True, "verify_exp": not expired},
            )
            return _person(claims)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise SessionEndedError(SESSION_ENDED) from None


def _person(claims: Mapping[str, Any]) -> Person:
    if claims["token_use"] != "id":  # noqa: S105 - the name of a claim
        raise ValueError("not an id token: access tokens are for Cognito's own API")
    user_name = claims["cognito:username"]
    if not isinstance(user_name, str) or not user_name:
        raise ValueError("a token without a user")
    return Person(
        id=user_name,
        name=str(claims.get("name") or user_name),
        modules=MODULES & frozenset(claims.get("cognito:groups", ())),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
        # All tokens of one sign-in have the same origin, those of a refresh too.
        credential=Credential(person_owner(user_name), claims.get("origin_jti"), int(claims["iat"])),
    )
