"""Request and response bodies of the leaderboard routes. Numbers may be sent as text, as some systems send money."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from cairn.clock import from_millis, to_millis
from cairn.leaderboard.rows import SCORE_LIMIT
from cairn.model import Number
from functions.api.params import When
from functions.api.schemas import Instant, Schema

MAX_SIGNUPS = 10**9
MAX_PERCENTAGE = 10**9
MAX_UPDATES = 1000
MAX_USER_NUMBER = 2**53
_HUNDREDTH = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_USER_ID = re.compile(r"[\w.@+-]{1,128}")


def _exact(value: object) -> Decimal:
    """The number as sent, without rounding."""
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, bool) or not (isinstance(value, int | float | Decimal) or _NUMBER.fullmatch(text)):
        raise ValueError("must be a number, or a number as text")
    number = Decimal(text or str(value))
    if not number.is_finite():
        raise ValueError("must be finite")
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _as_integer(number: Decimal) -> Number:
    return int(number) if number == number.to_integral_value() else number


def _money(value: object) -> Number:
    number = _exact(value)
    if number >= SCORE_LIMIT:
        raise ValueError(f"must be below {SCORE_LIMIT:,}")
    if number != number.quantize(_HUNDREDTH, ROUND_DOWN):
        raise ValueError("must have at most two decimals")
    return _as_integer(number.normalize())


def _count(value: object) -> Number:
    number = _exact(value)
    if number > MAX_SIGNUPS or number != number.to_integral_value():
        raise ValueError(f"must be a whole number up to {MAX_SIGNUPS:,}")
    return int(number)


def _percentage(value: object) -> Number:
    """Rounded down to hundredths, so that 99.999 does not become 100."""
    number = _exact(value)
    if number > MAX_PERCENTAGE:
        raise ValueError(f"must be at most {MAX_PERCENTAGE:,}")
    return _as_integer(number.quantize(_HUNDREDTH, ROUND_DOWN))


def _user_id(value: object) -> int | str | None:
    """A user's name, which may be a number."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_USER_NUMBER
    if value is None or is_number or (isinstance(value, str) and _USER_ID.fullmatch(value)):
        return value  # type: ignore[return-value]  # one of these three
    raise ValueError("must be a user's name, as text or as a whole number")


def _text(value: object) -> object:
    """A number would be read as seconds since 1970, or as milliseconds if it is large."""
    if value is not None and not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time, such as 2026-11-30T23:59:30Z")
    return value


def _instant(instant: datetime) -> datetime:
    """In whole milliseconds, as it is stored; UTC without an offset."""
    try:
        return from_millis(to_millis(instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant))
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999") from None


def _schema(maximum: int, *alternatives: dict[str, str], **more: Any) -> WithJsonSchema:
    number = {"type": "number", "minimum": 0, "maximum": maximum, **more}
    text = {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,2})?$"}
    return WithJsonSchema({"anyOf": [number, text, *alternatives]})


Money = Annotated[Any, BeforeValidator(_money), _schema(SCORE_LIMIT - 1)]
Goal = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else _money(value)),
    _schema(SCORE_LIMIT - 1, {"type": "null"}),
]
Count = Annotated[
    Any,
    BeforeValidator(_count),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_SIGNUPS},
                {"type": "string", "pattern": r"^\d{1,9}$"},
            ]
        }
    ),
]
Percentage = Annotated[Any, BeforeValidator(_percentage), _schema(MAX_PERCENTAGE)]
AsOf = Annotated[When, BeforeValidator(_text), AfterValidator(_instant)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Avatar = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=300),
    Field(description="A short text, such as an emoji; or a picture's https URL, on a host that the operator allowed."),
]
Team = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
UserId = Annotated[
    Any,
    BeforeValidator(_user_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_USER_NUMBER},
                {"type": "string", "pattern": f"^{_USER_ID.pattern}$"},
                {"type": "null"},
            ]
        }
    ),
]
RepId = Annotated[int, Field(strict=True, ge=1, le=10**15 - 1)]


class RequestBody(Schema):
    """Fields in camelCase only; other names are rejected."""

    model_config = ConfigDict(populate_by_name=False)


class Values(RequestBody):
    """A rep's numbers; those that are not sent keep their values."""

    monthly_revenue: Money = None
    yearly_revenue: Money = None
    all_time_revenue: Money = None
    monthly_signups: Count = None
    yearly_signups: Count = None
    goal_progress: Percentage = Field(
        None, description="In percent; computed from the revenue and the goal if not sent."
    )
    monthly_growth: Percentage = None
    yearly_growth: Percentage = None

    def sent(self) -> dict[str, Number]:
        return {name: getattr(self, name) for name in Values.model_fields if name in self.model_fields_set}


