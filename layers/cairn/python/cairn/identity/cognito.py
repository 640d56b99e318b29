"""People in Cognito: their sessions, and the person that an id token identifies once its signature is verified.

An issued token stays valid until it expires, an hour later: a sign-out, a disabled account or a removed module takes
effect with the next token.
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
"""How long fetched keys are used before they are fetched again."""
REFETCH_SECONDS = 30
"""How often at most an unknown key id causes a fetch: anybody can write one into a token."""
RETRY_SECONDS = 2
"""The same after a failed fetch."""
LEEWAY = timedelta(seconds=5)
"""How much Cognito's clock and ours may differ."""
PAUSE = timedelta(seconds=5)
"""Cognito does not say how long to wait; its quotas are per second."""

WRONG_CREDENTIALS = "wrong name or password; after five failed attempts Cognito makes you wait, for up to 15 minutes"
"""One answer for every reason, so that nobody learns which names exist.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior
"""
ACCOUNT_NOT_READY = "this name needs a new password, which an operator sets: python -m operations people password NAME"
SESSION_ENDED = "the session has ended: sign in again"

_REJECTED = frozenset({"NotAuthorizedException", "UserNotFoundException", "InvalidParameterException"})
_NOT_READY = frozenset({"PasswordResetRequiredException", "UserNotConfirmedException"})
_PAUSED = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException"})
_NOTHING_TO_REVOKE = _REJECTED | {"UnauthorizedException", "UnsupportedTokenTypeException"}


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    """Cognito's user name."""
    name: str
    modules: frozenset[str]
    expires_at: datetime
    """When the id token expires."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a session; neither is ever displayed."""

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


def client() -> CognitoIdentityProviderClient:
    """The Cognito client of the functions."""
    return boto3.client("cognito-idp", config=RETRIES)


class CognitoUserPool:
    """A user pool, through one of its app clients.

    PlatformPausedError and PlatformUnavailableError mean that Cognito does not answer requests now.
    """

    def __init__(
        self, cognito: CognitoIdentityProviderClient, pool_id: str, client_id: str, clock: Clock = now
    ) -> None:
        self._cognito = cognito
        self._pool_id = pool_id
        self._client_id = client_id
        self._clock = clock

    def sign_in(self, name: str, password: str) -> Tokens:
        """NotSignedInError for a wrong name or password; ForbiddenError when the person needs a new password."""
        result = self._initiate(
            "ADMIN_USER_PASSWORD_AUTH",
            {"USERNAME": name, "PASSWORD": password},
            rejected=NotSignedInError(WRONG_CREDENTIALS),
            not_ready=ForbiddenError(ACCOUNT_NOT_READY),
        )
        return Tokens(result["IdToken"], result["RefreshToken"])

    def refresh(self, refresh_token: str) -> str:
        """A new id token; SessionEndedError when the refresh token is expired, revoked or invalid."""
        ended = SessionEndedError(SESSION_ENDED, permanent=True)
        result = self._initiate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": refresh_token}, rejected=ended, not_ready=ended)
        return str(result["IdToken"])

    def revoke(self, refresh_token: str) -> bool:
        """Revoke the refresh token; an invalid one counts as revoked. False when Cognito fails."""
        try:
            self._cognito.revoke_token(Token=refresh_token, ClientId=self._client_id)
        except ClientError as error:
            return _code(error) in _NOTHING_TO_REVOKE
        except BotoCoreError:
            return False
        return True

    def _initiate(
        self, flow: AuthFlowTypeType, parameters: Mapping[str, str], *, rejected: CairnError, not_ready: CairnError
    ) -> Any:
        """The tokens. Cognito's error texts are not passed on, because they may repeat the input."""
        try:
            answer = self._cognito.admin_initiate_auth(
                UserPoolId=self._pool_id, ClientId=self._client_id, AuthFlow=flow, AuthParameters=parameters
            )
        except ClientError as error:
            code = _code(error)
            if code == "InvalidParameterException":
                logger.warning("Cognito rejected a malformed sign-in, or the app client does not allow it", flow=flow)
            if code in _REJECTED:
                raise rejected from None
            raise (not_ready if code in _NOT_READY else self._failure(error)) from None
        except BotoCoreError as error:
            raise self._failure(error) from None
        if "AuthenticationResult" not in answer:  # a challenge instead: to choose a new password, or a second factor
            raise not_ready
        return answer["AuthenticationResult"]

    def _failure(self, error: ClientError | BotoCoreError) -> Exception:
        if isinstance(error, BotoCoreError):
            return PlatformUnavailableError("Cognito", type(error).__name__)
        code = _code(error)
        if code in _PAUSED:
            return PlatformPausedError("Cognito", "too many sign-ins", self._clock() + PAUSE)
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return PlatformUnavailableError("Cognito", code)
        return RuntimeError(f"Cognito rejected the API's request: {code}")


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


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

    def person(self, token: str) -> Person:
        """The token's person. SessionEndedError for an invalid token; PlatformUnavailableError without the keys."""
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
                options={"require": ["exp", "iat", "aud", "iss"], "strict_aud": True},
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
    )
