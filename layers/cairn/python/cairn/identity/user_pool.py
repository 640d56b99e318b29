"""People in Cognito: their sessions, passwords and second factors, through the pool's one app client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.dynamodb import RETRIES
from cairn.clock import Clock, now
from cairn.errors import (
    BadInputError,
    CairnError,
    ForbiddenError,
    NotSignedInError,
    PlatformPausedError,
    PlatformUnavailableError,
    SessionEndedError,
)
from cairn.identity.cognito import SESSION_ENDED
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.literals import AuthFlowTypeType, ChallengeNameTypeType

PAUSE = timedelta(seconds=5)
"""Cognito does not say how long to wait; its quotas are per second."""

WRONG_CREDENTIALS = "wrong name or password; after five failures you have to wait, longer each time"
"""One answer for every reason, so that nobody learns which names exist."""
WRONG_PASSWORD = "the current password is wrong"  # noqa: S105 - a message
WRONG_CODE = "wrong code: use the newest one that your authenticator app shows"
CHALLENGE_OVER = "that took too long: sign in again"
POLICY = "must have 12 characters or more, with lower and upper case, digits and symbols, and no space at either end"
"""What infra/identity.py demands of a password."""
ACCOUNT_NOT_READY = "this name needs a new password, which an operator sets: ./cairn people password NAME"
OTHER_CHALLENGE = (
    "this name has a second factor that Cairn does not support; an operator removes it: "
    "./cairn people second-factor-off NAME"
)

_REJECTED = frozenset({"NotAuthorizedException", "UserNotFoundException", "InvalidParameterException"})
_NOT_READY = frozenset({"PasswordResetRequiredException", "UserNotConfirmedException"})
_PAUSED = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException"})
_NOTHING_TO_REVOKE = _REJECTED | {"UnauthorizedException", "UnsupportedTokenTypeException"}
_WEAK = frozenset({"InvalidPasswordException", "PasswordHistoryPolicyViolationException"})
_WRONG_CODE = frozenset({"CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException"})

_CODE_LENGTH = 6

ChallengeKind = Literal["totp", "newPassword"]
_CHALLENGES: Mapping[str, ChallengeKind] = {
    "SOFTWARE_TOKEN_MFA": "totp",
    "NEW_PASSWORD_REQUIRED": "newPassword",
}
_NAMES: Mapping[ChallengeKind, tuple[ChallengeNameTypeType, str]] = {
    "totp": ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
    "newPassword": ("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD"),
}
"""Cognito's name of a challenge, and of what answers it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a session; none is ever displayed."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)
    """For Cognito's calls on somebody's own account."""
    refresh_token: str = field(repr=False, default="")
    """Empty where the session is refreshed: the one that it began with goes on."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a sign-in needs in addition to the password: a code, or a new password."""

    kind: ChallengeKind
    name: str
    """The name that the answer has to give."""
    session: str = field(repr=False)
    """Identifies the sign-in, for three minutes; useless without the answer."""


@dataclass(frozen=True, slots=True)
class ClientContext:
    """Where a sign-in comes from, for Cognito's threat protection."""

    address: str
    server: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_context_data(self) -> Any:
        """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ContextDataType.html"""
        return {
            "IpAddress": self.address,
            "ServerName": self.server,
            "ServerPath": self.path,
            "HttpHeaders": [{"headerName": name, "headerValue": value} for name, value in self.headers.items()],
        }


def client() -> CognitoIdentityProviderClient:
    """The Cognito client of the functions."""
    return boto3.client("cognito-idp", config=RETRIES)


