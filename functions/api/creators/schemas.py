"""Request and response bodies of the routes for agencies and creators. An unknown count is null."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from cairn.creators.credentials import Key, OAuth
from cairn.creators.freshness import Syncing
from cairn.usage.shapes import to_line, to_zone
from functions.api.params import When
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


Secret = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[\x21-\x7e]{1,4000}$")]
"""A key or a token: no space, and nothing that a header could not carry."""
Whose = Literal["own", "agency", "deployment"]


def _is_boolean(value: object) -> object:
    """0 is False in Python, and no boolean in JSON."""
    if not isinstance(value, bool):
        raise ValueError("must be false")  # noqa: TRY004 - pydantic takes only these for the caller's mistake
    return value


Active = Annotated[Literal[False], BeforeValidator(_is_boolean)]
"""Not retired any more. Retiring is a DELETE."""


class NewAgency(Schema):
    name: Name


class AgencyChange(Schema):
    """Only what is sent changes."""

    name: Name | None = None
    retired: Active | None = Field(default=None, description="False brings a retired agency back.")


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

    api_key: Secret | None = Field(default=None, description="A key of the creator's own; it is never read back.")


class CreatorChange(Schema):
    """Only what is sent changes."""

    name: Name | None = None
    agency_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    currency: Currency | None = Field(default=None, description="It changes until transactions are synced.")
    time_zone: Zone | None = None
    retired: Active | None = Field(default=None, description="False brings a retired creator back.")


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
    credentials: Whose = Field(
        description="Whose credentials are used. `deployment`: neither the creator nor the agency has any, so it is "
        "the key of this Cairn, if it has one."
    )
    sync: SyncStatus
    audience: AudienceStatus
    revenue: Amount | None = Field(description="Gross, as far back as the first sync read, in the main unit.")
    revenue_currency: str | None


class Creators(Schema):
    items: list[Creator]
    next_cursor: str | None


def _written(instant: object) -> object:
    """pydantic would read a number as seconds since 1970."""
    if instant is not None and not isinstance(instant, str):
        raise ValueError("must be an ISO 8601 time as text, such as 2026-11-20T12:00:00Z")
    return instant


class NewCredentials(Schema):
    """Either a key, or a client of the platform's OAuth server with the tokens of a consent to it."""

    api_key: Secret | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = Field(default=None, description="It is used once; Cairn keeps the one that follows.")
    access_token: Secret | None = None
    expires_at: Annotated[When | None, BeforeValidator(_written)] = Field(
        default=None, description="When the access token ends."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        client = (self.client_id, self.client_secret, self.refresh_token)
        tokens = (self.access_token, self.expires_at)
        if self.api_key is not None and any(one is not None for one in (*client, *tokens)):
            raise ValueError("send apiKey alone, or clientId, clientSecret and refreshToken without it")
        if self.api_key is None and None in client:
            raise ValueError("send apiKey, or clientId, clientSecret and refreshToken")
        return self

    def secret(self) -> Key | OAuth:
        if self.api_key is not None:
            return Key(self.api_key)
        assert self.client_id
        assert self.client_secret
        assert self.refresh_token
        ends = self.expires_at.replace(tzinfo=self.expires_at.tzinfo or UTC) if self.expires_at else None
        return OAuth(self.client_id, self.client_secret, self.refresh_token, self.access_token, ends)


class Credentials(Schema):
    """What may be seen of credentials."""

    kind: Literal["key", "oauth"]
    ends: str = Field(description="The last four characters of the key, or of the client's id.")
    changed_at: Instant
    changed_by: str
    rejected: str | None = Field(description="Why the platform refuses them, until others are given.")
