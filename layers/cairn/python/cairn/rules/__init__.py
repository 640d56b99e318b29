"""When a metric deserves a milestone. A new kind of milestone is one file here: a rule class and the `RULES` it offers.

Rules are pure: no clock, no table, no environment. Every module of this package with a `RULES` list is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Literal, Protocol

from cairn.model import Milestone, Number, Passed, Reading

ALL_TIME = "all-time"
"""The period of a rule that never starts afresh."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a milestone is told: `type` is its kind for programs, `value` what was reached, `color` a Tailwind class."""

    type: str
    title: str
    description: str
    value: str | int
    emoji: str
    color: str


class Rule(Protocol):
    """What detection needs to know of a rule."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str:
        """The kind of subject it applies to."""

    @property
    def metric(self) -> str: ...
    @property
    def baseline(self) -> Literal["silent", "announce"]:
        """What a subject's first reading does: set the mark in silence, or count from zero."""

    def period(self, instant: datetime) -> str:
        """The period an instant falls in; thresholds may be passed again in each."""

    def passed(self, reading: Reading) -> Sequence[Number] | None:
        """The thresholds at or below the reading's value, ascending; None when the value is unknown."""

    def next_threshold(self, reading: Reading) -> Number | None:
        """The next threshold above the reading's value, if there is one."""

    def label(self, threshold: Number) -> str:
        """The threshold as people write it."""

    def wording(self, milestone: Milestone) -> Wording:
        """A milestone of this rule as people are told of it."""

    def configured(self, *, thresholds: Sequence[int] | None, time_zone: str) -> Rule:
        """The same rule with an operator's thresholds, and with the time zone in which its periods begin."""


class Transition(Enum):
    """How a crossing is to be taken."""

    BASELINE = "baseline"  # a first reading: set the mark, say nothing
    CROSSED = "crossed"  # below before, at or above now: announce unless the mark is already there
    REAPPEARED = "reappeared"  # unknown before: announce only if the subject had a mark, else it is a baseline


@dataclass(frozen=True, slots=True)
class Crossing:
    """The highest threshold that a reading stands at, and that its predecessor did not."""

    rule: Rule
    period: str
    passed: tuple[Number, ...]
    transition: Transition
    previous: Number = 0
    """The highest threshold that was passed before in the period, as far as the images tell."""

    @property
    def threshold(self) -> Number:
        """The height to mark; 0 when a baseline lies below the first threshold."""
        return self.passed[-1] if self.passed else 0

    def milestone(self, reading: Reading, told: Number, achieved_at: datetime) -> Milestone:
        """The milestone that this crossing is, when all up to `told` has been told before."""
        rule = self.rule
        return Milestone(
            subject=reading.subject,
            name=reading.name,
            rule=rule.name,
            metric=rule.metric,
            period=self.period,
            threshold=self.threshold,
            label=rule.label(self.threshold),
            value=reading.metrics[rule.metric],
            also_passed=tuple(Passed(step, rule.label(step)) for step in self.passed[:-1] if step > told),
            achieved_at=achieved_at,
            trace_id=reading.trace_id,
            metrics=reading.metrics,
            details=reading.details,
        )


def crossings(old: Reading | None, new: Reading, rules: Iterable[Rule]) -> list[Crossing]:
    """What changed between two images of a subject's values, as far as the rules care."""
    found = []
    peak = old.at_its_peak() if old else None
    for rule in rules:
        after = rule.passed(new) if rule.kind == new.subject.kind else None
        if after is None:
            continue
        period = rule.period(new.as_of)
        news = Transition.CROSSED
        before: Sequence[Number] | None = ()
        if old is None or peak is None:
            news = Transition.BASELINE if rule.baseline == "silent" else Transition.CROSSED
        elif rule.period(old.as_of) == period:
            before = rule.passed(peak)
            if before is None:
                news = Transition.REAPPEARED if rule.baseline == "silent" else Transition.CROSSED
                before = ()
        elif rule.baseline == "silent" and not after:
            news = (
                Transition.BASELINE
            )  # the period is marked from its start, so that a count hidden in between is known
        if news is not Transition.CROSSED or (after and (not before or after[-1] > before[-1])):
            found.append(Crossing(rule, period, tuple(after), news, before[-1] if before else 0))
    return found


@cache
def _found() -> tuple[Rule, ...]:
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return tuple(rule for module in modules for rule in getattr(module, "RULES", ()))


def catalogue(thresholds: Mapping[str, Sequence[int]] | None = None, time_zone: str = "UTC") -> tuple[Rule, ...]:
    """Every rule there is, with `thresholds` by rule name instead of its own. ValueError for a name no rule has."""
    ladders = dict(thresholds or {})
    rules = tuple(rule.configured(thresholds=ladders.pop(rule.name, None), time_zone=time_zone) for rule in _found())
    if ladders:
        raise ValueError(f"there is no rule named {', '.join(sorted(ladders))}")
    return rules
