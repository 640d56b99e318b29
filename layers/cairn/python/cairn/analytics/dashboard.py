"""A dashboard: the chart's buckets, the KPIs and the categories of one range, all made of the same sums."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from cairn.analytics.kpis import Inputs, Kpi, kpis
from cairn.analytics.money import CATEGORIES, DEFAULT_CURRENCY, to_major
from cairn.analytics.ranges import Bucket, Interval, Range, buckets, today
from cairn.analytics.sums import DAY, QUARTER, QUARTERS, Amounts, Sums, added, midnight, totals

AUDIENCE = ("subscribers", "followers", "messages", "posts")
_SHARE = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class CreatorData:
    """What is known of a creator: of every day of UTC of the range its sums, and of those that are cut its quarters.

    Of days without an item there was nothing.
    """

    id: str
    currency: str | None = None
    days: Mapping[date, Sums] = field(default_factory=dict)
    quarters: Mapping[date, Mapping[int, Sums]] = field(default_factory=dict)
    """By the number of the quarter of an hour in its day of UTC."""
    payers: Mapping[date, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    """By day of UTC: who paid, and in which quarters of an hour."""
    first_paid: Mapping[str, datetime] = field(default_factory=dict)
    """Of those who paid in the range."""
    audience: Mapping[date, Mapping[str, int]] = field(default_factory=dict)
    """The counts that a day of the range's zone ended with; before the range, the last that are known."""
    now: Mapping[str, int] = field(default_factory=dict)
    """The counts that are known now."""
    flows: Mapping[date, tuple[int, int]] = field(default_factory=dict)
    """By day: subscribers who came, and who went."""


@dataclass(frozen=True, slots=True)
class Point:
    """A bucket with what is shown of it. Money is in major units; None where there are several currencies."""

    bucket: Bucket
    sums: Sums
    revenue: Decimal | None
    net: Decimal | None
    transactions: int
    categories: Mapping[str, Decimal] | None
    subscribers: int | None
    followers: int | None
    new_subscribers: int | None
    ended_subscribers: int | None


@dataclass(frozen=True, slots=True)
class Category:
    """`share` of the total revenue; None unless that is positive."""

    name: str
    revenue: Decimal | None
    count: int
    share: Decimal | None


@dataclass(frozen=True, slots=True)
class Money:
    """The figures in one currency."""

    currency: str
    total: Decimal
    net: Decimal
    transactions: int
    categories: Sequence[Category]


@dataclass(frozen=True, slots=True)
class Dashboard:
    range: Range
    interval: Interval
    currency: str | None
    """None: there are several."""
    points: Sequence[Point]
    kpis: Mapping[str, Kpi]
    categories: Sequence[Category]
    by_currency: Sequence[Money]
    pending: int
    """How many transactions have no net yet."""
    complete: bool
    """Whether the range is over."""


def build(data: Sequence[CreatorData], range_: Range, interval: Interval, now: datetime) -> Dashboard:
    """The dashboard of these creators together."""
    shown = buckets(range_, interval, now)
    per_bucket = _spread(data, shown)
    whole = added(*per_bucket)
    currency = _currency(whole, data)
    audience = _Audience(data, range_, now)
    points = [_point(bucket, sums, currency, audience) for bucket, sums in zip(shown, per_bucket, strict=True)]
    amounts = totals(whole)
    total = amounts.get(currency, Amounts()) if currency else None
    payers, new_payers = _payers(data, range_)
    found = kpis(
        Inputs(
            currency=currency,
            gross=total.gross if total else None,
            net=total.net if total else None,
            transactions=sum(one.count for one in amounts.values()),
            payers=payers,
            new_payers=new_payers,
            subscribers=audience.at("subscribers", range_.last),
            followers=audience.at("followers", range_.last),
            messages=audience.at("messages", range_.last),
            posts=audience.at("posts", range_.last),
            subscribers_at_start=audience.at("subscribers", range_.first - DAY),
            followers_at_start=audience.at("followers", range_.first - DAY),
            mean_subscribers=audience.mean("subscribers"),
            ended=audience.flow(range_.first, range_.last, 1),
        )
    )
    return Dashboard(
        range=range_,
        interval=interval,
        currency=currency,
        points=points,
        kpis=found,
        categories=_categories(whole, currency),
        by_currency=[_money(whole, each) for each in sorted(whole)],
        pending=sum(one.pending for one in amounts.values()),
        complete=range_.end <= now,
    )


def _spread(data: Iterable[CreatorData], shown: Sequence[Bucket]) -> list[Sums]:
    """The sums of each bucket. A day that lies in one bucket is added whole, and a day that is cut by its quarters."""
    edges = [*(bucket.start for bucket in shown), shown[-1].end]
    parts: list[list[Sums]] = [[] for _ in shown]

    def place(instant: datetime) -> int | None:
        number = bisect_right(edges, instant) - 1
        return number if 0 <= number < len(shown) else None

    for one in data:
        for day, sums in one.days.items():
            first, last = place(midnight(day)), place(midnight(day) + (QUARTERS - 1) * QUARTER)
            if first is not None and first == last:
                parts[first].append(sums)
                continue
            for quarter, of_quarter in one.quarters.get(day, {}).items():
                if (number := place(midnight(day) + quarter * QUARTER)) is not None:
                    parts[number].append(of_quarter)
    return [added(*one) for one in parts]


