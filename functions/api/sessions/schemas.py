"""What the sessions' routes accept and answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from functions.api.schemas import Instant, Schema


class SignIn(Schema):
    """Both as Cognito bounds them: what is longer belongs to nobody."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class Session(Schema):
    """Who is signed in, and until when without a refresh."""

    user_id: str
    name: str
    modules: list[str]
    expires_at: Instant


class SocketTicket(Schema):
    """What is given to the WebSocket as `?ticket=`: once, and within so many seconds."""

    ticket: str
    expires_in: int
    url: str


class Config(Schema):
    """What a page has to know before anybody signs in."""

    web_socket_url: str
    time_zone: str
    ladders: dict[str, list[int]] = Field(description="What a rep passes in a month, by rule.")
