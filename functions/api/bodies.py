"""What the API takes and gives, as JSON: camelCase, UTC instants in ISO 8601, unknown counts as null."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr, StringConstraints
from pydantic.alias_generators import to_camel

from cairn.instants import iso
from cairn.sales_floor import plain

Instant = Annotated[datetime, PlainSerializer(iso, return_type=str)]
Amount = Annotated[int | Decimal, PlainSerializer(plain, return_type=int | float)]


def _iso_8601(text: object) -> object:
    """Only dates and times as texts: pydantic would take a bare number for seconds since 1970."""
    if isinstance(text, str) and not _DATE.match(text):
        raise ValueError("must be an ISO 8601 date or time, such as 2026-11-20T12:00:00Z")
    return text


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
When = Annotated[datetime, BeforeValidator(_iso_8601)]


class Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Error(Body):
    """A refusal: what was wrong, and in which fields."""

    error: str
    details: list[dict[str, str]] = []


class Health(Body):
    status: Literal["ok"] = "ok"


class NewChannel(Body):
    """A channel to be tracked: `handle` as people write it (@name), or the platform's id."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    handle: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None


class SyncRequest(Body):
    """Which platform's channels to fetch; all of them when left away."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None


class SyncResult(Body):
    """What came of it, in channels. `queued` ones are being fetched in the background."""

    stored: int
    unchanged: int
    troubled: int
    queued: int
    failed: int


class Threshold(Body):
    threshold: Amount
    label: str


class ReachedThreshold(Threshold):
    achieved_at: Instant


class Trouble(Body):
    """Why there is no fresh reading: `unknown_channel`, `hidden_count` or `refused`, in words, and since when."""

    code: str
    message: str
    since: Instant


class Channel(Body):
    """A tracked channel and its reading. A count that is null is unknown, which is not zero."""

    id: str
    platform: str
    handle: str
    name: str
    page: str | None = Field(description="Its address on the platform, where that is known.")
    subscribers: int | None
    views: int | None
    videos: int | None
    precision: int = Field(description="The step to which the source rounds subscribers down; 1 is exact.")
    as_of: Instant | None = Field(description="When these values were last seen to be true.")
    stale: bool
    last_milestone: ReachedThreshold | None
    next_milestone: Threshold | None
    trouble: Trouble | None
    added_at: Instant


class Channels(Body):
    items: list[Channel]
    next_cursor: str | None


class DailyValues(Body):
    """A day's last values, and by how much they grew; on a day without a reading the counts go on, and that is 0."""

    day: date
    subscribers: int | None
    views: int | None
    videos: int | None
    subscribers_gained: int
    views_gained: int
    videos_gained: int


class SingleReading(Body):
    at: Instant
    subscribers: int | None
    views: int | None
    videos: int | None


class ChannelHistory(Body):
    """Days for a chart, or single readings; the other list is empty."""

    id: str
    bucket: Literal["day", "none"]
    items: list[DailyValues] | list[SingleReading]
    next_cursor: str | None


class DeliveryTally(Body):
    total: int
    delivered: int
    failed: int


class Milestone(Body):
    id: str
    subject: str
    name: str
    rule: str
    metric: str
    period: str
    threshold: Amount
    label: str
    value: Amount
    also_passed: list[Threshold]
    achieved_at: Instant
    trace_id: str
    delivery: DeliveryTally


class Milestones(Body):
    items: list[Milestone]
    next_cursor: str | None


class Subscriber(Body):
    chat_id: str
    type: str
    since: Instant


class Subscribers(Body):
    total: int
    items: list[Subscriber]
    next_cursor: str | None


class SignIn(Body):
    """Both as Cognito bounds them: what is longer belongs to nobody."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class Session(Body):
    """Who is signed in, and until when without a refresh."""

    user_id: str
    name: str
    modules: list[str]
    expires_at: Instant


class SocketTicket(Body):
    """What is given to the WebSocket as `?ticket=`: once, and within so many seconds."""

    ticket: str
    expires_in: int
    url: str


class Config(Body):
    """What a page has to know before anybody signs in."""

    web_socket_url: str
    time_zone: str
    ladders: dict[str, list[int]] = Field(description="What a rep passes in a month, by rule.")
