"""Takes a false milestone back: what is reverted with it, what its marks are lowered to, and who is corrected.

The order makes a reversal repeatable at any point: first what the writer of a subject's values believes to be passed,
then milestones and marks in one transaction, then badges and screens, and last a new look at the stored reading,
which announces what is true and was hidden by the false milestone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from cairn.clock import Clock
from cairn.errors import BadInputError, ConflictError, NotFoundError
from cairn.model import Milestone, Number, Reading, Reversal, Subject, new_trace_id
from cairn.observability import logger
from cairn.readings.detection import Announcer
from cairn.readings.milestones import LoweredMark, MarkKey, Milestones
from cairn.readings.stats import Stats
from cairn.rules import Rule, occasion
from cairn.workspace.rule_book import RuleBook, RuleSet

MAX_ATTEMPTS = 5
POLLED = frozenset({"channel", "creator"})
"""Kinds of subjects whose source says the true value at the next reading; of others, somebody sends it."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a reversal changes, for the operator to look at."""

    subject: Subject
    reading: Reading | None
    milestones: tuple[Milestone, ...]
    """To revert; empty if that was done, and the rest is only repeated."""
    kept: tuple[Milestone, ...]
    """Of the same reading, and true as its subject stands now."""
    marks: tuple[LoweredMark, ...]
    given: Number | None = None
    """The true value, if the stored one is false."""


