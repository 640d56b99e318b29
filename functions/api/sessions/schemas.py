"""Request and response bodies of the session routes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from functions.api.schemas import Instant, Schema


class SignIn(Schema):
    """The limits are Cognito's: nobody has a longer name or password."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class Challenge(Schema):
    """What a sign-in needs in addition: a code of an authenticator app, or a new password for a temporary one."""

    challenge: Literal["totp", "newPassword"]
    name: str
    session: str = Field(description="Identifies the sign-in, for three minutes.")


class ChallengeAnswer(Schema):
    challenge: Literal["totp", "newPassword"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    session: Annotated[SecretStr, Field(min_length=20, max_length=2048)]
    answer: Annotated[SecretStr, Field(min_length=1, max_length=256, description="The code, or the new password.")]


class Password(Schema):
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class PasswordChange(Schema):
    current: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    new: Annotated[SecretStr, Field(min_length=1, max_length=256)]


Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=6, max_length=8)]


class SecondFactor(Schema):
    """Whether one's own sign-in needs a code."""

    enabled: bool


class SecondFactorSecret(Schema):
    """The secret for an authenticator app, in base 32, and the same as an address that such an app opens."""

    secret: str
    uri: str


class SecondFactorCode(Schema):
    code: Code


class SecondFactorRemoval(Schema):
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    code: Code


class Session(Schema):
    """The signed-in person; `expiresAt` is when the session ends unless it is refreshed."""

    user_id: str
    name: str
    modules: list[str]
    expires_at: Instant


class SocketTicket(Schema):
    """A ticket to send to the WebSocket as `?ticket=`, once, within `expiresIn` seconds."""

    ticket: str
    expires_in: int
    url: str


class Config(Schema):
    """What a page needs before anybody signs in."""

    web_socket_url: str
    time_zone: str
    ladders: dict[str, list[int]] = Field(description="The thresholds that a rep can pass in a month, by rule.")
