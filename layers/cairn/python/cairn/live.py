"""What a live channel's room is told, as JSON: how many watch now, and what was passed."""

from __future__ import annotations

import json
from datetime import timedelta

from cairn.counts import Count, count_json
from cairn.instants import iso
from cairn.messages import RoomEvent, RoomState
from cairn.model import Milestone, Reading, Subject
from cairn.rules import Words

COUNT = "viewers:count"
MILESTONE = "viewers:milestone"
FRESH = timedelta(minutes=10)
"""How long after it was achieved a milestone is still celebrated; later it is only listed."""
_KIND = "channel"
_PLATFORM = "live"


def subject_of(channel: str) -> Subject:
    """The subject whose readings are a channel's viewers."""
    return Subject(_KIND, f"{_PLATFORM}:{channel}")


def channel_of(subject: Subject) -> str | None:
    """The channel whose viewers a subject's readings are; None when they are no viewers."""
    platform, _, channel = subject.id.partition(":")
    return channel if (subject.kind, platform) == (_KIND, _PLATFORM) else None


def room_of(channel: str) -> str:
    """Where a channel's viewers are told of it."""
    return f"channel:{channel}"


def count_of(reading: Reading) -> Count | None:
    """The count that a reading is; None when it does not say how many there are."""
    channel, viewers = channel_of(reading.subject), reading.metrics.get("viewers")
    if channel is None or viewers is None:
        return None
    connections = reading.metrics.get("connections", viewers)
    window = int(reading.details.get("window", 0))
    return Count(channel, int(viewers), int(connections), reading.as_of, reading.as_of, window)


def count_state(old: Reading | None, new: Reading, key: str) -> RoomState | None:
    """How many watch now, for those who do; None where that is the same as before, or unknown."""
    before, count = count_of(old) if old else None, count_of(new)
    if count is None or (before and (before.viewers, before.connections) == (count.viewers, count.connections)):
        return None
    data = json.dumps(count_json(count), separators=(",", ":"))
    return RoomState(room_of(count.channel), COUNT, key, data, new.as_of, new.trace_id)


def milestone_event(milestone: Milestone, words: Words) -> RoomEvent:
    """What is said of a live channel's milestone to those who watch it."""
    channel = milestone.subject.id.partition(":")[2]
    data = {
        "channelId": channel,
        "milestone": milestone.id,
        "threshold": int(milestone.threshold),
        "label": milestone.label,
        "viewers": int(milestone.value),
        "alsoPassed": [{"threshold": int(one.threshold), "label": one.label} for one in milestone.also_passed],
        "title": words.title,
        "description": words.description,
        "emoji": words.emoji,
        "achievedAt": iso(milestone.achieved_at),
    }
    return RoomEvent(
        room=room_of(channel),
        event=MILESTONE,
        key=milestone.id,
        data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        at=milestone.achieved_at,
        fresh_until=milestone.achieved_at + FRESH,
        trace_id=milestone.trace_id,
    )
