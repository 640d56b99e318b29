"""Claim, record, announce: what a change of a subject's values leads to, and what a retry finds done already."""

from __future__ import annotations

from typing import Any

from cairn import dynamo
from cairn.instants import now
from cairn.messages import Alert
from cairn.milestones import Milestones
from cairn.model import Milestone, Passed, Reading
from cairn.observing import MetricUnit, logger, metrics
from cairn.queue import Queue
from cairn.rules import Crossing, Rule, crossings
from cairn.stats import to_reading


class Detection:
    """Claim, record, announce: each step may be repeated, and the last one that failed is where a retry goes on."""

    def __init__(self, milestones: Milestones, queue: Queue, rules: tuple[Rule, ...]) -> None:
        self._milestones = milestones
        self._queue = queue
        self._rules = rules

    def take(self, record: dict[str, Any]) -> None:
        """One stream record. Raises whatever fails; then the same record must come again before any later one."""
        images = record["dynamodb"]
        new = to_reading(dynamo.from_image(images["NewImage"]))
        old = to_reading(dynamo.from_image(images["OldImage"])) if "OldImage" in images else None
        with logger.append_context_keys(trace_id=new.trace_id, subject=str(new.subject)):
            for crossing in crossings(old, new, self._rules):
                self._announce(crossing, new, record["eventID"])

    def _announce(self, crossing: Crossing, reading: Reading, event_id: str) -> None:
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
        milestone = Milestone(
            subject=reading.subject,
            name=reading.name,
            rule=rule.name,
            metric=rule.metric,
            period=crossing.period,
            threshold=crossing.threshold,
            label=rule.label(crossing.threshold),
            value=reading.metrics[rule.metric],
            also_passed=tuple(Passed(step, rule.label(step)) for step in crossing.passed[:-1] if step > claim.told),
            achieved_at=claim.achieved_at,
            trace_id=reading.trace_id,
        )
        self._milestones.record(milestone)
        self._queue.send([Alert(milestone)])
        self._milestones.note_told(reading.subject, rule.name, crossing.period, crossing.threshold)
        metrics.add_metric("MilestonesReached", MetricUnit.Count, 1)
        delay = (now() - reading.as_of).total_seconds() * 1000
        metrics.add_metric("DetectionDelay", MetricUnit.Milliseconds, max(0, delay))
        logger.info("milestone reached", milestone_id=milestone.id, label=milestone.label, name_=milestone.name)
