"""Claim, record, announce: what a change of a subject's values leads to, and what a retry finds done already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.model import Milestone, Reading, Subject
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.milestones import Milestones
from cairn.readings.stats import to_reading
from cairn.rules import Crossing, Rule, crossings


class Announcer(Protocol):
    """Who is notified of a kind of subject. An error retries the same stream record, so each call must bear repeats."""

    def announce(self, milestone: Milestone) -> None:
        """Announce a milestone to everybody who is to be notified of it."""

    def changed(self, old: Reading | None, new: Reading, event_id: str) -> None:
        """Act on changed values or details; `event_id` is the same at each retry of the stream record."""


def announcer_of(subject: Subject, announcers: Mapping[str, Announcer]) -> Announcer | None:
    """The announcer of a subject's category, such as `channel:live`, else of its kind; None for unknown kinds."""
    return announcers.get(subject.category) or announcers.get(subject.kind)


class Detection:
    """Claim, record, announce: each step may be repeated, and the last one that failed is where a retry goes on.

    `announcers` are by kind of subject, such as `rep`, or by category, such as `channel:live`.
    """

    def __init__(self, milestones: Milestones, announcers: Mapping[str, Announcer], rules: tuple[Rule, ...]) -> None:
        self._milestones = milestones
        self._announcers = announcers
        self._rules = rules

    def process(self, record: dict[str, Any]) -> None:
        """One stream record. Raises whatever fails; then the same record must come again before any later one."""
        images = record["dynamodb"]
        new = to_reading(dynamodb.from_image(images["NewImage"]))
        old = to_reading(dynamodb.from_image(images["OldImage"])) if "OldImage" in images else None
        announcer = announcer_of(new.subject, self._announcers)
        if announcer is None:
            return
        with logger.append_context_keys(trace_id=new.trace_id, subject=str(new.subject)):
            # Whoever wrote peaks may have been wrong, or may have died: here the marks say what is no news.
            for crossing in crossings(replace(old, peaks={}) if old else None, new, self._rules):
                self._announce(crossing, new, record["eventID"], announcer)
            announcer.changed(old, new, record["eventID"])

    def _announce(self, crossing: Crossing, reading: Reading, event_id: str, announcer: Announcer) -> None:
        rule = crossing.rule
        claim = self._milestones.claim(
            reading.subject,
            rule.name,
            crossing.period,
            crossing.threshold,
            achieved_at=reading.as_of,
            event_id=event_id,
            news=crossing.transition,
        )
        if claim is None:
            return
        milestone = crossing.milestone(reading, claim.notified, claim.achieved_at)
        self._milestones.record(milestone)
        announcer.announce(milestone)
        self._milestones.record_notified(reading.subject, rule.name, crossing.period, crossing.threshold)
        metrics.add_metric("MilestonesReached", MetricUnit.Count, 1)
        delay = (now() - reading.as_of).total_seconds() * 1000
        metrics.add_metric("DetectionDelay", MetricUnit.Milliseconds, max(0, delay))
        logger.info("milestone reached", milestone_id=milestone.id, label=milestone.label, name_=milestone.name)
