"""Compares a page of stored readings with their high-water marks."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.clock import Clock
from cairn.observability import logger
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.readings.unannounced import mark_keys, unannounced
from cairn.workspace.rule_book import RuleBook


@dataclass(frozen=True, slots=True)
class Checked:
    """How many readings a page had, how many showed something missing, and the last one's key, if more follow."""

    checked: int
    missing: int
    last: str | None


class Checker:
    def __init__(self, stats: Stats, milestones: Milestones, rule_book: RuleBook, clock: Clock) -> None:
        self._stats = stats
        self._milestones = milestones
        self._rule_book = rule_book
        self._clock = clock

    def check_page(self, after: str | None) -> Checked:
        """Check the readings after a key, and request a new look at those that show something missing."""
        readings, last = self._stats.page(after)
        present = self._clock()
        judged = [(reading, self._rule_book.of(reading).rules) for reading in readings]
        marks = self._milestones.marks([key for one, rules in judged for key in mark_keys(one, rules, present)])
        missing = 0
        for reading, rules in judged:
            found = [crossing for crossing, _ in unannounced(reading, marks, rules, present)]
            if found and self._stats.recheck(reading):
                missing += 1
                logger.warning(
                    "a reading shows what was not announced",
                    subject=str(reading.subject),
                    trace_id=reading.trace_id,
                    rules=[crossing.rule.name for crossing in found],
                )
        return Checked(len(readings), missing, last)