def _currency(whole: Sums, data: Sequence[CreatorData]) -> str | None:
    """The one currency of all amounts; where there are none, that of the creators, if they have one."""
    if len(whole) > 1:
        return None
    if whole:
        return next(iter(whole))
    named = {one.currency for one in data if one.currency}
    return named.pop() if len(named) == 1 else DEFAULT_CURRENCY


def _point(bucket: Bucket, sums: Sums, currency: str | None, audience: _Audience) -> Point:
    amounts = totals(sums)
    count = sum(one.count for one in amounts.values())
    total = amounts.get(currency, Amounts()) if currency else None
    categories = None
    if currency:
        mine = sums.get(currency, {})
        categories = {name: to_major(mine.get(name, Amounts()).gross, currency) for name in CATEGORIES}
    return Point(
        bucket=bucket,
        sums=sums,
        revenue=to_major(total.gross, currency) if total and currency else None,
        net=to_major(total.net, currency) if total and currency else None,
        transactions=count,
        categories=categories,
        subscribers=audience.within("subscribers", bucket),
        followers=audience.within("followers", bucket),
        new_subscribers=audience.flow(bucket.first, bucket.last, 0),
        ended_subscribers=audience.flow(bucket.first, bucket.last, 1),
    )


def _categories(whole: Sums, currency: str | None) -> list[Category]:
    """Every category, also those without a transaction; the counts are of all currencies."""
    counts = {name: sum(of.get(name, Amounts()).count for of in whole.values()) for name in CATEGORIES}
    if currency is None:
        return [Category(name, None, counts[name], None) for name in CATEGORIES]
    mine = whole.get(currency, {})
    total = sum(one.gross for one in mine.values())
    return [
        Category(
            name=name,
            revenue=to_major(mine.get(name, Amounts()).gross, currency),
            count=counts[name],
            share=_share(mine.get(name, Amounts()).gross, total),
        )
        for name in CATEGORIES
    ]


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(_SHARE, ROUND_HALF_EVEN) if whole > 0 else None


def _money(whole: Sums, currency: str) -> Money:
    alone = {currency: whole[currency]}
    total = totals(alone)[currency]
    return Money(
        currency=currency,
        total=to_major(total.gross, currency),
        net=to_major(total.net, currency),
        transactions=total.count,
        categories=_categories(alone, currency),
    )


def _payers(data: Iterable[CreatorData], range_: Range) -> tuple[int, int]:
    """How many fans paid in the range, and how many of them for the first time. One who pays two creators is two."""
    start, end = range_.start, range_.end
    paid = new = 0
    for one in data:
        seen = {
            payer
            for day, payers in one.payers.items()
            for payer, quarters in payers.items()
            if any(start <= midnight(day) + quarter * QUARTER < end for quarter in quarters)
        }
        paid += len(seen)
        new += sum(1 for payer in seen if (first := one.first_paid.get(payer)) and start <= first < end)
    return paid, new


class _Audience:
    """The counts of all creators together, day by day. A day without a count has the last one before it.

    A day is unknown while no creator has a count; a creator whose counts begin later is not part of earlier days.
    """

    def __init__(self, data: Sequence[CreatorData], range_: Range, now: datetime) -> None:
        self._data = data
        self._range = range_
        self._today = today(range_.zone, now)
        self._series = {metric: self._sums(metric) for metric in AUDIENCE}

    def _sums(self, metric: str) -> dict[date, int]:
        first, last = self._range.first - DAY, min(self._range.last, self._today)
        total: dict[date, int] = {}
        for one in self._data:
            known = {
                day: counts[metric] for day, counts in one.audience.items() if metric in counts and day < self._today
            }
            if metric in one.now:
                known[self._today] = one.now[metric]
            before = [day for day in known if day <= first]
            value = known[max(before)] if before else None
            day = first
            while day <= last:
                value = known.get(day, value)
                if value is not None:
                    total[day] = total.get(day, 0) + value
                day += DAY
        return total

    def at(self, metric: str, day: date) -> int | None:
        """At the end of a day; of today, and of a range that ends later, now."""
        return self._series[metric].get(min(day, self._today))

    def within(self, metric: str, bucket: Bucket) -> int | None:
        """At the end of a bucket; None for one that has not begun."""
        return self.at(metric, bucket.last) if bucket.first <= self._today else None

    def mean(self, metric: str) -> Decimal | None:
        """Over the days of the range that are known."""
        series = self._series[metric]
        known = [series[day] for day in series if day >= self._range.first]
        return Decimal(sum(known)) / len(known) if known else None

    def flow(self, first: date, last: date, which: int) -> int | None:
        """Who came (0) or went (1); None while nobody knows any of these days."""
        found = [flow[which] for one in self._data for day, flow in one.flows.items() if first <= day <= last]
        return sum(found) if found else None
