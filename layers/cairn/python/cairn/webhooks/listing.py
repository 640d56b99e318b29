"""Lists of messages, the newest event first: of all endpoints by the events, of one by its messages.

A message that waits in the queue for its first attempt has no item. Its event says which endpoints want it.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import TypeVar

from cairn.aws.cursors import decode, encode
from cairn.clock import Clock
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.model import Event, Message, Status, key_at

MOST_READ = 1000
"""Events or messages that a page reads at most; then it ends, and may be short or empty, with a cursor."""
IN_QUEUE = timedelta(minutes=20)
"""After so long, a first attempt has been noted, or is queued again by the sweep, which looks after 15 minutes."""
DELETED = "the endpoint was deleted"
MOST_IN_QUEUE = 500
"""Events that are looked at for messages in the queue, in a list of one endpoint."""
T = TypeVar("T")
_CHUNK = 100
_PAST_ALL = "ep_~"
"""After the id of every endpoint."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Of a range of time, from `since` to before `before`."""

    since: datetime
    before: datetime
    endpoint: str | None = None
    status: Status | None = None
    type: str | None = None
    subject: str | None = None
    events: tuple[str, ...] = ()
    """The keys of the only events that are wanted; without any, all. They are read one by one, wherever they are."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A message with its event; None when the event is over."""

    message: Message
    event: Event | None


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Listed]
    next_cursor: str | None


class Listing:
    def __init__(self, endpoints: Endpoints, events: Events, deliveries: Deliveries, clock: Clock) -> None:
        self._endpoints = endpoints
        self._events = events
        self._deliveries = deliveries
        self._clock = clock

    def page(self, wanted: Filter, limit: int, cursor: str | None) -> Page:
        """BadInputError for a cursor of another list."""
        low, high = key_at(wanted.since), key_at(wanted.before)
        position = decode(cursor, {"event": (low, high), "endpoint": ("ep_", _PAST_ALL)})
        after = (position["event"], position["endpoint"]) if position else None
        if after:
            high = after[0] + "0"  # keys have one length: no other one lies between
        existing = {endpoint.id for endpoint in self._endpoints.all()}
        chunks = self._chunks(wanted, low, high)
        items: list[Listed] = []
        read = 0
        for chunk in chunks:
            for listed in chunk:
                place = (listed.message.event, listed.message.endpoint)
                if after and not _comes_after(place, after):
                    continue
                if _fits(shown := _settled(listed, existing), wanted):
                    items.append(shown)
                if len(items) == limit:
                    return Page(items, _cursor(place))
            read += _CHUNK
            if read >= MOST_READ and chunk:
                last = chunk[-1].message
                return Page(items, _cursor((last.event, last.endpoint)))
        return Page(items, None)

    def _chunks(self, wanted: Filter, low: str, high: str) -> Iterator[list[Listed]]:
        if wanted.events:
            named = self._events.many([key for key in wanted.events if low <= key < high])
            return self._of_events(sorted(named.values(), key=attrgetter("key"), reverse=True), wanted)
        if wanted.endpoint:
            return self._of_endpoint(wanted, low, high)
        return self._of_events(self._events.in_range(low, high, newest_first=True), wanted)

    def _of_events(self, events: Iterable[Event], wanted: Filter) -> Iterator[list[Listed]]:
        for events_of_chunk in _chunks(events):
            fitting = [event for event in events_of_chunk if _event_fits(event, wanted)]
            keys = [(endpoint, event.key) for event in fitting for endpoint in sorted(event.endpoints)]
            stored = self._deliveries.many(keys)
            found = [
                Listed(stored.get((endpoint, event.key)) or Message(endpoint, event.key), event)
                for event in fitting
                for endpoint in sorted(event.endpoints)
            ]
            # What does not fit still says how far the list was read.
            yield found or [Listed(Message(_PAST_ALL, events_of_chunk[-1].key), None)]

    def _of_endpoint(self, wanted: Filter, low: str, high: str) -> Iterator[list[Listed]]:
        endpoint = str(wanted.endpoint)
        stored = self._deliveries.of_endpoint(endpoint, low, high, newest_first=True)
        waiting = self._in_queue(endpoint, low, high)
        merged = _distinct(heapq.merge(stored, waiting, key=attrgetter("event"), reverse=True))
        for messages in _chunks(merged):
            events = self._events.many([message.event for message in messages])
            yield [Listed(message, events.get(message.event)) for message in messages]

    def _in_queue(self, endpoint: str, low: str, high: str) -> list[Message]:
        """Those of the last minutes that have no item yet, the newest first."""
        recent = max(low, key_at(self._clock() - IN_QUEUE))
        if recent >= high:
            return []
        events = islice(self._events.in_range(recent, high, newest_first=True), MOST_IN_QUEUE)
        keys = [event.key for event in events if endpoint in event.endpoints]
        stored = self._deliveries.many([(endpoint, key) for key in keys])
        return [Message(endpoint, key) for key in keys if (endpoint, key) not in stored]


def _chunks(iterable: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(iterable)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


def _distinct(messages: Iterable[Message]) -> Iterator[Message]:
    """A message may have been noted between the two reads."""
    last = ""
    for message in messages:
        if message.event != last:
            yield message
        last = message.event


def _settled(listed: Listed, existing: Collection[str]) -> Listed:
    """What a deleted endpoint was not sent will not be: the item of the message may still say that it waits."""
    message = listed.message
    if message.status != "pending" or message.endpoint in existing:
        return listed
    return replace(listed, message=replace(message, status="failed", due_at=None, error=DELETED))


def _comes_after(place: tuple[str, str], other: tuple[str, str]) -> bool:
    """Events from the newest to the oldest, the endpoints of each by their ids."""
    return place[0] < other[0] or (place[0] == other[0] and place[1] > other[1])


def _event_fits(event: Event, wanted: Filter) -> bool:
    return (wanted.type in (None, event.type)) and (wanted.subject in (None, event.subject))


def _fits(listed: Listed, wanted: Filter) -> bool:
    if listed.event is None:
        by_event = wanted.type is None and wanted.subject is None and listed.message.endpoint != _PAST_ALL
    else:
        by_event = _event_fits(listed.event, wanted)
    by_endpoint = wanted.endpoint in (None, listed.message.endpoint)
    return by_event and by_endpoint and wanted.status in (None, listed.message.status)


def _cursor(place: tuple[str, str]) -> str | None:
    return encode({"event": place[0], "endpoint": place[1]})
