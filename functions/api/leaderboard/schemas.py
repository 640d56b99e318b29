"""What the leaderboard's routes take and give. A number may come as a text, since some systems send money so."""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from cairn.leaderboard.rank_counters import HIGHEST
from cairn.model import Number
from functions.api.schemas import Instant, Schema

MOST_SIGNUPS = 10**9
MOST_PER_CENT = 10**9
MOST_UPDATES = 1000
MOST_USERS = 2**53
_HUNDREDTH = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_USER_ID = re.compile(r"[\w.@+-]{1,128}")


def _exact(value: object) -> Decimal:
    """The number that was sent, digit by digit."""
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, bool) or not (isinstance(value, int | float | Decimal) or _NUMBER.fullmatch(text)):
        raise ValueError("must be a number, or a text that is one")
    number = Decimal(text or str(value))
    if not number.is_finite():
        raise ValueError("must be finite")
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _whole(number: Decimal) -> Number:
    return int(number) if number == number.to_integral_value() else number


def _money(value: object) -> Number:
    number = _exact(value)
    if number >= HIGHEST:
        raise ValueError(f"must be below {HIGHEST:,}")
    if number != number.quantize(_HUNDREDTH, ROUND_DOWN):
        raise ValueError("must have two decimals at most")
    return _whole(number.normalize())


def _count(value: object) -> Number:
    number = _exact(value)
    if number > MOST_SIGNUPS or number != number.to_integral_value():
        raise ValueError(f"must be a whole number up to {MOST_SIGNUPS:,}")
    return int(number)


def _per_cent(value: object) -> Number:
    """Kept to hundredths, rounded down, so that 99.999 is not yet 100."""
    number = _exact(value)
    if number > MOST_PER_CENT:
        raise ValueError(f"must not be above {MOST_PER_CENT:,}")
    return _whole(number.quantize(_HUNDREDTH, ROUND_DOWN))


def _user_id(value: object) -> int | str | None:
    """The name of a user, which may be a number."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_USERS
    if value is None or whole or (isinstance(value, str) and _USER_ID.fullmatch(value)):
        return value  # type: ignore[return-value]  # one of these three
    raise ValueError("must be a user's name, or a whole number that is one")


def _schema(most: int, *others: dict[str, str], **more: Any) -> WithJsonSchema:
    numeric = {"type": "number", "minimum": 0, "maximum": most, **more}
    return WithJsonSchema({"anyOf": [numeric, {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,2})?$"}, *others]})


Money = Annotated[Any, BeforeValidator(_money), _schema(HIGHEST - 1)]
Goal = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else _money(value)),
    _schema(HIGHEST - 1, {"type": "null"}),
]
Count = Annotated[
    Any,
    BeforeValidator(_count),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MOST_SIGNUPS},
                {"type": "string", "pattern": r"^\d{1,9}$"},
            ]
        }
    ),
]
PerCent = Annotated[Any, BeforeValidator(_per_cent), _schema(MOST_PER_CENT)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Avatar = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=300),
    Field(description="An https address, or a short text."),
]
Team = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
UserId = Annotated[
    Any,
    BeforeValidator(_user_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MOST_USERS},
                {"type": "string", "pattern": f"^{_USER_ID.pattern}$"},
                {"type": "null"},
            ]
        }
    ),
]
RepId = Annotated[int, Field(strict=True, ge=1, le=10**15 - 1)]


class Sent(Schema):
    """What a client sends is in camelCase, and nothing else."""

    model_config = ConfigDict(populate_by_name=False)


class Values(Sent):
    """A rep's numbers; those left away stay as they are."""

    monthly_revenue: Money = None
    yearly_revenue: Money = None
    all_time_revenue: Money = None
    monthly_signups: Count = None
    yearly_signups: Count = None
    goal_progress: PerCent = Field(None, description="In per cent; follows the revenue and the goal when left away.")
    monthly_growth: PerCent = None
    yearly_growth: PerCent = None

    def given(self) -> dict[str, Number]:
        return {name: getattr(self, name) for name in Values.model_fields if name in self.model_fields_set}


class StatsUpdate(Values):
    @model_validator(mode="after")
    def _something(self) -> StatsUpdate:
        if not self.model_fields_set:
            raise ValueError(f"name at least one of {', '.join(str(f.alias) for f in Values.model_fields.values())}")
        return self


class NewRep(Values):
    name: Name
    avatar: Avatar | None = None
    team: Team | None = None
    user_id: UserId = Field(None, description="The name by which the rep signs in; their room is `user:{userId}`.")
    monthly_revenue_goal: Goal = None


class RepChange(Sent):
    """What to change; null takes away what may be missing."""

    name: Name = ""
    avatar: Avatar | None = None
    team: Team | None = None
    user_id: UserId = None
    monthly_revenue_goal: Goal = None

    @model_validator(mode="after")
    def _something(self) -> RepChange:
        if not self.model_fields_set:
            raise ValueError(f"name at least one of {', '.join(str(f.alias) for f in RepChange.model_fields.values())}")
        return self


class BulkUpdate(Sent):
    """Each is `{repId, stats}`, and is looked at by itself: one that is wrong spoils no other."""

    updates: Annotated[list[Any], Field(min_length=1, max_length=MOST_UPDATES)]


class OneUpdate(Sent):
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
    """A rep. Who has the same monthly revenue shares a rank."""

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
    monthly_growth: int | float
    yearly_growth: int | float
    current_bonus_tier: int
    rank: int
    badges: list[RepBadge]
    as_of: Instant


class RepList(Schema):
    items: list[Rep]
    next_cursor: str | None


class Board(Schema):
    """A month's board, the best first; `total` is how many are on it."""

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
    """A milestone as it is announced: its id is the announcement's too."""

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
    """What came of an update; `rankChange` is positive when the rank improved."""

    success: bool = True
    rep: Rep
    milestones: list[RepMilestone]
    rank_change: int


class BulkResult(Schema):
    """What came of one of the updates: `error` and `details` when it is not a success."""

    rep_id: Any
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
    """Earned by a milestone of the rule `rule` at `threshold` or above, as long as it is active."""

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


class BadgeChange(Sent):
    name: Name
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    emoji: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16)]
    rule: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    threshold: Money
    active: Annotated[bool, Field(strict=True)] = True
