"""Request and response bodies of the session routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from functions.api.schemas import Instant, Schema


class SignIn(Schema):
    """The limits are Cognito's: nobody has a longer name or password."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


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
