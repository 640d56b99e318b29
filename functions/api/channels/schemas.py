"""Request and response bodies of the channel routes. An unknown count is null."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from functions.api.schemas import Instant, Schema, Threshold


class NewChannel(Schema):
    """A channel to track. `handle` is its public handle (@name) or its id on the platform."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    handle: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None


class SyncRequest(Schema):
    """The platform whose channels to fetch; all platforms by default."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None


class SyncResult(Schema):
    """The number of channels by outcome. `queued` ones are being fetched in the background."""

    stored: int
    unchanged: int
    troubled: int
    queued: int
    failed: int


class ReachedThreshold(Threshold):
    achieved_at: Instant | None = Field(description="Null if it was passed before Cairn first looked at the channel.")


class Trouble(Schema):
    """Why there is no fresh reading, and since when.

    `code` is `unknown_channel`, `hidden_count`, `refused`, `name_taken` (the handle belongs to another account now) or
    `implausible_count` (the count jumped so far that it waits for a second reading).
    """

    code: str
    message: str
    since: Instant


class Channel(Schema):
    """A tracked channel and its latest reading. A null count is unknown, not zero."""

    id: str
    platform: str
    handle: str
    name: str
    page: str | None = Field(
        description="The channel's URL on the platform, if it has one that is known to be its own."
    )
    subscribers: int | None
    views: int | None
    videos: int | None
    precision: int = Field(description="The platform rounds subscribers down to a multiple of this; 1 is exact.")
    as_of: Instant | None = Field(description="When these values were last confirmed.")
    stale: bool
    last_milestone: ReachedThreshold | None
    next_milestone: Threshold | None
    trouble: Trouble | None
    added_at: Instant


class Channels(Schema):
    items: list[Channel]
    next_cursor: str | None


class DailyValues(Schema):
    """A day's last values and their growth since the end of the day before.

    A day without a reading repeats the counts before it, with growth 0: an unchanged count is not stored again. A
    growth is null where one of the two counts is unknown: up to the day of the first reading, while a count is hidden,
    and on the day on which it reappears.
    """

    day: date
    subscribers: int | None
    views: int | None
    videos: int | None
    subscribers_gained: int | None
    views_gained: int | None
    videos_gained: int | None


class SingleReading(Schema):
    at: Instant
    subscribers: int | None
    views: int | None
    videos: int | None


class ChannelHistory(Schema):
    """Daily values for a chart, or single readings, as `bucket` says."""

    id: str
    bucket: Literal["day", "none"]
    items: list[DailyValues] | list[SingleReading]
    next_cursor: str | None
