"""What a stored reading and its high-water marks show to be missing, after records of the stream were given up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cairn.model import Reading
from cairn.readings.milestones import HighWaterMark, MarkKey
from cairn.rules import Crossing, Rule, Transition, occasion

ENDED_LATELY = timedelta(days=1)
"""For how long after a period's end its marks are still looked at."""


def mark_keys(reading: Reading, rules: Sequence[Rule], now: datetime) -> list[MarkKey]:
    """The marks that belong to a reading: those of its periods, and of periods that ended lately."""
    return [
        MarkKey(reading.subject, rule.name, period)
        for rule in rules
        if rule.kind == reading.subject.kind
        for period in dict.fromkeys((*(one.period for one in rule.occasions(reading)), rule.period(now - ENDED_LATELY)))
        if period is not None
    ]


def unannounced(
    reading: Reading, marks: Mapping[MarkKey, HighWaterMark], rules: Sequence[Rule], now: datetime
) -> Iterator[tuple[Crossing, Reading]]:
    """The crossings that were missed, each with the reading to announce.

    A threshold may have been passed without a claim, or claimed without being announced; the value may have fallen
    since. A subject without a mark was never looked at: its values are a baseline, if the rule has a silent one.
    """
    by_name = {rule.name: rule for rule in rules}
    for key in mark_keys(reading, rules, now):
        rule, mark = by_name[key.rule], marks.get(key)
        one = occasion(rule, reading, key.period)
        passed = one.passed if one else None
        value, more = (one.value, one.details) if one else (None, {})
        if mark is None:
            if passed is None:
                continue
            silent = rule.baseline == "silent" or reading.silent
            transition = Transition.BASELINE if silent else Transition.CROSSED
            if passed or rule.baseline == "silent":
                yield Crossing(rule, key.period, tuple(passed), transition, value=value, details=more), reading
        elif passed and passed[-1] > mark.threshold and (not mark.counts_from or reading.as_of >= mark.counts_from):
            transition = Transition.BASELINE if reading.silent else Transition.CROSSED
            yield Crossing(rule, key.period, tuple(passed), transition, value=value, details=more), reading
        elif mark.told < mark.threshold:
            # The value may have fallen since.
            height = max(reading.metrics.get(rule.metric, mark.threshold), mark.threshold)
            then = replace(reading, metrics={**reading.metrics, rule.metric: height})
            below = [step for step in rule.passed(then) or () if step < mark.threshold]
            value = max(value or height, height) if one else height
            yield (
                Crossing(rule, key.period, (*below, mark.threshold), Transition.CROSSED, value=value, details=more),
                then,
            )
