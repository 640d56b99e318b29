"""Request and response bodies of the routes for endpoints."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from functions.api.params import When
from functions.api.schemas import Instant, Schema

MAX_URL = 2048
MAX_TYPES = 100
HIDDEN = "…"
"""In an address of which only a part is shown."""


def example(**fields: Any) -> ConfigDict:
    """An example for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def _whole_address(url: str) -> str:
    if HIDDEN in url:
        raise ValueError("this is an address as Cairn shows it; send the whole one, or leave url out to keep it")
    return url


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no control characters")
    return text


def _written(instant: object) -> object:
    if not isinstance(instant, str):
        raise ValueError("must be an ISO 8601 date or time as text, such as 2026-11-20T12:00:00Z")  # noqa: TRY004
    return instant


Moment = Annotated[When, BeforeValidator(_written)]
"""As in a query; a number in JSON would be read as seconds since 1970."""
Url = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_URL), AfterValidator(_whole_address)
]
Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_printable)]
Owner = Annotated[
    str,
    Field(
        pattern=r"^(user:[\w.@+-]{1,128}|chat:(-?\d{1,20}|@\w{1,64}))$",
        description="Who is told when it is disabled: `user:{name}` of a person, or `chat:{id}` of Telegram.",
    ),
]
Types = Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=MAX_TYPES)]
Format = Literal["standard", "source", "ghl"]
RateLimit = Annotated[float, Field(ge=0.01, le=1000, description="Messages a second; null for no limit.")]
HoldOut = Annotated[
    int, Field(ge=0, le=90, description="The percentage of subjects about which nothing is sent, to compare with.")
]
FilterJson = Annotated[
    dict[str, Any],
    Field(
        description="Conditions on fields of the event's data, on `type` or `subject`, which must all hold: `eq`, "
        "`in`, `gte`, `exists`. A bare value means `eq`."
    ),
]


class Contact(Schema):
    model_config = example(name="Ada Okafor", email="ada@example.com", phone="+4930123456")

    name: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    email: Annotated[Line, Field(max_length=254, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")] | None = None
    phone: Annotated[Line, Field(max_length=40, pattern=r"^\+?[\d ().\-/]{3,40}$")] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Contact:
        if self.name is None and self.email is None and self.phone is None:
            raise ValueError("one or more of name, email and phone")
        return self


class NewEndpoint(Schema):
    model_config = example(
        url="https://crm.example.com/hooks/cairn",
        events=["milestone_reached", "acme.order_paid"],
        filter={"rule": "revenue", "threshold": {"gte": 10000}},
        headers={"Authorization": "Bearer the-receiver's-own-key"},
        rateLimit=10,
        description="The CRM",
        owner="user:ada",
    )

    url: Url
    events: Types = Field(default=["*"], description="Types of events, or `*` for all.")
    format: Format = "standard"
    filter: FilterJson | None = None
    headers: dict[str, str] | None = Field(
        default=None, description="Headers that each message has; their values are never shown again."
    )
    rate_limit: RateLimit | None = None
    description: Annotated[Line, Field(max_length=200)] = ""
    owner: Owner | None = None
    default_contact: Contact | None = Field(
        default=None, description="Whom an event is about that names nobody, for a format that needs a contact."
    )
    hold_out: HoldOut = 0


class EndpointChange(Schema):
    """Only what is sent changes; null removes what an endpoint may be without."""

    model_config = example(description="The CRM of the north", rateLimit=None, headers={"X-Old": None})

    url: Url | None = None
    events: Types | None = None
    format: Format | None = None
    filter: FilterJson | None = None
    headers: dict[str, str | None] | None = Field(
        default=None,
        description="By name: a new value, or null to remove the header. Those that are not named stay. Null instead "
        "of an object removes all.",
    )
    rate_limit: RateLimit | None = None
    description: Annotated[Line, Field(max_length=200)] | None = None
    owner: Owner | None = None
    default_contact: Contact | None = None
    hold_out: HoldOut | None = None
    version: int | None = Field(
        default=None, description="The version that you have seen; 409 if somebody has changed the endpoint since."
    )

    @model_validator(mode="after")
    def _keeps_what_it_needs(self) -> EndpointChange:
        needed = ("url", "events", "format")
        if missing := [name for name in needed if name in self.model_fields_set and getattr(self, name) is None]:
            raise ValueError(f"{', '.join(missing)}: cannot be removed")
        return self


class Health(Schema):
    failures: int = Field(description="Attempts that failed since the last one that succeeded.")
    failing_since: Instant | None
    open_until: Instant | None = Field(
        description="Nothing is sent before; then one attempt finds out whether the endpoint has recovered."
    )
    last_error: str


class Endpoint(Schema):
    id: str
    url: str = Field(description="Of the format `ghl` only the host and the last characters: its address is a secret.")
    description: str
    format: Format
    events: list[str]
    filter: dict[str, Any]
    headers: list[str] = Field(description="The names of its headers.")
    rate_limit: float | None
    owner: str | None
    default_contact: Contact | None
    hold_out: int
    state: Literal["active", "paused", "disabled"]
    state_reason: str
    health: Health
    previous_secret_until: Instant | None = Field(
        description="Until when the secret before the last rotation signs, too; null when it does not."
    )
    created_at: Instant
    created_by: str
    version: int


class EndpointWithSecret(Endpoint):
    """The only answer with the signing secret."""

    secret: str = Field(description="`whsec_` and the base64 of the key, as Standard Webhooks has it.")


class Endpoints(Schema):
    items: list[Endpoint]
    next_cursor: str | None


class Replay(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"from": "2026-11-29T00:00:00Z", "to": "2026-11-30T00:00:00Z", "events": ["*"], "dryRun": True}
            ]
        }
    )

    from_: Moment = Field(alias="from")
    to: Moment | None = Field(default=None, description="Now by default.")
    events: Types | None = Field(default=None, description="Only these types; all that it wants by default.")
    dry_run: bool = Field(default=False, strict=True, description="Only count.")


class Recover(Schema):
    dry_run: bool = Field(default=False, strict=True, description="Only count.")


class Resent(Schema):
    messages: int = Field(description="How many are sent again; they are in the list of messages meanwhile.")
    at_least: bool = Field(description="Whether there are more than were counted.")
    dry_run: bool


class Test(Schema):
    type: str | None = Field(default=None, max_length=100, description="By default the first type that it wants.")


class Accepted(Schema):
    id: str = Field(description="The message's id: GET /api/webhooks/messages/{id} says what became of it.")