class Reverting:
    """`announcer` finds the announcer of a subject's kind; None for a kind that has none."""

    def __init__(
        self,
        *,
        milestones: Milestones,
        stats: Stats,
        rule_book: RuleBook,
        announcer: Callable[[Subject], Announcer | None],
        clock: Clock,
    ) -> None:
        self._milestones = milestones
        self._stats = stats
        self._rule_book = rule_book
        self._announcer = announcer
        self._clock = clock

    def plan(self, milestone_id: str, *, value: Number | None = None, only: bool = False) -> Plan:
        """What to revert: a milestone, and those of the same reading that are not true; `only` those of its metric.

        NotFoundError for an unknown milestone. BadInputError if the stored reading, or `value` in its place, says that
        the milestone is true.
        """
        recorded = self._of(milestone_id)
        named = next((one for one in recorded if one.id == milestone_id), None)
        if named is None:
            raise NotFoundError(f"no milestone {milestone_id}; GET /api/milestones lists the ids")
        reading = self._stats.get(named.subject)
        if value is not None and named.subject.kind not in POLLED:
            raise BadInputError(f"{named.subject}: correct its stored numbers instead of giving a value")
        if not named.reverted and self._is_true(named, reading, value):
            seen = value if value is not None else reading.metrics[named.metric] if reading else None
            advice = "Correct the stored reading first, or give the true value"
            raise BadInputError(f"{named.id} is true: {named.metric} is {seen}. {advice}")
        jump = [
            one
            for one in recorded
            if one is named or (one.trace_id == named.trace_id and (one.metric == named.metric or not only))
        ]
        false = [
            one for one in jump if not one.reverted and not (one is not named and self._is_true(one, reading, value))
        ]
        kept = [one for one in jump if not one.reverted and one not in false]
        marks = self._lowered(named.subject, recorded, false, reading, value)
        return Plan(named.subject, reading, tuple(false), tuple(kept), tuple(marks), value)

    def revert(self, milestone_id: str, plan: Plan, *, by: str, reason: str) -> list[Milestone]:
        """Carry a plan out, or repeat what follows from it; returns the reverted milestones of the reading.

        ConflictError if the subject has changed since it was planned: plan again.
        """
        self._correct_peaks(plan)
        reversal = Reversal(self._clock(), by, reason)
        if plan.milestones and not self._milestones.revert(plan.milestones, plan.marks, reversal):
            raise ConflictError(f"{plan.subject} passed or lost a milestone meanwhile; look at it again")
        recorded = self._of(milestone_id)
        named = next(one for one in recorded if one.id == milestone_id)
        reverted = [one for one in recorded if one.reverted and one.trace_id == named.trace_id]
        standing = [one for one in recorded if not one.reverted]
        for one in reverted:
            logger.info("milestone reverted", milestone_id=one.id, by=by, reason=reason)
            if announcer := self._announcer(plan.subject):
                announcer.reverted(one, standing)
        for _ in range(MAX_ATTEMPTS):
            reading = self._stats.get(plan.subject)
            if reading is None or self._stats.recheck(reading):
                break
        return reverted

    def _of(self, milestone_id: str) -> list[Milestone]:
        try:
            subject = Subject.parse(milestone_id.partition("/")[0])
        except ValueError:
            raise NotFoundError(f"{milestone_id!r} is not a milestone's id") from None
        return list(self._milestones.of(subject))

    def _is_true(self, milestone: Milestone, reading: Reading | None, value: Number | None) -> bool:
        """Whether the subject stands at or above the milestone's threshold, in the period that it was for."""
        rule = self._rule_of(reading, milestone.rule)
        one = occasion(rule, reading, milestone.period) if reading and rule else None
        if one is None:
            return False
        current = one.value if value is None else value
        return current is not None and current >= milestone.threshold

    def _lowered(
        self,
        subject: Subject,
        recorded: Sequence[Milestone],
        false: Sequence[Milestone],
        reading: Reading | None,
        value: Number | None,
    ) -> list[LoweredMark]:
        """The marks to lower: to what a milestone that stands has reached, or else to what was passed before."""
        marks = self._milestones.marks(dict.fromkeys(MarkKey(subject, one.rule, one.period) for one in false))
        lowered = []
        for key, mark in marks.items():
            of_mark = [one for one in recorded if (one.rule, one.period) == (key.rule, key.period)]
            standing = {one.threshold: one for one in of_mark if not one.reverted and one not in false}
            reverted = {one.threshold: one for one in of_mark if one.threshold not in standing}
            rule = self._rule_of(reading, key.rule)
            floors = [_floor(one, reverted, self._rule_book) for one in false if one in of_mark]
            threshold = max(*floors, *standing, 0)
            if threshold >= mark.threshold:
                continue
            counts_from = self._clock()
            if reading and rule and occasion(rule, reading, key.period):
                # With a true value, the stored one does not count, nor does it once its peaks are corrected.
                counts_from = reading.as_of if value is None else reading.as_of + 2 * _MILLISECOND
            since = standing[threshold].achieved_at if threshold in standing else None
            lowered.append(LoweredMark(key, mark, threshold, since, counts_from))
        return lowered

    def _correct_peaks(self, plan: Plan) -> None:
        """Let the writer of the subject's values know what counts as passed, and under which ids it will be again."""
        lowered = {mark.key.rule: mark for mark in plan.marks}

        def corrected(stored: Reading | None) -> Reading:
            if stored is None:
                raise NotFoundError(f"{plan.subject} has no reading any more")
            rules = self._rule_book.of(stored)
            current = {name: mark for name, mark in lowered.items() if _is_current(mark.key, stored, rules)}
            metrics = {rules.by_name[name].judged_by for name in current}
            affected = [rule for rule in rules.rules if rule.kind == plan.subject.kind and rule.judged_by in metrics]
            keys = [MarkKey(plan.subject, rule.name, one.period) for rule in affected for one in rule.occasions(stored)]
            heights = {key.rule: mark.threshold for key, mark in self._milestones.marks(keys).items()}
            heights |= {name: mark.threshold for name, mark in current.items()}
            peaks = dict(stored.peaks)
            for metric in metrics & peaks.keys():
                passed = [heights.get(rule.name, 0) for rule in affected if rule.judged_by == metric]
                peaks[metric] = max(stored.metrics.get(metric, 0) if plan.given is None else plan.given, *passed)
            revisions = {**stored.revisions, **{name: mark.seen.revision + 1 for name, mark in current.items()}}
            if (peaks, revisions) == (stored.peaks, stored.revisions):
                return stored
            at = stored.as_of + _MILLISECOND  # in the period of the values, whenever this is
            return replace(stored, peaks=peaks, revisions=revisions, as_of=at, trace_id=new_trace_id())

        if plan.reading and plan.reading.peaks and lowered:
            self._stats.update(plan.subject, corrected)

    def _rule_of(self, reading: Reading | None, name: str) -> Rule | None:
        rules = self._rule_book.of(reading) if reading else self._rule_book.current()
        return rules.by_name.get(name)


def _is_current(key: MarkKey, reading: Reading, rules: RuleSet) -> bool:
    rule = rules.by_name.get(key.rule)
    return rule is not None and occasion(rule, reading, key.period) is not None


def _floor(milestone: Milestone, reverted: Mapping[Number, Milestone], rule_book: RuleBook) -> Number:
    """The threshold that was passed before a milestone; one that was reverted, too, does not count.

    By the rules of its time: of a threshold that is newer, nobody knows whether it was passed.
    """
    rule = rule_book.at(milestone.achieved_at).by_name.get(milestone.rule)
    lowest = milestone.also_reached[0]
    metrics = {**milestone.metrics, milestone.metric: lowest}
    at_lowest = Reading(milestone.subject, milestone.name, metrics, milestone.achieved_at, "", milestone.trace_id)
    below = [step for step in (rule.passed(at_lowest) if rule else None) or () if step < lowest]
    if not below:
        return 0
    before = reverted.get(below[-1])
    return _floor(before, reverted, rule_book) if before else below[-1]
