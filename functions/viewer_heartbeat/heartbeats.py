"""Which tabs sent a heartbeat a moment ago, in the memory of a Lambda: sending more often causes no more writes."""

from __future__ import annotations

from datetime import datetime, timedelta

from cairn.viewers.presence_slots import PresenceSlot

MAX_REMEMBERED = 10_000
"""Tabs that a Lambda remembers; of more, it forgets the one whose heartbeat is the oldest."""


class Heartbeats:
    """A tab's heartbeat is due `least` after the last one that was accepted here."""

    def __init__(self, least: timedelta) -> None:
        self._least = least
        self._accepted: dict[PresenceSlot, datetime] = {}

    def is_due(self, slot: PresenceSlot, now: datetime) -> bool:
        accepted = self._accepted.get(slot)
        return accepted is None or now - accepted >= self._least

    def accept(self, slot: PresenceSlot, now: datetime) -> None:
        self.forget(slot)
        if len(self._accepted) >= MAX_REMEMBERED:
            del self._accepted[next(iter(self._accepted))]
        self._accepted[slot] = now

    def forget(self, slot: PresenceSlot) -> None:
        """The tab has left: its next heartbeat has to be rejected by the table."""
        self._accepted.pop(slot, None)
