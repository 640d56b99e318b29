"""Who is notified about a live channel: its room; for channels that the operator named, Telegram subscribers too."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from cairn.aws.sqs import Queue
from cairn.clock import iso
from cairn.messages import RoomEvent, RoomState, reverted_event
from cairn.model import Milestone, Reading
from cairn.rooms import channel_room
from cairn.rules import Rule, Wording
from cairn.viewers.counts import ViewerCount, count_json
from cairn.viewers.subjects import live_channel

if TYPE_CHECKING:
    from cairn.readings.detection import Announcer, Change

COUNT = "viewers:count"
MILESTONE = "viewers:milestone"
CELEBRATED_FOR = timedelta(minutes=10)
"""For how long a milestone is celebrated after it was achieved; later it is only listed."""


def count_from(reading: Reading) -> ViewerCount | None:
    """The viewer count of a reading; None if it has none."""
    channel, viewers = live_channel(reading.subject), reading.metrics.get("viewers")
    if channel is None or viewers is None:
        return None
    connections = reading.metrics.get("connections", viewers)
    window = int(reading.details.get("window", 0))
    return ViewerCount(channel, int(viewers), int(connections), reading.as_of, reading.as_of, window)


def count_state(old: Reading | None, new: Reading, key: str) -> RoomState | None:
    """The new count, for the channel's room; None if it did not change or is unknown."""
    before, count = count_from(old) if old else None, count_from(new)
    if count is None or (before and (before.viewers, before.connections) == (count.viewers, count.connections)):
        return None
    data = json.dumps(count_json(count), separators=(",", ":"))
    return RoomState(channel_room(count.channel), COUNT, key, data, new.as_of, new.trace_id)


def milestone_event(milestone: Milestone, wording: Wording) -> RoomEvent:
    """The event of a live channel's milestone, for the channel's room."""
    channel = milestone.subject.id.partition(":")[2]
    data = {
        "channelId": channel,
        "milestone": milestone.id,
        "threshold": int(milestone.threshold),
        "label": milestone.label,
        "viewers": int(milestone.value),
        "alsoPassed": [{"threshold": int(passed.threshold), "label": passed.label} for passed in milestone.also_passed],
        "title": wording.title,
        "description": wording.description,
        "emoji": wording.emoji,
        "achievedAt": iso(milestone.achieved_at),
    }
    return RoomEvent(
        room=channel_room(channel),
        event=MILESTONE,
        key=milestone.id,
        data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        at=milestone.achieved_at,
        fresh_until=milestone.achieved_at + CELEBRATED_FOR,
        trace_id=milestone.trace_id,
    )


class ViewerAnnouncer:
    """`broadcast` is the broadcast queue, `named` the ids of the channels that `subscribers` are notified of."""

    def __init__(
        self, *, broadcast: Queue, subscribers: Announcer, named: Container[str], rules: Mapping[str, Rule]
    ) -> None:
        self._broadcast = broadcast
        self._subscribers = subscribers
        self._named = named
        self._rules = rules

    def celebrate(self, milestone: Milestone) -> None:
        self._broadcast.send([milestone_event(milestone, self._rules[milestone.rule].wording(milestone))])

    def announce(self, milestone: Milestone) -> None:
        if live_channel(milestone.subject) in self._named:
            self._subscribers.announce(milestone)

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        self._broadcast.send([reverted_event(channel_room(milestone.subject.id.partition(":")[2]), milestone)])
        if live_channel(milestone.subject) in self._named:
            self._subscribers.reverted(milestone, standing)

    def changed(self, changes: Sequence[Change]) -> None:
        """Send each channel's last count to its room, if it is another than before the first of its changes."""
        first = {change.new.subject: change for change in reversed(changes)}
        last = {change.new.subject: change for change in changes}
        states = [count_state(first[subject].old, change.new, change.event_id) for subject, change in last.items()]
        if found := [state for state in states if state]:
            self._broadcast.send(found)
