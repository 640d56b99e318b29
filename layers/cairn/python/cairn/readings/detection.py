"""Detection of milestones in changed readings: claim, tell, record, announce, and what a retry finds already done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from cairn.clock import from_millis, now
from cairn.model import Milestone, Reading, Subject
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.milestones import Milestones
from cairn.readings.stats import MAX_AHEAD, change_of
from cairn.readings.unannounced import mark_keys, unannounced
from cairn.rules import Crossing, Transition, crossings, occasion
from cairn.workspace.rule_book import RuleBook, RuleSet


@dataclass(frozen=True, slots=True)
class Change:
    """The values or details of a subject changed; `event_id` is the same at each retry of the stream record."""

    old: Reading | None
    new: Reading
    stored: Reading
    """The new reading as it is stored; `new` is no later than its item was written."""
    event_id: str


class Announcer(Protocol):
    """Notifies the audience of a kind of subject. An error retries the stream record, so calls must be idempotent."""

    def celebrate(self, milestone: Milestone) -> None:
        """Show a milestone in rooms, at once. It may not be stored yet, so the events contain all that is shown."""

    def announce(self, milestone: Milestone) -> None:
        """Do what needs the stored milestone, such as a message whose deliveries are counted with it."""

    def changed(self, changes: Sequence[Change]) -> None:
        """React to changes of this kind's subjects in one batch of the stream, in order, after their milestones."""

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        """Take back what a milestone brought its subject, whose other milestones are `standing`, and correct screens.

        What was sent by Telegram stays sent.
        """


def announcer_of(subject: Subject, announcers: Mapping[str, Announcer]) -> Announcer | None:
    """The announcer of a subject's category, such as `channel:live`, else of its kind; None for unknown kinds."""
    return announcers.get(subject.category) or announcers.get(subject.kind)


