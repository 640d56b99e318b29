"""A milestone, or that an operator took one back, as an event for webhooks; and who puts it on the webhook queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cairn.clock import iso
from cairn.codec import to_json
from cairn.messages import WebhookEvent
from cairn.model import Milestone, Reading, Subject
from cairn.observability import logger
from cairn.rules import Rule, Wording
from cairn.webhooks.catalogue import DAILY_GOAL, REVERTED
from cairn.webhooks.milestone_schema import USER_FIELDS
from cairn.webhooks.model import Contact, Event, event_id

if TYPE_CHECKING:
    from cairn.aws.sqs import Queue
    from cairn.readings.detection import Change

NOT_SENT = frozenset({"avatar", "retired_at", "window", "date", "streak_days", "feature"})
"""Details that only Cairn's own pages and functions use, or that are fields of their own.

An avatar is an address that anybody may have chosen.
"""
_USER = "user"

ContactOf = Callable[[Subject], Contact | None]
"""Whom a CRM knows a subject as; ErasedContactError of somebody who was erased."""


class ErasedContactError(Exception):
    """A record of the stream from before an erasure is about somebody of whom nothing may be told any more."""


def nobody(_: Subject) -> None:
    """The contact of subjects that have none."""


def milestone_event(milestone: Milestone, rule: Rule, contact: Contact | None = None) -> Event:
    """The event of a milestone; the same milestone always gives the same id."""
    return Event(
        id=event_id(milestone.achieved_at, milestone.id),
        type=rule.wording(milestone).event,
        at=milestone.achieved_at,
        subject=str(milestone.subject),
        data=_data(milestone, rule),
        contact=contact,
        trace_id=milestone.trace_id,
    )


def reverted_event(milestone: Milestone, rule: Rule, contact: Contact | None = None) -> Event:
    """The event that an operator took a milestone back. ValueError for a milestone that stands."""
    if milestone.reverted is None:
        raise ValueError(f"{milestone.id} was not reverted")
    reversal = milestone.reverted
    return Event(
        id=event_id(reversal.at, f"{milestone.id}/reverted"),
        type=REVERTED,
        at=reversal.at,
        subject=str(milestone.subject),
        data={**_data(milestone, rule), "revertedAt": iso(reversal.at), "reason": reversal.reason},
        contact=contact,
        trace_id=milestone.trace_id,
    )


def queued(event: Event) -> WebhookEvent:
    """The message of the webhook queue that carries an event."""
    contact = event.contact
    known = {"name": contact.name, "email": contact.email, "phone": contact.phone} if contact else {}
    return WebhookEvent(
        event_id=event.id,
        event_type=event.type,
        subject=event.subject,
        at=event.at,
        data=to_json(event.data),
        contact=to_json(known) if known else "",
        trace_id=event.trace_id,
    )


class WebhookAnnouncer:
    """`webhooks` is the webhook queue. It announces what it is given: whose milestones it gets, others decide.

    Nothing is told of somebody who was erased.
    """

    def __init__(self, *, webhooks: Queue, rules: Mapping[str, Rule], contact_of: ContactOf = nobody) -> None:
        self._webhooks = webhooks
        self._rules = rules
        self._contact_of = contact_of

    def celebrate(self, milestone: Milestone) -> None:
        """No room shows it."""

    def announce(self, milestone: Milestone) -> None:
        rule = self._rules[milestone.rule]
        self._send(milestone.subject, lambda contact: milestone_event(milestone, rule, contact))

    def changed(self, changes: Sequence[Change]) -> None:
        """Changes between two milestones are not sent."""

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:  # noqa: ARG002 - only badges need it
        rule = self._rules[milestone.rule]
        self._send(milestone.subject, lambda contact: reverted_event(milestone, rule, contact))

    def tell(
        self, type_: str, subject: Subject, *, at: datetime, key: str, data: Mapping[str, Any], trace_id: str
    ) -> None:
        """Send an event that is no milestone. Of the same subject, instant and key it is sent once."""
        told = Event(
            id=event_id(at, f"{subject}/{key}"),
            type=type_,
            at=at,
            subject=str(subject),
            data=data,
            trace_id=trace_id,
        )
        self._send(subject, lambda contact: replace(told, contact=contact))

    def _send(self, subject: Subject, event: Callable[[Contact | None], Event]) -> None:
        try:
            contact = self._contact_of(subject)
        except ErasedContactError:
            logger.info("nothing is told of who was erased", subject=str(subject))
            return
        self._webhooks.send([queued(event(contact))])


def _data(milestone: Milestone, rule: Rule) -> dict[str, Any]:
    wording = rule.wording(milestone)
    return {
        "milestone": milestone.id,
        "subject": str(milestone.subject),
        "kind": milestone.subject.kind,
        "name": milestone.name,
        "rule": milestone.rule,
        "metric": milestone.metric,
        "period": milestone.period,
        "threshold": milestone.threshold,
        "label": milestone.label,
        "value": milestone.value,
        "alsoPassed": [{"threshold": passed.threshold, "label": passed.label} for passed in milestone.also_passed],
        "isFirst": _is_first(milestone, rule),
        "title": wording.title,
        "description": wording.description,
        "emoji": wording.emoji,
        "metrics": dict(milestone.metrics),
        "details": {name: value for name, value in milestone.details.items() if name not in NOT_SENT},
        "achievedAt": iso(milestone.achieved_at),
        **(_of_a_user(milestone, wording) if milestone.subject.kind == _USER else {}),
        **wording.fields,
    }


def _of_a_user(milestone: Milestone, wording: Wording) -> dict[str, Any]:
    """The fields of a product's users: all of them in each event, so that a receiver knows where to look."""
    count = milestone.value if wording.event == DAILY_GOAL else None
    return {**dict.fromkeys(USER_FIELDS), "streakDays": milestone.metrics.get("streak"), "count": count}


def _is_first(milestone: Milestone, rule: Rule) -> bool:
    """Whether the rule has no threshold below the lowest of those that the milestone passed."""
    lowest = milestone.also_reached[0]
    reading = Reading(
        subject=milestone.subject,
        name=milestone.name,
        metrics={**milestone.metrics, milestone.metric: lowest},
        as_of=milestone.achieved_at,
        source="",
        trace_id=milestone.trace_id,
    )
    return not any(step < lowest for step in rule.passed(reading) or ())
