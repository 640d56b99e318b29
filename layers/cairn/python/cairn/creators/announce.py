"""Who is told of creators: the room of those who may see what they earn, and one chat. No subscriber of the bot is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from cairn.clock import iso
from cairn.codec import to_json
from cairn.messages import Alert, RoomEvent, RoomState, reverted_event
from cairn.rooms import CREATORS

if TYPE_CHECKING:
    from cairn.aws.sqs import Queue
    from cairn.model import Milestone, Number, Reading
    from cairn.readings.detection import Change
    from cairn.rules import Rule, Wording

MILESTONE = "creators:milestone"
REVENUE = "creators:revenue"
_REVENUE = "revenue"
CELEBRATED_FOR = timedelta(minutes=10)
"""For how long a milestone is celebrated after it was achieved; later it is only listed."""


class CreatorAnnouncer:
    """`broadcast` and `notify` are the queues; without a `chat`, nothing is sent by Telegram."""

    def __init__(self, *, broadcast: Queue, notify: Queue, chat: str, rules: Mapping[str, Rule]) -> None:
        self._broadcast = broadcast
        self._notify = notify
        self._chat = chat
        self._rules = rules

    def celebrate(self, milestone: Milestone) -> None:
        self._broadcast.send([milestone_event(milestone, self._rules[milestone.rule].wording(milestone))])

    def announce(self, milestone: Milestone) -> None:
        """The function that sends the alert knows by the subject's kind that it is for the one chat."""
        if self._chat:
            self._notify.send([Alert(milestone)])

    def changed(self, changes: Sequence[Change]) -> None:
        """Tell the room of the newest change of revenue: who shows figures reads them again, of whichever creator."""
        told = [one for one in changes if _revenue(one.new) not in (None, _revenue(one.old) if one.old else None)]
        if told:
            self._broadcast.send([revenue_state(max(told, key=lambda one: one.stored.as_of))])

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:  # noqa: ARG002 - only badges need it
        self._broadcast.send([reverted_event(CREATORS, milestone)])


def milestone_event(milestone: Milestone, wording: Wording) -> RoomEvent:
    """The event of a creator's milestone."""
    data = {
        "creatorId": milestone.subject.id,
        "name": milestone.name,
        "milestone": milestone.id,
        "metric": milestone.metric,
        "threshold": milestone.threshold,
        "label": milestone.label,
        "value": milestone.value,
        "alsoPassed": [{"threshold": passed.threshold, "label": passed.label} for passed in milestone.also_passed],
        "title": wording.title,
        "description": wording.description,
        "icon": wording.emoji,
        "timestamp": iso(milestone.achieved_at),
    }
    return RoomEvent(
        room=CREATORS,
        event=MILESTONE,
        key=milestone.id,
        data=to_json(data),
        at=milestone.achieved_at,
        fresh_until=milestone.achieved_at + CELEBRATED_FOR,
        trace_id=milestone.trace_id,
    )


def revenue_state(change: Change) -> RoomState:
    """That a creator's revenue has changed."""
    new = change.stored
    data = {
        "creatorId": new.subject.id,
        "revenue": new.metrics[_REVENUE],
        "asOf": iso(new.as_of),
        "traceId": new.trace_id,
    }
    return RoomState(CREATORS, REVENUE, change.event_id, to_json(data), new.as_of, new.trace_id)


def _revenue(reading: Reading) -> Number | None:
    return reading.metrics.get(_REVENUE)
