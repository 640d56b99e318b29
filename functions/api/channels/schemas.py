"""What the channels' routes accept and answer. An unknown count is null."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from functions.api.schemas import Instant, Schema, Threshold


class NewChannel(Schema):
    """A channel to be tracked: `handle` as people write it (@name), or the platform's id."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    handle: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None


class SyncRequest(Schema):
    """Which platform's channels to fetch; all of them when left away."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None


class SyncResult(Schema):
    """What came of it, in channels. `queued` ones are being fetched in the background."""

    stored: int
    unchanged: int
    troubled: int
    queued: int
    failed: int


class ReachedThreshold(Threshold):
    achieved_at: Instant


class Trouble(Schema):
    """Why there is no fresh reading: `unknown_channel`, `hidden_count` or `refused`, in words, and since when."""

    code: str
    message: str
    since: Instant


class Channel(Schema):
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


class Channels(Schema):
    items: list[Channel]
    next_cursor: str | None


class DailyValues(Schema):
    """A day's last values, and by how much they grew; on a day without a reading the counts go on, and that is 0."""

    day: date
    subscribers: int | None
    views: int | None
    videos: int | None
    subscribers_gained: int
    views_gained: int
    videos_gained: int


class SingleReading(Schema):
    at: Instant
    subscribers: int | None
    views: int | None
    videos: int | None


class ChannelHistory(Schema):
    """Days for a chart, or single readings; the other list is empty."""

    id: str
    bucket: Literal["day", "none"]
    items: list[DailyValues] | list[SingleReading]
    next_cursor: str | None
