"""Request and response bodies of the routes for agencies and creators. An unknown count is null."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from cairn.creators.freshness import Syncing
from cairn.usage.shapes import to_line, to_zone
from functions.api.schemas import Amount, Instant, Schema

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(to_line)]
ExternalId = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, pattern=r"^[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}$"
    ),
    Field(description="The platform's own id of the creator: a UUID of Fanvue's."),
]
"""A part of the path of the platform's API."""
Currency = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{3}$")]
Zone = Annotated[str, AfterValidator(to_zone)]


class NewAgency(Schema):
    name: Name


class AgencyChange(Schema):
    """Only what is sent changes."""

    name: Name | None = None
    retired: Literal[False] | None = Field(default=None, description="False brings a retired agency back.")


class Agency(Schema):
    id: str
    name: str
    created_at: Instant
    retired_at: Instant | None
    creators: int = Field(description="How many creators it has who are not retired.")


class Agencies(Schema):
    items: list[Agency]
    next_cursor: str | None


class NewCreator(Schema):
    agency_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    name: Name
    platform: Literal["fanvue"] = "fanvue"
    external_id: ExternalId
    currency: Currency | None = Field(
        default=None, description="Of amounts whose currency the platform does not say, and of revenue: ISO 4217."
    )
    time_zone: Zone | None = Field(
        default=None, description="Of the IANA database; by default the setting `time_zone`."
    )


class CreatorChange(Schema):
    """Only what is sent changes."""

    name: Name | None = None
    agency_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    currency: Currency | None = Field(default=None, description="It changes until transactions are synced.")
    time_zone: Zone | None = None
    retired: Literal[False] | None = Field(default=None, description="False brings a retired creator back.")


class PartError(Schema):
    """What went wrong, since when, and when it is tried again."""

    code: str
    message: str
    since: Instant
    retry_at: Instant


class Drift(Schema):
    """What the platform's webhooks told and its list of earnings does not have (yet)."""

    waiting: int = Field(description="Payments that may still come.")
    unconfirmed: int = Field(description="Payments that did not come within a day; they are not in the sums.")
    amount: Amount = Field(description="Their gross, in the main unit of the creator's currency.")


class SyncStatus(Schema):
    as_of: Instant | None = Field(description="The transactions up to here are known.")
    stale: bool
    first_synced_at: Instant | None = Field(description="Since when milestones are announced.")
    state: Syncing
    error: PartError | None
    drift: Drift


class AudienceStatus(Schema):
    as_of: Instant | None
    stale: bool
    subscribers: int | None
    followers: int | None
    messages: int | None = Field(description="Chats in the inbox.")
    posts: int | None
    error: PartError | None


class Creator(Schema):
    id: str
    agency_id: str
    name: str
    platform: str
    external_id: str
    currency: str | None
    time_zone: str | None
    added_at: Instant
    retired_at: Instant | None
    sync: SyncStatus
    audience: AudienceStatus
    revenue: Amount | None = Field(description="Gross, as far back as the first sync read, in the main unit.")
    revenue_currency: str | None


class Creators(Schema):
    items: list[Creator]
    next_cursor: str | None
