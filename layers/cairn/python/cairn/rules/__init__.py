"""When a metric reaches a milestone. A new kind of milestone is one new module here: a rule class and a `RULES` list.

Rules are pure: no clock, no table, no environment. `catalogue` finds every module of this package with a `RULES` list.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Literal, Protocol

from cairn.model import Details, Milestone, Number, Passed, Reading
from cairn.zones import UTC_ONLY, Zones

ALL_TIME = "all-time"
"""The period of a rule that never restarts."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How to show a milestone: `type` is its kind for programs, `value` what was reached, `color` a Tailwind class.

    `event` is the type of its webhook event, and `fields` is what the event's data has besides every milestone's.
    """

    type: str
    title: str
    description: str
    value: str | int
    emoji: str
    color: str
    event: str = "milestone_reached"
    fields: Mapping[str, str | Number] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a reading says about one period of a rule."""

    period: str
    passed: Sequence[Number] | None
    """The thresholds that were passed in it, ascending; None when that is unknown."""
    value: Number | None
    details: Details = field(default_factory=dict)
    """What a milestone of this occasion says besides the reading's details."""


class Rule(Protocol):
    """What detection needs to know about a rule."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str:
        """The kind of subject it applies to."""

    @property
    def metric(self) -> str: ...
    @property
    def judged_by(self) -> str:
        """The metric that thresholds are compared with: `metric`, unless that is only what is shown."""

    @property
    def baseline(self) -> Literal["silent", "announce"]:
        """What a subject's first reading does: set the high-water mark silently, or count as a rise from zero."""

    def period(self, instant: datetime) -> str | None:
        """The period of an instant, in each of which thresholds may be passed again.

        None if only a reading knows its periods: a user's own day, a feature.
        """

    def occasions(self, reading: Reading) -> Sequence[Occasion]:
        """What a reading says: about the period of its instant, or about each period that it knows of."""

    def passed(self, reading: Reading) -> Sequence[Number] | None:
        """The thresholds at or below the reading's value, ascending; None when the value is unknown."""

    def next_threshold(self, reading: Reading) -> Number | None:
        """The next threshold above the reading's value, if there is one."""

    def label(self, threshold: Number) -> str:
        """The threshold as people write it."""

    def wording(self, milestone: Milestone) -> Wording:
        """How to show a milestone of this rule."""

    def configured(self, *, thresholds: Sequence[int] | None, zones: Zones) -> Rule:
        """The same rule with an operator's thresholds, and with the time zones of its periods."""


class Transition(Enum):
    """What detection does with a crossing."""

    BASELINE = "baseline"  # first reading: set the high-water mark, announce nothing
    CROSSED = "crossed"  # below before, at or above now: announce unless the high-water mark is as high
    REAPPEARED = "reappeared"  # unknown before: announce if there is a high-water mark, else a baseline


@dataclass(frozen=True, slots=True)
class Crossing:
    """The highest threshold that a reading has passed and its predecessor had not."""

    rule: Rule
    period: str
    passed: tuple[Number, ...]
    transition: Transition
    previous: Number = 0
    """The highest threshold passed before in the period, as far as the images show."""
    value: Number | None = None
    """What was reached; None for the reading's value of the rule's metric."""
    details: Details = field(default_factory=dict)

    @property
    def threshold(self) -> Number:
        """The new high-water mark; 0 for a baseline below the first threshold."""
        return self.passed[-1] if self.passed else 0

    def milestone(self, reading: Reading, notified: Number, achieved_at: datetime, revision: int = 0) -> Milestone:
        """The milestone of this crossing; thresholds up to `notified` were announced before."""
        rule = self.rule
        return Milestone(
            subject=reading.subject,
            name=reading.name,
            rule=rule.name,
            metric=rule.metric,
            period=self.period,
            threshold=self.threshold,
            label=rule.label(self.threshold),
            value=reading.metrics[rule.metric] if self.value is None else self.value,
            also_passed=tuple(Passed(step, rule.label(step)) for step in self.passed[:-1] if step > notified),
            achieved_at=achieved_at,
            trace_id=reading.trace_id,
            metrics=reading.metrics,
            details={**reading.details, **self.details},
            revision=revision,
        )


def crossings(old: Reading | None, new: Reading, rules: Iterable[Rule]) -> list[Crossing]:
    """The crossings, by these rules, between two images of a subject's values."""
    result = []
    peak = old.at_its_peak() if old else None
    for rule in rules:
        if rule.kind != new.subject.kind:
            continue
        earlier = {one.period: one.passed for one in rule.occasions(peak)} if peak else {}
        for one in rule.occasions(new):
            if one.passed is None:
                continue
            transition = Transition.CROSSED
            before: Sequence[Number] | None = ()
            if peak is None:
                transition = Transition.BASELINE if rule.baseline == "silent" else Transition.CROSSED
            elif one.period in earlier:
                before = earlier[one.period]
                if before is None:
                    transition = Transition.REAPPEARED if rule.baseline == "silent" else Transition.CROSSED
                    before = ()
            elif rule.baseline == "silent" and not one.passed:
                # A high-water mark from the period's start: a count that is hidden and reappears is then announced.
                transition = Transition.BASELINE
            risen = bool(one.passed) and (not before or one.passed[-1] > before[-1])
            if transition is Transition.CROSSED and not risen:
                continue
            if new.silent:
                transition = Transition.BASELINE
            previous = before[-1] if before else 0
            result.append(Crossing(rule, one.period, tuple(one.passed), transition, previous, one.value, one.details))
    return result


def occasion(rule: Rule, reading: Reading, period: str) -> Occasion | None:
    """What a reading says about a period of a rule, if anything."""
    return next((one for one in rule.occasions(reading) if one.period == period), None)


@cache
def _known() -> tuple[Rule, ...]:
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return tuple(rule for module in modules for rule in getattr(module, "RULES", ()))


def catalogue(thresholds: Mapping[str, Sequence[int]] | None = None, zones: Zones = UTC_ONLY) -> tuple[Rule, ...]:
    """All rules; `thresholds`, by rule name, replace a rule's own. ValueError for an unknown name."""
    remaining = dict(thresholds or {})
    rules = tuple(rule.configured(thresholds=remaining.pop(rule.name, None), zones=zones) for rule in _known())
    if remaining:
        raise ValueError(f"there is no rule named {', '.join(sorted(remaining))}")
    return rules
