"""A dashboard and transactions as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cairn.analytics.dashboard import Category, Dashboard, Money, Point
from cairn.analytics.kpis import Figure
from cairn.analytics.money import CATEGORIES, to_major
from cairn.analytics.sums import Amounts, totals
from cairn.creators.model import Creator, Transaction
from cairn.model import Milestone
from cairn.rules import Rule
from functions.api.analytics import schemas

_IN_MONEY = ("totalRevenue", "netRevenue", "arpu", "arppu", "ltv")
_CHANGE = Decimal("0.0001")
CHART_COLUMNS = (
    *("date", "endDate", "partial", "currency", "revenue", "netRevenue", "transactions", *CATEGORIES),
    *("subscribers", "followers", "newSubscribers", "endedSubscribers"),
)
TRANSACTION_COLUMNS = (
    *("id", "creatorId", "creatorName", "at", "date", "gross", "net", "currency", "category", "source", "payerId"),
    *("payerName", "status", "origin", "orderId", "reversesOrderId", "traceId"),
)


def range_of(dashboard: Dashboard, time_range: str | None) -> schemas.Range:
    found = dashboard.range
    return schemas.Range(
        time_range=time_range,
        start_date=found.first.isoformat(),
        end_date=found.last.isoformat(),
        interval=dashboard.interval,
        time_zone=found.zone,
        complete=dashboard.complete,
    )


def previous(current: Dashboard, before: Dashboard) -> schemas.Previous:
    return schemas.Previous(range=range_of(before, None), kpi_metrics=kpis(before), changes=changes(current, before))


def point(one: Point, currency: str | None) -> schemas.ChartPoint:
    categories = one.categories or dict.fromkeys(CATEGORIES)
    return schemas.ChartPoint(
        date=one.bucket.first.isoformat(),
        end_date=one.bucket.last.isoformat(),
        partial=one.bucket.partial,
        revenue=one.revenue,
        net_revenue=one.net,
        transactions=one.transactions,
        **categories,
        by_currency=None if currency else {each: _of_currency(one, each) for each in sorted(one.sums)},
        subscribers=one.subscribers,
        followers=one.followers,
        new_subscribers=one.new_subscribers,
        ended_subscribers=one.ended_subscribers,
    )


def _of_currency(one: Point, currency: str) -> schemas.CurrencyPoint:
    mine = one.sums[currency]
    total = totals({currency: mine})[currency]
    return schemas.CurrencyPoint(
        revenue=to_major(total.gross, currency),
        net_revenue=to_major(total.net, currency),
        transactions=total.count,
        **{name: to_major(mine.get(name, Amounts()).gross, currency) for name in CATEGORIES},
    )


def kpis(dashboard: Dashboard) -> schemas.Kpis:
    return schemas.Kpis.model_validate({name: kpi.value for name, kpi in dashboard.kpis.items()})


def formulas(dashboard: Dashboard) -> dict[str, schemas.Formula]:
    return {
        name: schemas.Formula.model_validate({"formula": kpi.formula, "inputs": kpi.inputs, "why": kpi.why})
        for name, kpi in dashboard.kpis.items()
    }


def breakdown(categories: Iterable[Category]) -> list[schemas.CategoryShare]:
    return [
        schemas.CategoryShare(category=one.name, revenue=one.revenue, count=one.count, share=one.share)
        for one in categories
    ]


def by_currency(money: Iterable[Money]) -> dict[str, schemas.CurrencySums]:
    return {
        one.currency: schemas.CurrencySums(
            total_revenue=one.total,
            net_revenue=one.net,
            transactions=one.transactions,
            category_breakdown=breakdown(one.categories),
        )
        for one in money
    }


def changes(current: Dashboard, before: Dashboard) -> dict[str, Decimal | None]:
    """Each figure's change as a share of the value before; None where there is none, or it was in another currency."""
    comparable = current.currency == before.currency
    return {
        name: _change(kpi.value, before.kpis[name].value) if comparable or name not in _IN_MONEY else None
        for name, kpi in current.kpis.items()
    }


def _change(value: Figure, before: Figure) -> Decimal | None:
    if value is None or not before:
        return None
    old = Decimal(before)
    return ((value - old) / abs(old)).quantize(_CHANGE, ROUND_HALF_EVEN)


def milestones(
    reached: Iterable[tuple[Creator, Milestone]], rules: Mapping[str, Rule], zone: str
) -> list[schemas.MilestoneShown]:
    """Those whose rule there still is, the newest first."""
    found = sorted(reached, key=lambda one: one[1].achieved_at, reverse=True)
    return [_milestone(*one, rules[one[1].rule], zone) for one in found if one[1].rule in rules]


def _milestone(creator: Creator, one: Milestone, rule: Rule, zone: str) -> schemas.MilestoneShown:
    words = rule.wording(one)
    return schemas.MilestoneShown(
        id=one.id,
        creator_id=creator.id,
        date=one.achieved_at.astimezone(ZoneInfo(zone)).date().isoformat(),
        title=words.title,
        emoji=words.emoji,
    )


def transaction(one: Transaction, creator: Creator, zone: str) -> schemas.TransactionShown:
    return schemas.TransactionShown(
        id=f"{creator.id}/{one.key}",
        creator_id=creator.id,
        creator_name=creator.name,
        at=one.at,
        date=one.at.astimezone(ZoneInfo(zone)).date().isoformat(),
        gross=to_major(one.gross, one.currency),
        net=None if one.net is None else to_major(one.net, one.currency),
        currency=one.currency,
        category=one.category,
        source=one.source,
        payer=schemas.Payer(id=one.payer, name=one.payer_name) if one.payer else None,
        status=one.status,
        origin=one.origin,
        order_id=one.order,
        reverses_order_id=one.reverses,
        trace_id=one.trace_id,
    )


# -- rows of CSV


def chart_rows(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """A row for each bucket, and with several currencies for each of them; audiences are in the bucket's first one."""
    for one in dashboard.points:
        plain = point(one, dashboard.currency).model_dump(by_alias=True)
        if dashboard.currency:
            yield {**plain, "currency": dashboard.currency}
            continue
        beside = {name: plain[name] for name in CHART_COLUMNS if name in plain}
        for currency in (money.currency for money in dashboard.by_currency):
            yield {**beside, "transactions": 0, **_zeros(currency), **plain["byCurrency"].get(currency, {})}
            beside |= dict.fromkeys(("subscribers", "followers", "newSubscribers", "endedSubscribers"))


def _zeros(currency: str) -> dict[str, Any]:
    return {"currency": currency, **dict.fromkeys(("revenue", "netRevenue", *CATEGORIES), to_major(0, currency))}


def transaction_row(one: schemas.TransactionShown) -> dict[str, Any]:
    plain = one.model_dump(by_alias=True)
    payer = plain.pop("payer") or {"id": None, "name": None}
    return {**plain, "payerId": payer["id"], "payerName": payer["name"]}
