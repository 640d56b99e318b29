"""Response bodies of the analytics routes. Amounts are in major units, with exactly the decimals of their currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from cairn.creators.freshness import Syncing
from functions.api.schemas import Instant, Schema

Number = Annotated[
    Decimal, PlainSerializer(lambda number: number, return_type=Decimal), WithJsonSchema({"type": "number"})
]
"""A number of JSON with exactly the digits that it has: `12.50`."""
Interval = Literal["day", "week", "month"]


class CurrencyPoint(Schema):
    revenue: Number
    net_revenue: Number
    transactions: int
    messages: Number
    tips: Number
    subscriptions: Number
    posts: Number
    renewals: Number
    referrals: Number
    other: Number


class ChartPoint(Schema):
    date: str = Field(description="The first day of the bucket, in the time zone of the range.")
    end_date: str = Field(description="Its last day. At either end of a range a week or a month may be cut short.")
    partial: bool = Field(description="The bucket is not over yet, or has not begun.")
    revenue: Number | None = Field(description="Gross, with refunds and chargebacks; null with several currencies.")
    net_revenue: Number | None = Field(description="What the platform pays out; null with several currencies.")
    transactions: int
    messages: Number | None
    tips: Number | None
    subscriptions: Number | None
    posts: Number | None
    renewals: Number | None
    referrals: Number | None
    other: Number | None
    by_currency: dict[str, CurrencyPoint] | None = Field(description="With several currencies: each by itself.")
    subscribers: int | None = Field(description="At the end of the bucket; null where nothing is known.")
    followers: int | None
    new_subscribers: int | None = Field(description="Of the days of UTC that begin in the bucket.")
    ended_subscribers: int | None


class Kpis(Schema):
    total_revenue: Number | None
    net_revenue: Number | None
    transactions: int
    subscribers: int | None = Field(description="Now.")
    followers: int | None = Field(description="Now.")
    messages: int | None = Field(description="Chats now.")
    posts: int | None = Field(description="Posts now.")
    arpu: Number | None
    arppu: Number | None
    ltv: Number | None
    conversion_rate: Number | None
    churn_rate: Number | None


class Formula(Schema):
    formula: str
    inputs: dict[str, Number | None]
    why: str | None = Field(description="Why the figure is null.")


class CategoryShare(Schema):
    category: str
    revenue: Number | None
    count: int
    share: Number | None = Field(description="Of the sum of all categories; null where that is not positive.")


class CurrencySums(Schema):
    total_revenue: Number
    net_revenue: Number
    transactions: int
    category_breakdown: list[CategoryShare]


class Range(Schema):
    time_range: str | None
    start_date: str
    end_date: str
    interval: Interval
    time_zone: str
    complete: bool = Field(description="The last day of the range is over.")


class Previous(Schema):
    range: Range
    kpi_metrics: Kpis
    changes: dict[str, Number | None] = Field(description="By figure: the change as a share of the previous value.")


class AsOf(Schema):
    transactions: Instant | None
    audience: Instant | None


class Stale(Schema):
    transactions: bool
    audience: bool


class Freshness(Schema):
    as_of: Instant | None
    stale: bool


class CreatorShown(Schema):
    id: str
    name: str
    agency_id: str
    transactions: Freshness
    audience: Freshness
    state: Syncing


class MilestoneShown(Schema):
    id: str
    creator_id: str
    date: str = Field(description="In the time zone of the range.")
    title: str
    emoji: str


class Warned(Schema):
    code: str = Field(description="`mixed_currencies`, `net_pending`, `first_sync`, `failing`, `drift`, `no_creators`.")
    message: str


class Dashboard(Schema):
    chart_data: list[ChartPoint] = Field(description="Every bucket of the range, with zeros where nothing was booked.")
    kpi_metrics: Kpis
    formulas: dict[str, Formula] = Field(description="By KPI: how it is computed, from what, and why it is null.")
    category_breakdown: list[CategoryShare]
    currency: str | None = Field(description="Null with several currencies, whose sums `byCurrency` has.")
    by_currency: dict[str, CurrencySums]
    range: Range
    previous: Previous | None
    as_of: AsOf = Field(description="The oldest of the creators shown.")
    stale: Stale
    creators: list[CreatorShown]
    milestones: list[MilestoneShown] = Field(description="At most 100 of a creator, the newest first.")
    warnings: list[Warned]


class Payer(Schema):
    id: str
    name: str | None


class TransactionShown(Schema):
    id: str
    creator_id: str
    creator_name: str
    at: Instant
    date: str = Field(description="In the time zone of the range.")
    gross: Number
    net: Number | None = Field(description="Null while only the platform's webhook has told of it, without the net.")
    currency: str
    category: str
    source: str = Field(description="What the platform calls it.")
    payer: Payer | None
    status: Literal["counted", "replaced", "gone", "unconfirmed"] = Field(description="Only `counted` ones are summed.")
    origin: Literal["pull", "push"]
    order_id: str | None
    reverses_order_id: str | None = Field(description="Of a refund or a chargeback: what it takes back.")
    trace_id: str


class Transactions(Schema):
    items: list[TransactionShown]
    next_cursor: str | None = Field(description="A page may be short, or empty, and still have one.")
