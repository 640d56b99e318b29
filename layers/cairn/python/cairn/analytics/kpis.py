"""The KPIs of a range, each with its formula and inputs. One that means nothing is None, with the reason.

Products disagree about most of them, so the formula is part of the answer; docs/analytics.md explains each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from cairn.analytics.money import decimals, to_major

Figure = int | Decimal | None
_RATE = Decimal("0.0001")
_MEAN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Kpi:
    value: Figure
    formula: str
    inputs: Mapping[str, Figure]
    why: str | None = None
    """Why there is no value."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What KPIs are made of. Money is in minor units of `currency`; both are None when there are several currencies."""

    currency: str | None
    gross: int | None
    net: int | None
    transactions: int
    payers: int
    new_payers: int
    subscribers: int | None
    """At the end of the range; so are the next three."""
    followers: int | None
    messages: int | None
    posts: int | None
    subscribers_at_start: int | None
    followers_at_start: int | None
    mean_subscribers: Decimal | None
    ended: int | None


_MIXED = "the amounts are in several currencies; see byCurrency"
_UNKNOWN = "unknown"


def kpis(given: Inputs) -> dict[str, Kpi]:
    """By the names that the dashboard has for them."""
    found = {
        "totalRevenue": _money(given.currency, given.gross, "gross of all transactions, refunds included as negative"),
        "netRevenue": _money(given.currency, given.net, "net of all transactions, as the platform says it"),
        "transactions": Kpi(given.transactions, "number of transactions, refunds included", {}),
        "subscribers": _count(given.subscribers, "active subscribers at the end"),
        "followers": _count(given.followers, "followers at the end"),
        "messages": _count(given.messages, "chats in the inbox at the end"),
        "posts": _count(given.posts, "posts at the end"),
    }
    mean = given.mean_subscribers.quantize(_MEAN, ROUND_HALF_EVEN) if given.mean_subscribers is not None else None
    arpu = _per_head(given, "netRevenue / mean active subscribers", "meanSubscribers", given.mean_subscribers, mean)
    arppu = _per_head(given, "netRevenue / distinct payers", "payers", Decimal(given.payers), given.payers)
    conversion = _rate(
        "new paying fans / followers at the start",
        "newPayers",
        given.new_payers,
        "followersAtStart",
        given.followers_at_start,
    )
    churn = _rate(
        "ended subscriptions / active subscribers at the start",
        *("endedSubscriptions", given.ended, "subscribersAtStart", given.subscribers_at_start),
    )
    return {
        **found,
        "arpu": arpu,
        "arppu": arppu,
        "ltv": _ltv(given, arpu, churn),
        "conversionRate": conversion,
        "churnRate": churn,
    }


def _money(currency: str | None, minor: int | None, formula: str) -> Kpi:
    if currency is None or minor is None:
        return Kpi(None, formula, {}, _MIXED)
    return Kpi(to_major(minor, currency), formula, {})


def _count(value: int | None, formula: str) -> Kpi:
    return Kpi(value, formula, {}, None if value is not None else _UNKNOWN)


def _per_head(given: Inputs, formula: str, heads_name: str, heads: Decimal | None, shown: Figure) -> Kpi:
    if given.currency is None or given.net is None:
        return Kpi(None, formula, {heads_name: shown}, _MIXED)
    inputs = {"netRevenue": to_major(given.net, given.currency), heads_name: shown}
    if heads is None:
        return Kpi(None, formula, inputs, f"{heads_name} is unknown")
    if heads == 0:
        return Kpi(None, formula, inputs, f"{heads_name} is 0")
    return Kpi(_rounded(Decimal(given.net) / heads, given.currency), formula, inputs)


def _rounded(minor: Decimal, currency: str) -> Decimal:
    return minor.quantize(Decimal(1), ROUND_HALF_EVEN).scaleb(-decimals(currency))


def _rate(formula: str, part_name: str, part: int | None, whole_name: str, whole: int | None) -> Kpi:
    inputs = {part_name: part, whole_name: whole}
    for name, value in inputs.items():
        if value is None:
            return Kpi(None, formula, inputs, f"{name} is unknown")
    assert part is not None
    if not whole:
        return Kpi(None, formula, inputs, f"{whole_name} is 0")
    return Kpi((Decimal(part) / whole).quantize(_RATE, ROUND_HALF_EVEN), formula, inputs)


def _ltv(given: Inputs, arpu: Kpi, churn: Kpi) -> Kpi:
    """From the exact values, not from the rounded ones that are shown."""
    formula, inputs = "arpu / churnRate", {"arpu": arpu.value, "churnRate": churn.value}
    if arpu.value is None:
        return Kpi(None, formula, inputs, f"arpu: {arpu.why}")
    if churn.value is None:
        return Kpi(None, formula, inputs, f"churnRate: {churn.why}")
    if not given.ended:
        return Kpi(None, formula, inputs, "nobody ended their subscription, so it has no end to compute")
    assert given.currency is not None
    assert given.net is not None
    assert given.mean_subscribers is not None
    assert given.subscribers_at_start is not None
    exact = Decimal(given.net) / given.mean_subscribers * given.subscribers_at_start / given.ended
    return Kpi(_rounded(exact, given.currency), formula, inputs)
