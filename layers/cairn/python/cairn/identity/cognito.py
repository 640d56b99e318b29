"""People as Cognito knows them: their sessions, and who a token says they are once its signature is the pool's.

A token that was given stays good until it expires, an hour later: that its owner signed out, was disabled or lost a
module counts from the next one on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import jwt
from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.dynamodb import RETRIES
from cairn.clock import Clock, now
from cairn.errors import (
    CairnError,
    ForbiddenError,
    NotSignedInError,
    PlatformPausedError,
    PlatformUnavailableError,
    SessionEndedError,
)
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.literals import AuthFlowTypeType

MODULES = frozenset({"admin", "analytics", "leaderboard"})
"""What a person may use: the names of the pool's groups."""

KEYS_SECONDS = 3600
"""How long the pool's keys are taken to be its keys without asking again."""
ASK_AGAIN_SECONDS = 30
"""How soon a key id that is unknown may have the keys fetched again: anybody can write one into a token."""
RETRY_SECONDS = 2
"""The same after a try that failed."""
LEEWAY = timedelta(seconds=5)
"""By how much Cognito's clock and ours may differ."""
PAUSE = timedelta(seconds=5)
"""Cognito does not say how long it wants to be left alone; its quotas are by the second."""

WRONG = "the name or the password is wrong; after five wrong tries Cognito makes one wait, up to a quarter of an hour"
"""One answer for every reason, so that nobody learns which names there are.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior
"""
UNREADY = "this name needs a new password, and an operator sets it: python -m operations people password NAME"
ENDED = "the session is over: sign in again"

_WRONG = frozenset({"NotAuthorizedException", "UserNotFoundException", "InvalidParameterException"})
_UNREADY = frozenset({"PasswordResetRequiredException", "UserNotConfirmedException"})
_PAUSED = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException"})
_NOTHING_TO_REVOKE = _WRONG | {"UnauthorizedException", "UnsupportedTokenTypeException"}


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    """Cognito's user name."""
    name: str
    modules: frozenset[str]
    expires_at: datetime
    """When the token that says so does."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What signing in gives; neither is ever shown."""

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


def client() -> CognitoIdentityProviderClient:
    """Cognito as the functions use it."""
    return boto3.client("cognito-idp", config=RETRIES)


class CognitoUserPool:
    """A user pool, through one of its app clients.

    PlatformPausedError and PlatformUnavailableError say that Cognito cannot be asked now.
    """

    def __init__(
        self, cognito: CognitoIdentityProviderClient, pool_id: str, client_id: str, clock: Clock = now
    ) -> None:
        self._cognito = cognito
        self._pool_id = pool_id
        self._client_id = client_id
        self._clock = clock

    def sign_in(self, name: str, password: str) -> Tokens:
        """NotSignedInError when they do not belong together; ForbiddenError when the person needs a new password."""
        given = {"USERNAME": name, "PASSWORD": password}
        result = self._initiate(
            "ADMIN_USER_PASSWORD_AUTH", given, wrong=NotSignedInError(WRONG), unready=ForbiddenError(UNREADY)
        )
        return Tokens(result["IdToken"], result["RefreshToken"])

    def refresh(self, refresh_token: str) -> str:
        """A new id token; SessionEndedError when the refresh token is expired, revoked, or never was one."""
        over = SessionEndedError(ENDED, for_good=True)
        result = self._initiate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": refresh_token}, wrong=over, unready=over)
        return str(result["IdToken"])

    def revoke(self, refresh_token: str) -> bool:
        """Have the refresh token be worth nothing, as what never was one is already; False when Cognito does not."""
        try:
            self._cognito.revoke_token(Token=refresh_token, ClientId=self._client_id)
        except ClientError as error:
            return _code(error) in _NOTHING_TO_REVOKE
        except BotoCoreError:
            return False
        return True

    def _initiate(
        self, flow: AuthFlowTypeType, given: Mapping[str, str], *, wrong: CairnError, unready: CairnError
    ) -> Any:
        """The tokens. What Cognito says in words is not passed on: it may repeat what it was given."""
        try:
            answer = self._cognito.admin_initiate_auth(
                UserPoolId=self._pool_id, ClientId=self._client_id, AuthFlow=flow, AuthParameters=given
            )
        except ClientError as error:
            code = _code(error)
            if code == "InvalidParameterException":
                logger.warning("Cognito calls a sign-in malformed, or the app client does not allow it", flow=flow)
            if code in _WRONG:
                raise wrong from None
            raise (unready if code in _UNREADY else self._trouble(error)) from None
        except BotoCoreError as error:
            raise self._trouble(error) from None
        if "AuthenticationResult" not in answer:  # but a challenge: to choose a password of one's own, a second factor
            raise unready
        return answer["AuthenticationResult"]

    def _trouble(self, error: ClientError | BotoCoreError) -> Exception:
        if isinstance(error, BotoCoreError):
            return PlatformUnavailableError("Cognito", type(error).__name__)
        code = _code(error)
        if code in _PAUSED:
            return PlatformPausedError("Cognito", "too many sign-ins at once", self._clock() + PAUSE)
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return PlatformUnavailableError("Cognito", code)
        return RuntimeError(f"Cognito refuses the API: {code}")


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


class SigningKeys:
    """The pool's public keys. An outage of theirs ends no session: those known stay known."""

    def __init__(self, http: httpx.Client, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._url = url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._stale_at = self._ask_at = float("-inf")
        self._trouble = ""

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key, unless the pool has none so called; PlatformUnavailableError when that cannot be found out."""
        present = self._clock()
        if (key_id not in self._keys or present >= self._stale_at) and present >= self._ask_at:
            self._fetch(present)
        if key_id not in self._keys and self._trouble:
            raise PlatformUnavailableError("Cognito", self._trouble)
        return self._keys.get(key_id)

    def _fetch(self, present: float) -> None:
        try:
            answer = self._http.get(self._url).raise_for_status().json()
            found = jwt.PyJWKSet(answer["keys"])
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            self._trouble, self._ask_at = f"no keys, {type(error).__name__}", present + RETRY_SECONDS
            return
        self._keys = {key.key_id: key for key in found if key.key_id}
        self._trouble, self._ask_at, self._stale_at = "", present + ASK_AGAIN_SECONDS, present + KEYS_SECONDS


class IdTokens:
    """The pool's id tokens, made for one app client.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
    """

    def __init__(self, keys: SigningKeys, issuer: str, client_id: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_id = client_id

    def person(self, token: str) -> Person:
        """Whose it is. SessionEndedError for anything but a valid token; PlatformUnavailableError without the keys."""
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.find(str(header.get("kid"))) if header.get("alg") == "RS256" else None
            if key is None:
                raise SessionEndedError(ENDED)
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._client_id,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss"], "strict_aud": True},
            )
            return _person(claims)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise SessionEndedError(ENDED) from None


def _person(claims: Mapping[str, Any]) -> Person:
    if claims["token_use"] != "id":  # noqa: S105 - the name of a claim
        raise ValueError("an access token is for Cognito's own API")
    user_name = claims["cognito:username"]
    if not isinstance(user_name, str) or not user_name:
        raise ValueError("a token without a user")
    return Person(
        id=user_name,
        name=str(claims.get("name") or user_name),
        modules=MODULES & frozenset(claims.get("cognito:groups", ())),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
    )
