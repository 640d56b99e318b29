"""Request and response bodies of the routes for a product's users."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from cairn.codec import to_json
from cairn.usage.events import NO_SEGMENTS
from cairn.usage.shapes import EMAIL, MAX_EMAIL, MAX_GOAL, MAX_NAME, PHONE, to_line, to_zone
from functions.api.schemas import Amount, Instant, Schema, Threshold

MAX_USERS = 500
MAX_ATTRIBUTES = 50
MAX_ATTRIBUTES_BYTES = 4096
USER_ID = r"^[A-Za-z0-9._:@|+=\-~'!]{1,128}$"


def _attributes(value: Any) -> Any:
    """Texts, numbers and booleans by name, so that every CRM can read them."""
    if not isinstance(value, dict):
        return value
    if len(value) > MAX_ATTRIBUTES:
        raise ValueError(f"must be at most {MAX_ATTRIBUTES} attributes")
    for name, one in value.items():
        if not (1 <= len(name) <= 100 and name.isprintable()):
            raise ValueError("the name of an attribute must be 1 to 100 characters, none of them a control character")
        if not isinstance(one, str | int | float | Decimal) or (isinstance(one, Decimal) and not one.is_finite()):
            raise ValueError(f"{name}: must be a text, a number, true or false")
    if len(to_json(value).encode()) > MAX_ATTRIBUTES_BYTES:
        raise ValueError(f"must be at most {MAX_ATTRIBUTES_BYTES} bytes as JSON")
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic takes a ValueError
    return value


def _kept_in_an_address(user_id: str) -> str:
    if user_id in NO_SEGMENTS:
        raise ValueError("must not be . or .., which clients take out of an address")
    return user_id


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(to_line)]
UserId = Annotated[
    str,
    AfterValidator(_kept_in_an_address),
    Field(pattern=USER_ID, description="Your own id: 1 to 128 letters, digits and `. _ : @ | + = - ~ ' !`."),
]
Zone = Annotated[str, AfterValidator(to_zone), Field(max_length=100, examples=["Europe/Berlin"])]
Goal = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=MAX_GOAL)]
Attributes = Annotated[dict[str, Any], BeforeValidator(_attributes)]
Count = Annotated[int, BeforeValidator(_whole)]


class UserChange(Schema):
    """Only what is sent changes; null clears. A user who is not known begins with it."""

    time_zone: Zone | None = Field(
        default=None, description="Where the user's days begin and end, from now on; null for the setting `time_zone`."
    )
    daily_goal: Goal | None = Field(
        default=None, description="A first goal counts at once, another one from the next local day."
    )
    name: Annotated[Line, Field(min_length=1, max_length=MAX_NAME)] | None = None
    email: Annotated[Line, Field(max_length=MAX_EMAIL, pattern=EMAIL)] | None = None
    phone: Annotated[Line, Field(max_length=40, pattern=PHONE)] | None = None
    attributes: Attributes | None = Field(
        default=None, description="Texts, numbers and booleans: at most 50, and 4 KB. They replace those before."
    )


class OneUser(UserChange):
    """A user of a list."""

    id: UserId


class UserChanges(Schema):
    users: list[Any] = Field(min_length=1, max_length=MAX_USERS, description="Each as in PUT of one, with its `id`.")
    silent: bool = Field(
        default=False,
        strict=True,
        description="Tell nobody that users begin, nor what they reach by it: for users of long ago.",
    )


class Goals(Schema):
    daily_goal: int | None
    from_: str = Field(alias="from", description="The local day from which it holds.")


class Month(Schema):
    month: str
    counts: dict[str, int]


class Today(Schema):
    date: str
    counts: dict[str, int]
    goal_count: int = Field(description="What counted for the goal.")
    daily_goal: int | None
    goal_achieved: bool


class LatestMilestone(Schema):
    id: str
    type: str
    label: str
    threshold: int
    value: int
    achieved_at: Instant


class Near(Schema):
    type: str = Field(description="The rule: a metric, `daily_goal`, `streak`, `days_with_us`.")
    threshold: int
    label: str
    value: int
    missing: int


class User(Schema):
    id: str
    name: str | None
    email: str | None
    phone: str | None
    time_zone: str
    attributes: dict[str, Any]
    created_at: Instant | None = Field(description="Null for the moment until a user who began has been noted.")
    daily_goal: int | None
    next_daily_goal: Goals | None
    totals: dict[str, int] = Field(description="Of the whole life, by metric; what was imported is in it.")
    month: Month
    today: Today = Field(description="The user's own local day.")
    first_reply_at: Instant | None
    firsts: dict[str, Instant]
    features: list[str]
    streak_days: int
    streak_began: str | None
    freezes: int = Field(description="How many are left.")
    days_with_us: int
    latest_milestone: LatestMilestone | None
    near: list[Near] = Field(description="The next threshold of each rule; first of what the least is missing.")
    as_of: Instant


class UserList(Schema):
    items: list[User]
    next_cursor: str | None = Field(description="A page may be short, or empty, and still have one.")


class UserResult(Schema):
    id: str | None
    success: bool
    status: int
    error: str | None = None
    details: list[dict[str, str]] = Field(default_factory=list)


class UserResults(Schema):
    results: list[UserResult] = Field(description="In the order of the list.")
    succeeded: int
    failed: int


class Day(Schema):
    date: str
    counts: dict[str, int] = Field(description="What Cairn counted.")
    imported: dict[str, int] = Field(description="What was imported, besides.")
    goal_count: int
    daily_goal: int | None = Field(description="Null without a goal, and where the goal of that day is not known.")
    goal_achieved: bool
    frozen: bool = Field(description="A freeze covered the day.")
    counted: bool


class Usage(Schema):
    time_zone: str
    items: list[Day]
    next_cursor: str | None


class DayTotals(Schema):
    date: str
    counts: dict[str, int] = Field(description="What Cairn counted, by metric.")
    imported: dict[str, int] = Field(description="What was imported, besides.")
    users: int = Field(description="Who did something, as Cairn counted.")
    goals: int = Field(description="How many of them reached their goal.")


class Totals(Schema):
    as_of: Instant | None = Field(description="When the last count began; null before the first one.")
    items: list[DayTotals]
    next_cursor: str | None


class Milestone(Schema):
    id: str
    type: str = Field(description="The rule: a metric, `daily_goal`, `feature`, `streak`, `days_with_us`.")
    metric: str
    period: str = Field(description="`all-time`; the day of a goal, the first day of a streak, a feature.")
    threshold: Amount
    label: str
    value: Amount
    also_passed: list[Threshold]
    achieved_at: Instant
    streak_days: int | None
    corrected: bool = Field(description="A correction took away since what it was reached with. It stays announced.")
    reverted_at: Instant | None
    event: str = Field(description="The id of its webhook event: GET /api/webhooks/messages?event=…")
    trace_id: str


class Milestones(Schema):
    items: list[Milestone]
    next_cursor: str | None


class NewGrant(Schema):
    count: Annotated[Count, Field(ge=1, le=31)] = 1
    reason: Annotated[Line, Field(min_length=1, max_length=200)]
    id: Annotated[Line, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Yours, by which a repeat is recognised."
    )


class Grant(Schema):
    id: str
    count: int
    reason: str
    by: str
    at: Instant


class Granted(Grant):
    freezes: int = Field(description="How many the user has now.")


class Freezes(Schema):
    freezes: int = Field(description="How many are left.")
    items: list[Grant] = Field(description="What was granted, the last first.")
    used: list[str] = Field(description="The days that were covered, the last first.")
    next_cursor: str | None


class Export(Schema):
    exported_at: Instant
    user: User
    usage: list[Day]
    milestones: list[Milestone]
    freezes: Freezes
    not_included: str