class CognitoUserPool:
    """PlatformPausedError and PlatformUnavailableError mean that Cognito does not answer requests now.

    Cognito's error texts are not passed on, because they may repeat the input.
    """

    def __init__(
        self, cognito: CognitoIdentityProviderClient, pool_id: str, client_id: str, clock: Clock = now
    ) -> None:
        self._cognito = cognito
        self._pool_id = pool_id
        self._client_id = client_id
        self._clock = clock

    # -- sessions

    def sign_in(self, name: str, password: str, context: ClientContext) -> Tokens | Challenge:
        """NotSignedInError for a wrong name or password; ForbiddenError when only an operator can help the person."""
        answer = self._initiate(
            "ADMIN_USER_PASSWORD_AUTH",
            {"USERNAME": name, "PASSWORD": password},
            context,
            rejected=NotSignedInError(WRONG_CREDENTIALS),
            not_ready=ForbiddenError(ACCOUNT_NOT_READY),
        )
        return _signed_in(answer, name)

    def answer(self, challenge: Challenge, answer: str, context: ClientContext) -> Tokens | Challenge:
        """Go on with a sign-in. NotSignedInError for a wrong code or when it took too long; BadInputError for a weak
        password."""
        if challenge.kind == "totp":
            answer = _digits(answer)
        challenge_name, answered = _NAMES[challenge.kind]
        response = self._call(
            lambda: self._cognito.admin_respond_to_auth_challenge(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                ChallengeName=challenge_name,
                ChallengeResponses={"USERNAME": challenge.name, answered: answer},
                Session=challenge.session,
                ContextData=context.to_context_data(),
            ),
            {
                **dict.fromkeys(_REJECTED | {"ResourceNotFoundException"}, NotSignedInError(CHALLENGE_OVER)),
                **dict.fromkeys(_WRONG_CODE, NotSignedInError(WRONG_CODE)),
                **dict.fromkeys(_WEAK, _weak("newPassword")),
            },
        )
        return _signed_in(response, challenge.name)

    def refresh(self, refresh_token: str, context: ClientContext) -> Tokens:
        """New tokens; SessionEndedError when the refresh token is expired, revoked or invalid."""
        ended = SessionEndedError(SESSION_ENDED, permanent=True)
        answer = self._initiate(
            "REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": refresh_token}, context, rejected=ended, not_ready=ended
        )
        if "AuthenticationResult" not in answer:
            raise ended
        return _tokens(answer)

    def revoke(self, refresh_token: str) -> bool:
        """Revoke the refresh token; an invalid one counts as revoked. False when Cognito fails."""
        try:
            self._cognito.revoke_token(Token=refresh_token, ClientId=self._client_id)
        except ClientError as error:
            return _code(error) in _NOTHING_TO_REVOKE
        except BotoCoreError:
            return False
        return True

    # -- somebody's own account, with their access token

    def change_password(self, access_token: str, current: str, new: str) -> None:
        """NotSignedInError when the current password is wrong; BadInputError for a weak one."""
        self._call(
            lambda: self._cognito.change_password(
                AccessToken=access_token, PreviousPassword=current, ProposedPassword=new
            ),
            {
                **dict.fromkeys(_REJECTED, NotSignedInError(WRONG_PASSWORD)),
                **dict.fromkeys(_NOT_READY, ForbiddenError(ACCOUNT_NOT_READY)),
                **dict.fromkeys(_WEAK, _weak("new")),
            },
        )

    def end_sessions(self, access_token: str) -> None:
        """Revoke every refresh token of the person, this session's too."""
        self._call(lambda: self._cognito.global_sign_out(AccessToken=access_token), {})

    def has_second_factor(self, access_token: str) -> bool:
        answer = self._call(lambda: self._cognito.get_user(AccessToken=access_token), {})
        return "SOFTWARE_TOKEN_MFA" in answer.get("UserMFASettingList", ())

    def begin_second_factor(self, access_token: str) -> str:
        """A new secret for an authenticator app, in base 32; it counts once `confirm_second_factor` has seen a code."""
        answer = self._call(lambda: self._cognito.associate_software_token(AccessToken=access_token), {})
        return str(answer["SecretCode"])

    def confirm_second_factor(self, access_token: str, code: str) -> None:
        """Ask for a code at each sign-in from now on; NotSignedInError for a code that is not of the new secret."""
        wrong, digits = NotSignedInError(WRONG_CODE), _digits(code)
        verified = self._call(
            lambda: self._cognito.verify_software_token(AccessToken=access_token, UserCode=digits),
            dict.fromkeys(_WRONG_CODE | _REJECTED | {"SoftwareTokenMFANotFoundException"}, wrong),
        )
        if verified.get("Status") != "SUCCESS":
            raise wrong
        self.set_second_factor(access_token, on=True)

    def set_second_factor(self, access_token: str, *, on: bool) -> None:
        self._call(
            lambda: self._cognito.set_user_mfa_preference(
                AccessToken=access_token, SoftwareTokenMfaSettings={"Enabled": on, "PreferredMfa": on}
            ),
            {},
        )

    def _initiate(
        self,
        flow: AuthFlowTypeType,
        parameters: Mapping[str, str],
        context: ClientContext,
        *,
        rejected: CairnError,
        not_ready: CairnError,
    ) -> Any:
        return self._call(
            lambda: self._cognito.admin_initiate_auth(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                AuthFlow=flow,
                AuthParameters=parameters,
                ContextData=context.to_context_data(),
            ),
            {**dict.fromkeys(_REJECTED, rejected), **dict.fromkeys(_NOT_READY, not_ready)},
        )

    def _call(self, call: Callable[[], Any], errors: Mapping[str, CairnError]) -> Any:
        """The answer; an error's code decides what is raised in its place."""
        try:
            return call()
        except ClientError as error:
            code = _code(error)
            if code == "InvalidParameterException":
                logger.warning("Cognito rejected a malformed request, or the app client does not allow it")
            raise (errors.get(code) or self._failure(error)) from None
        except BotoCoreError as error:
            raise self._failure(error) from None

    def _failure(self, error: ClientError | BotoCoreError) -> Exception:
        if isinstance(error, BotoCoreError):
            return PlatformUnavailableError("Cognito", type(error).__name__)
        code = _code(error)
        if code in _PAUSED:
            return PlatformPausedError("Cognito", "too many sign-ins", self._clock() + PAUSE)
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return PlatformUnavailableError("Cognito", code)
        return RuntimeError(f"Cognito rejected the API's request: {code}")


def _signed_in(answer: Mapping[str, Any], name: str) -> Tokens | Challenge:
    if "AuthenticationResult" in answer:
        return _tokens(answer)
    kind = _CHALLENGES.get(answer["ChallengeName"])
    if kind is None:
        logger.warning("unsupported challenge", challenge=answer["ChallengeName"])
        raise ForbiddenError(OTHER_CHALLENGE)
    return Challenge(kind, answer.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", name), answer["Session"])


def _digits(code: str) -> str:
    """A code as Cognito takes it: apps show `123 456`. NotSignedInError for what can be none."""
    digits = code.replace(" ", "")
    if not (len(digits) == _CODE_LENGTH and digits.isascii() and digits.isdigit()):
        raise NotSignedInError(WRONG_CODE)
    return digits


def _tokens(answer: Mapping[str, Any]) -> Tokens:
    result = answer["AuthenticationResult"]
    return Tokens(result["IdToken"], result["AccessToken"], result.get("RefreshToken", ""))


def _weak(name: str) -> BadInputError:
    return BadInputError(f"{name}: {POLICY}", ({"field": name, "message": POLICY},))


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
