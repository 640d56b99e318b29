"""Cairn's vocabulary as types: frozen, without I/O, the same in every function."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

Number = int | Decimal
"""A metric's value. Counts are int; money is Decimal; nothing is float."""

Details = Mapping[str, str | int]
"""What describes a subject, besides its metrics."""


def new_trace_id() -> str:
    """The id of a reading and of every delivery that it causes: 32 hexadecimal digits, like W3C trace ids."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured; written `kind:id`, as in `channel:youtube:UC…` or `rep:17`."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @property
    def category(self) -> str:
        """The kind and the first part of the id, which for channels is the platform: `channel:live`."""
        return f"{self.kind}:{self.id.partition(':')[0]}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """The subject that a key names; ValueError when the key is not `kind:id`."""
        kind, colon, rest = key.partition(":")
        if not (kind and colon and rest):
            raise ValueError(f"a subject is written kind:id, not {key!r}")
        return cls(kind, rest)


@dataclass(frozen=True, slots=True)
class Reading:
    """A subject's values at an instant. An absent metric is unknown, not zero."""

    subject: Subject
    name: str
    metrics: Mapping[str, Number]
    as_of: datetime
    source: str
    trace_id: str
    precision: Mapping[str, int] = field(default_factory=dict)
    """The step to which the source rounds a metric down; absent when the metric is exact."""
    details: Details = field(default_factory=dict)
    peaks: Mapping[str, Number] = field(default_factory=dict)
    """The highest values so far, of a rep in the month, as far as the writer knows: they count as passed."""
    revisions: Mapping[str, int] = field(default_factory=dict)
    """By rule: how often its milestones of the current period were reverted, as far as the writer knows."""
    measured_at: datetime | None = None
    """When the values were true, if the writer said so or the values were not written with the last change."""
    recheck: str = ""
    """A new id requests that the stored reading is compared with its high-water marks, however it came about."""
    rules_version: int | None = None
    """The version of the rules by which its writer judged it, and by which detection does; None if it said none."""
    state: str = ""
    """What only the subject's own system and its rules read, as JSON: a product user's days. No milestone has it."""
    silent: bool = False
    """Nothing that this change passes is announced: it was imported."""
    expires_at: datetime | None = None
    """When the subject is forgotten, unless it changes again; a stranger may have made it up. None: never."""

    def expired(self, now: datetime) -> bool:
        """Whether it is forgotten: TTL deletes items hours or days late."""
        return self.expires_at is not None and self.expires_at <= now

    def at_its_peak(self) -> Self:
        """The same reading with each metric at its highest value of the period."""
        highest = {metric: max(peak, self.metrics.get(metric, peak)) for metric, peak in self.peaks.items()}
        return replace(self, metrics={**self.metrics, **highest})


@dataclass(frozen=True, slots=True)
class Passed:
    """A threshold and its label for people."""

    threshold: Number
    label: str


@dataclass(frozen=True, slots=True)
class Reversal:
    """That an operator took a false milestone back: when, who and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """The fact that a subject passed a rule's threshold in a period."""

    subject: Subject
    name: str
    rule: str
    metric: str
    period: str
    threshold: Number
    label: str
    value: Number
    also_passed: tuple[Passed, ...]
    achieved_at: datetime
    trace_id: str
    metrics: Mapping[str, Number] = field(default_factory=dict)
    details: Details = field(default_factory=dict)
    """All metrics and details of the reading that reached the milestone."""
    revision: int = 0
    """How often milestones of its rule and period had been reverted before: a true one has another id than a false."""
    reverted: Reversal | None = None

    @property
    def id(self) -> str:
        return milestone_id(self.subject, self.rule, self.period, self.threshold, self.revision)

    @property
    def also_reached(self) -> tuple[Number, ...]:
        """Every threshold that the milestone announced, ascending."""
        return (*(passed.threshold for passed in self.also_passed), self.threshold)


def milestone_id(subject: Subject, rule: str, period: str, threshold: Number, revision: int = 0) -> str:
    """The same arguments always give the same id, by which every consumer recognises a repeat."""
    return f"{subject}/{rule}/{period}/{threshold}" + (f"/r{revision}" if revision else "")


@dataclass(frozen=True, slots=True)
class DeliveryTally:
    """The recipients of an alert: in total, delivered to, and given up."""

    total: int = 0
    delivered: int = 0
    failed: int = 0
