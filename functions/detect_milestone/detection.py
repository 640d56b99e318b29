"""Claim, record, announce: what a change of a subject's values leads to, and what a retry finds done already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from cairn import dynamo
from cairn.instants import now
from cairn.milestones import Milestones
from cairn.model import Milestone, Reading
from cairn.observing import MetricUnit, logger, metrics
from cairn.rules import Crossing, Rule, crossings
from cairn.stats import to_reading


class Audience(Protocol):
    """Who is told of a subject. What is raised asks for the same record again, so each call bears repeats."""

    def tell(self, milestone: Milestone) -> None:
        """A milestone was passed."""

    def changed(self, old: Reading | None, new: Reading, event_id: str) -> None:
        """The subject's values, or what describes it, changed; `event_id` is the same at each repeat."""


class Detection:
    """Claim, record, announce: each step may be repeated, and the last one that failed is where a retry goes on.

    `audiences` are by kind of subject, or by kind and platform, as in `channel:live`, where one has its own.
    """

    def __init__(self, milestones: Milestones, audiences: Mapping[str, Audience], rules: tuple[Rule, ...]) -> None:
        self._milestones = milestones
        self._audiences = audiences
        self._rules = rules

    def take(self, record: dict[str, Any]) -> None:
        """One stream record. Raises whatever fails; then the same record must come again before any later one."""
        images = record["dynamodb"]
        new = to_reading(dynamo.from_image(images["NewImage"]))
        old = to_reading(dynamo.from_image(images["OldImage"])) if "OldImage" in images else None
        kind, platform = new.subject.kind, new.subject.id.partition(":")[0]
        audience = self._audiences.get(f"{kind}:{platform}") or self._audiences.get(kind)
        if audience is None:
            return
        with logger.append_context_keys(trace_id=new.trace_id, subject=str(new.subject)):
            # Whoever wrote peaks may have been wrong, or may have died: here the marks say what is no news.
            for crossing in crossings(replace(old, peaks={}) if old else None, new, self._rules):
                self._announce(crossing, new, record["eventID"], audience)
            audience.changed(old, new, record["eventID"])

    def _announce(self, crossing: Crossing, reading: Reading, event_id: str, audience: Audience) -> None:
        rule = crossing.rule
        claim = self._milestones.claim(
            reading.subject,
            rule.name,
            crossing.period,
            crossing.threshold,
            achieved_at=reading.as_of,
            event_id=event_id,
            news=crossing.news,
        )
        if claim is None:
            return
        milestone = crossing.milestone(reading, claim.told, claim.achieved_at)
        self._milestones.record(milestone)
        audience.tell(milestone)
        self._milestones.note_told(reading.subject, rule.name, crossing.period, crossing.threshold)
        metrics.add_metric("MilestonesReached", MetricUnit.Count, 1)
        delay = (now() - reading.as_of).total_seconds() * 1000
        metrics.add_metric("DetectionDelay", MetricUnit.Milliseconds, max(0, delay))
        logger.info("milestone reached", milestone_id=milestone.id, label=milestone.label, name_=milestone.name)