class StatsUpdate(Values):
    as_of: AsOf | None = Field(
        None,
        description="When the numbers were true; now by default. It decides to which month they belong. The answer is "
        "409 once that month is over for the rep, or if newer numbers are stored.",
    )

    @model_validator(mode="after")
    def _not_empty(self) -> StatsUpdate:
        if not self.sent():
            raise ValueError(f"send at least one of {', '.join(str(f.alias) for f in Values.model_fields.values())}")
        return self


class NewRep(Values):
    name: Name
    avatar: Avatar | None = None
    team: Team | None = None
    user_id: UserId = Field(None, description="The name with which the rep signs in; their room is `user:{userId}`.")
    monthly_revenue_goal: Goal = None


class RepChange(RequestBody):
    """The fields to change; null clears an optional field."""

    name: Name = ""
    avatar: Avatar | None = None
    team: Team | None = None
    user_id: UserId = None
    monthly_revenue_goal: Goal = None

    @model_validator(mode="after")
    def _not_empty(self) -> RepChange:
        if not self.model_fields_set:
            raise ValueError(f"send at least one of {', '.join(str(f.alias) for f in RepChange.model_fields.values())}")
        return self


class BulkUpdate(RequestBody):
    """Each update is `{repId, stats}` and is validated on its own: an invalid one does not affect the others."""

    updates: Annotated[list[Any], Field(min_length=1, max_length=MAX_UPDATES)]


class OneUpdate(RequestBody):
    rep_id: RepId
    stats: StatsUpdate


class RepBadge(Schema):
    id: str
    name: str
    emoji: str
    awarded_at: Instant


class RepBadges(Schema):
    items: list[RepBadge]
    next_cursor: str | None


class Rep(Schema):
    """A rep. Reps with the same monthly revenue share a rank. A growth that nobody sent for the period is null."""

    id: int
    name: str
    avatar: str | None
    team: str | None
    user_id: int | str | None
    monthly_revenue_goal: int | float | None
    monthly_revenue: int | float
    yearly_revenue: int | float
    all_time_revenue: int | float
    monthly_signups: int
    yearly_signups: int
    goal_progress: int | float
    monthly_growth: int | float | None
    yearly_growth: int | float | None
    current_bonus_tier: int
    rank: int
    badges: list[RepBadge]
    as_of: Instant


class RepList(Schema):
    items: list[Rep]
    next_cursor: str | None


class Board(Schema):
    """A month's board, best rep first; `total` is the number of reps on it."""

    period: str
    items: list[Rep]
    total: int
    next_cursor: str | None


class AlsoPassed(Schema):
    threshold: int | float
    label: str


class CelebratedRep(Schema):
    id: int
    name: str
    avatar: str | None
    team: str | None
    monthly_revenue: int | float
    monthly_signups: int
    goal_progress: int | float
    current_bonus_tier: int


class RepMilestone(Schema):
    """A milestone as it is announced; the announcement has the same id."""

    id: str
    type: str
    title: str
    description: str
    value: int | str
    emoji: str
    color: str
    achieved_at: str
    also_passed: list[AlsoPassed]
    sales_rep: CelebratedRep


class Updated(Schema):
    """The result of an update; `rankChange` is positive when the rank improved.

    `milestones` are those that are announced. The one exception is a rank: if other reps' numbers change at the same
    instant, a rank that was reached in between may be announced, and be in no answer.
    """

    success: bool = True
    rep: Rep
    milestones: list[RepMilestone]
    rank_change: int


class BulkResult(Schema):
    """The result of one update; a failed one has `error` and `details`, and no `repId` if that is what is invalid."""

    rep_id: int | None
    success: bool
    rep: Rep | None = None
    milestones: list[RepMilestone] = Field(default_factory=list)
    rank_change: int = 0
    status: int = 200
    error: str | None = None
    details: list[dict[str, str]] = Field(default_factory=list)


class BulkUpdated(Schema):
    results: list[BulkResult]
    succeeded: int
    failed: int


class Badge(Schema):
    """Earned by a milestone of the rule `rule` at `threshold` or above, while the badge is active."""

    id: str
    name: str
    description: str
    emoji: str
    rule: str
    threshold: int | float
    active: bool


class BadgeList(Schema):
    items: list[Badge]
    next_cursor: str | None


class BadgeChange(RequestBody):
    name: Name
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    emoji: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16)]
    rule: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    threshold: Money
    active: Annotated[bool, Field(strict=True)] = True
