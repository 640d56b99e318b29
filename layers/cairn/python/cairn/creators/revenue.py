"""A creator's revenue in the stats table, from which detection and rooms learn of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cairn.analytics.money import DEFAULT_CURRENCY, to_major
from cairn.analytics.sums import Sums, totals
from cairn.clock import Clock, now
from cairn.codec import number
from cairn.creators.model import Creator
from cairn.creators.rollups import Rollups
from cairn.model import Number, Reading
from cairn.readings.stats import Stats

METRIC = "revenue"
SOURCE = "transactions"
_LATER = timedelta(milliseconds=1)


def revenue_of(creator: Creator, sums: Sums) -> tuple[Number, str]:
    """Gross revenue in major units, and its currency: the creator's own, else the only one, else the default."""
    by_currency = totals(sums)
    only = next(iter(by_currency)) if len(by_currency) == 1 else DEFAULT_CURRENCY
    currency = creator.currency or only
    gross = by_currency[currency].gross if currency in by_currency else 0
    return number(to_major(gross, currency)), currency


class Revenue:
    def __init__(self, *, stats: Stats, rollups: Rollups, rules_version: int, clock: Clock = now) -> None:
        self._stats = stats
        self._rollups = rollups
        self._rules_version = rules_version
        self._clock = clock

    def store(self, creator: Creator, *, silent: bool, trace_id: str) -> bool:
        """Store what the months sum up to; with `silent` nothing is announced. False when it is stored already.

        The months are read after the stored reading, and it is replaced only if it is still the same.
        """

        def change(stored: Reading | None) -> Reading:
            amount, currency = revenue_of(creator, self._rollups.total(creator.id))
            before = stored or Reading(creator.subject, creator.name, {}, self._clock(), SOURCE, trace_id)
            details = {**before.details, "currency": currency}
            if stored and METRIC in stored.metrics and (stored.metrics[METRIC], stored.details) == (amount, details):
                return stored
            return replace(
                before,
                name=creator.name,
                metrics={**before.metrics, METRIC: amount},
                details=details,
                peaks={**before.peaks, METRIC: max(amount, before.peaks.get(METRIC, amount))},
                as_of=max(self._clock(), before.as_of + _LATER) if stored else before.as_of,
                source=SOURCE,
                trace_id=trace_id,
                rules_version=self._rules_version,
                silent=silent,
                recheck="",
            )

        old, new = self._stats.update(creator.subject, change)
        return new is not old
