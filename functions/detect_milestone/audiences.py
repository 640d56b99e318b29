"""Who is told: a channel's subscribers; those who watch it; of a rep, the rep, the TV and everybody at the board."""

from __future__ import annotations

from collections.abc import Container, Mapping

from cairn.badges import Badges
from cairn.instants import now
from cairn.live import channel_of, count_state, milestone_event
from cairn.messages import Alert, BoardChanged
from cairn.model import Milestone, Reading
from cairn.observing import logger
from cairn.queue import Queue
from cairn.refreshes import Refreshes
from cairn.reps import Reps
from cairn.rules import Rule
from cairn.sales_floor import celebrations


class Subscribers:
    """Of channels: an alert for whoever subscribed."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def tell(self, milestone: Milestone) -> None:
        self._queue.send([Alert(milestone)])

    def changed(self, old: Reading | None, new: Reading, event_id: str) -> None:
        """A channel's values are looked up, and not announced."""


class LiveRooms:
    """Of live channels: whoever watches one, and the subscribers of those that the operator named."""

    def __init__(
        self, *, queue: Queue, subscribers: Subscribers, named: Container[str], rules: Mapping[str, Rule]
    ) -> None:
        self._queue = queue
        self._subscribers = subscribers
        self._named = named
        self._rules = rules

    def tell(self, milestone: Milestone) -> None:
        self._queue.send([milestone_event(milestone, self._rules[milestone.rule].words(milestone))])
        if channel_of(milestone.subject) in self._named:
            self._subscribers.tell(milestone)

    def changed(self, old: Reading | None, new: Reading, event_id: str) -> None:
        state = count_state(old, new, event_id)
        if state:
            self._queue.send([state])


class SalesFloor:
    """Of reps: badges, celebrations in the rooms, and the board anew."""

    def __init__(
        self, *, reps: Reps, badges: Badges, refreshes: Refreshes, queue: Queue, rules: Mapping[str, Rule]
    ) -> None:
        self._reps = reps
        self._badges = badges
        self._refreshes = refreshes
        self._queue = queue
        self._rules = rules

    def tell(self, milestone: Milestone) -> None:
        for badge in self._badges.award(milestone):
            logger.info("badge earned", badge=badge.id)
        self._queue.send(celebrations(milestone, self._rules[milestone.rule].words(milestone)))

    def changed(self, old: Reading | None, new: Reading, event_id: str) -> None:
        """First the board, then the word of it: who reads it on being told finds the change."""
        self._reps.settle(old, new)
        key = self._refreshes.poke(event_id, now())
        if key:
            self._queue.send([BoardChanged(key, new.trace_id)])