class Detection:
    """Claim, tell, record, announce: every step may be repeated, so a retry completes what a failure interrupted.

    Nothing is told before its high-water mark is raised. The mark says until which threshold all of this is done; only
    a failure between telling and recording leaves something told that is not listed yet, and the retry lists it.

    `announcers` are by kind of subject, such as `rep`, or by category, such as `channel:live`.

    A reading is judged by the rules that it was written by. Where those are others than its predecessor's, thresholds
    that are new and were passed before are set silently: nothing is announced because somebody changed a ladder.
    """

    def __init__(self, milestones: Milestones, announcers: Mapping[str, Announcer], rule_book: RuleBook) -> None:
        self._milestones = milestones
        self._announcers = announcers
        self._rule_book = rule_book

    def process(self, record: dict[str, Any]) -> tuple[Announcer, Change] | None:
        """Announce the milestones of one stream record; returns what `finish` is to be given after the whole batch.

        Raises any failure; the same record must then be retried before any later one of its subject.
        UnreadableItemError when no retry would help.
        """
        old, new = change_of(record)
        stored = new
        if written := _written(record):
            new, old = _as_of_at_most(written, new), _as_of_at_most(written, old) if old else None
        if old and old.expired(new.as_of):
            old = None
        announcer = announcer_of(new.subject, self._announcers)
        if announcer is None:
            return None
        rules = self._rule_book.of(new)
        with logger.append_context_keys(trace_id=new.trace_id, subject=str(new.subject)):
            if old:
                self._settle(old, new, rules, record["eventID"], announcer)
            # The writer of peaks may have been wrong, or have crashed: only the high-water marks decide here.
            for crossing in crossings(replace(old, peaks={}) if old else None, new, rules.rules):
                self._announce(crossing, new, record["eventID"], announcer)
            if old and new.expires_at and old.as_of.date() < new.as_of.date():
                self._keep_marks(new, new.expires_at, rules)
            if new.recheck and new.recheck != (old.recheck if old else "") and not new.expired(now()):
                self._recheck(new, rules, record["eventID"], announcer)
        return announcer, Change(old, new, stored, record["eventID"])

    def finish(self, processed: Sequence[tuple[Announcer, Change]]) -> None:
        """Pass the changes of a batch on, once to each announcer. Raises any failure; a repeat is harmless."""
        by_announcer: dict[int, tuple[Announcer, list[Change]]] = {}
        for announcer, change in processed:
            by_announcer.setdefault(id(announcer), (announcer, []))[1].append(change)
        for announcer, changes in by_announcer.values():
            announcer.changed(changes)

    def _settle(self, old: Reading, new: Reading, rules: RuleSet, event_id: str, announcer: Announcer) -> None:
        """Where the rules have changed, raise the marks silently to what is a threshold now and was passed before.

        First, what is missing by the rules before is announced: the marks will not show it any more.
        """
        before = self._rule_book.of(old)
        if before.version == rules.version:
            return
        highest = old.at_its_peak()
        added, differ = [], False
        for rule in rules.rules:
            earlier = before.by_name.get(rule.name) if rule.kind == new.subject.kind else None
            for one in rule.occasions(new) if earlier else ():
                then = occasion(earlier, highest, one.period) if earlier else None
                now_passed = occasion(rule, replace(highest, as_of=new.as_of), one.period)
                if then and now_passed:
                    after, by_then = {*(now_passed.passed or ())}, {*(then.passed or ())}
                    added += [(rule.name, one.period, max(after - by_then))] if after - by_then else []
                    differ = differ or after != by_then
        if differ:
            self._recheck(highest, before, event_id, announcer)
        for name, period, threshold in added:
            self._milestones.claim(
                new.subject,
                name,
                period,
                threshold,
                achieved_at=old.as_of,
                event_id=event_id,
                transition=Transition.BASELINE,
                expires_at=new.expires_at,
            )
            logger.info("passed before it was a threshold", rule=name, threshold=threshold)

    def _keep_marks(self, reading: Reading, expires_at: datetime, rules: RuleSet) -> None:
        """Once a day, keep the marks of a subject that expires from expiring while it is above a threshold."""
        for rule in rules.rules:
            for one in rule.occasions(reading) if rule.kind == reading.subject.kind else ():
                if one.passed:
                    self._milestones.put_off(reading.subject, rule.name, one.period, expires_at)

    def _recheck(self, reading: Reading, rules: RuleSet, event_id: str, announcer: Announcer) -> None:
        """Announce what was missed: the stream carries the request, so nothing before it is still under way."""
        present = now()
        marks = self._milestones.marks(mark_keys(reading, rules.rules, present))
        for crossing, at_its_height in unannounced(reading, marks, rules.rules, present):
            logger.warning("announcing what was missed", rule=crossing.rule.name, threshold=crossing.threshold)
            self._announce(crossing, at_its_height, event_id, announcer)

    def _announce(self, crossing: Crossing, reading: Reading, event_id: str, announcer: Announcer) -> None:
        rule = crossing.rule
        claim = self._milestones.claim(
            reading.subject,
            rule.name,
            crossing.period,
            crossing.threshold,
            achieved_at=reading.as_of,
            event_id=event_id,
            transition=crossing.transition,
            expires_at=reading.expires_at,
        )
        if claim is None:
            return
        milestone = crossing.milestone(reading, claim.notified, claim.achieved_at, claim.revision)
        if claim.repeated:  # the try before may have recorded it, and an operator reverted it since
            milestone = self._milestones.record(milestone, reading.expires_at)
            if milestone.reverted:
                return
        announcer.celebrate(milestone)
        if not claim.repeated:
            milestone = self._milestones.record(milestone, reading.expires_at)
        announcer.announce(milestone)
        self._milestones.record_notified(reading.subject, rule.name, crossing.period, crossing.threshold)
        metrics.add_metric("MilestonesReached", MetricUnit.Count, 1)
        delay = (now() - reading.as_of).total_seconds() * 1000
        metrics.add_metric("DetectionDelay", MetricUnit.Milliseconds, max(0, delay))
        logger.info("milestone reached", milestone_id=milestone.id, label=milestone.label, name_=milestone.name)


def _written(record: Mapping[str, Any]) -> datetime | None:
    """When the change was written, to the second; None in a record that did not come from a stream."""
    seconds = record["dynamodb"].get("ApproximateCreationDateTime")
    return from_millis(int(seconds * 1000)) if isinstance(seconds, int | float) else None


def _as_of_at_most(written: datetime, reading: Reading) -> Reading:
    """A reading is no later than its item was written; else its milestones would belong to a period yet to come."""
    if reading.as_of <= written + MAX_AHEAD:
        return reading
    logger.warning("reading dated in the future", subject=str(reading.subject), as_of=reading.as_of.isoformat())
    return replace(reading, as_of=written)
