"""The text of an alert on Telegram: pure, HTML-escaped, within Telegram's 4,096 characters."""

from __future__ import annotations

import html

from cairn.analytics.money import decimals
from cairn.model import Milestone, Number
from cairn.viewers.subjects import CATEGORY as LIVE

LIMIT = 4096
REVENUE = "revenue"
"""The metric of a creator that is money."""
_NAME_LIMIT = 200
_PLATFORMS = {"youtube": "YouTube", "telegram": "Telegram", "instagram": "Instagram"}


def alert_text(milestone: Milestone) -> str:
    """`🎉 Cats passed 10K subscribers on YouTube!`, the exact value, and the other thresholds that a jump passed."""
    platform = _platform(milestone)
    name = html.escape(_shortened(milestone.name, _NAME_LIMIT))
    currency = str(milestone.details.get("currency", "")) if milestone.metric == REVENUE else ""
    metric = f"{html.escape(currency)} in revenue" if currency else milestone.metric
    lines = [f"🎉 <b>{name}</b> passed <b>{html.escape(milestone.label)}</b> {metric}{platform}!"]
    lines.append(f"Now at {_amount(milestone.value, currency) if currency else grouped(milestone.value)}.")
    if milestone.also_passed:
        labels = [html.escape(passed.label) for passed in milestone.also_passed]
        lines.append(f"Also passed: {_listed(labels, LIMIT - len(lines[0]) - len(lines[1]) - 40)}.")
    return "\n".join(lines)


def grouped(number: Number) -> str:
    """1234567 → 1,234,567."""
    return f"{number:,}"


def _amount(amount: Number, currency: str) -> str:
    """1012.5 of USD → 1,012.50 USD."""
    return f"{amount:,.{decimals(currency)}f} {html.escape(currency)}"


def _platform(milestone: Milestone) -> str:
    if milestone.subject.kind != "channel" or milestone.subject.category == LIVE:
        return ""
    platform = milestone.subject.id.partition(":")[0]
    return f" on {_PLATFORMS.get(platform, html.escape(platform))}"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _listed(labels: list[str], limit: int) -> str:
    """The highest labels that fit, in ascending order."""
    kept: list[str] = []
    space = limit
    for label in reversed(labels):
        space -= len(label) + 2
        if space < 0:
            return "…, " + ", ".join(reversed(kept))
        kept.append(label)
    return ", ".join(reversed(kept))
