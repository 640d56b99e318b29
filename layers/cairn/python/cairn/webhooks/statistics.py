"""How well messages are delivered, and what people do with them: computed from the last messages of each endpoint.

Counters would cost a write for each message. Instead a report reads MOST_READ messages at most, the newest of each
endpoint in equal parts, and says so when there are more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.events import Events
from cairn.webhooks.feedback import REACTIONS, Reaction, SubjectFeedback
from cairn.webhooks.model import Endpoint, Event, Message, Status, instant_of, key_at

MOST_READ = 2000
"""Messages that a report reads, with their events."""
MOST_DUE = 200
"""Of those that are due, which it looks at for the oldest."""
PERCENTILES = (50, 95, 99)
STATUSES: tuple[Status, ...] = ("pending", "sent", "failed", "skipped", "held_out")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Of some messages, samples that a person sent left out. Rates are None when there is nothing to divide by."""

    messages: int
    by_status: Mapping[Status, int]
    delivery_rate: float | None
    """The part of those that were sent, of those that were sent or failed."""
    retried: int
    """Those whose first attempt failed and that had another one."""
    retry_success: float | None
    """The part of those retried, and not pending, that were sent."""
    latency: Mapping[int, int]
    """Milliseconds from the event to the first 2xx, by percentile; empty when nothing was sent."""
    oldest_pending: datetime | None


@dataclass(frozen=True, slots=True)
class Reactions:
    """To the messages of one type and template that were sent."""

    type: str
    template: str | None
    sent: int
    counts: Mapping[Reaction, int]


@dataclass(frozen=True, slots=True)
class Lift:
    """Subjects that got messages beside those of the hold-out group; `converted` of each."""

    sent: int
    sent_converted: int
    held_out: int
    held_out_converted: int

    @property
    def lift(self) -> float | None:
        """How much larger the rate of those who got messages is: 0.25 for a quarter. None if it is unknown."""
        if not (self.sent and self.held_out and self.held_out_converted):
            return None
        held_out = self.held_out_converted / self.held_out
        return (self.sent_converted / self.sent - held_out) / held_out


@dataclass(frozen=True, slots=True)
class OfEndpoint:
    endpoint: Endpoint
    since: datetime
    """From when on its messages were read; later than asked for when there are more than the report reads."""
    delivery: Delivery
    lift: Lift | None
    """None for an endpoint that holds nobody out, and never did in this time."""


@dataclass(frozen=True, slots=True)
class Report:
    total: Delivery
    endpoints: Sequence[OfEndpoint]
    reactions: Sequence[Reactions]
    complete: bool
    """Whether every message of the time was read."""


@dataclass(frozen=True, slots=True)
class _Read:
    endpoint: Endpoint
    messages: list[Message]
    complete: bool
    oldest_due: datetime | None
    events: dict[str, Event] = field(default_factory=dict)


class Statistics:
    def __init__(self, events: Events, deliveries: Deliveries, feedback: SubjectFeedback) -> None:
        self._events = events
        self._deliveries = deliveries
        self._feedback = feedback

    def report(self, endpoints: Sequence[Endpoint], since: datetime, before: datetime) -> Report:
        """Of these endpoints' messages of events from `since` to before `before`."""
        share = MOST_READ // max(1, len(endpoints))
        read = [self._read(endpoint, since, before, share) for endpoint in endpoints]
        events = self._events.many([message.event for one in read for message in one.messages])
        kept = [(one, [m for m in one.messages if not _is_sample(events.get(m.event))]) for one in read]
        everything = [message for _, messages in kept for message in messages]
        return Report(
            total=delivery(everything, min(filter(None, (one.oldest_due for one in read)), default=None)),
            endpoints=[
                OfEndpoint(
                    one.endpoint,
                    since if one.complete else instant_of(one.messages[-1].event),
                    delivery(messages, one.oldest_due),
                    self._lift(one.endpoint, messages, events),
                )
                for one, messages in kept
            ],
            reactions=reactions(everything, events),
            complete=all(one.complete for one in read),
        )

    def _read(self, endpoint: Endpoint, since: datetime, before: datetime, most: int) -> _Read:
        newest = self._deliveries.of_endpoint(endpoint.id, key_at(since), key_at(before), newest_first=True)
        messages = list(islice(newest, most + 1))
        due = islice(self._deliveries.due(endpoint.id, before), MOST_DUE)
        oldest = min(map(instant_of, due), default=None)
        return _Read(endpoint, messages[:most], len(messages) <= most, oldest)

    def _lift(self, endpoint: Endpoint, messages: Iterable[Message], events: Mapping[str, Event]) -> Lift | None:
        sent: dict[str, datetime] = {}
        held_out: dict[str, datetime] = {}
        converted: dict[str, datetime] = {}
        for message in messages:
            event = events.get(message.event)
            if event is None or event.subject is None:
                continue
            if message.status in ("sent", "held_out"):
                group = sent if message.status == "sent" else held_out
                group[event.subject] = min(event.at, group.get(event.subject, event.at))
            if at := message.feedback.get("converted"):
                converted[event.subject] = max(at, converted.get(event.subject, at))
        if not held_out:
            return None if not endpoint.hold_out else Lift(len(sent), 0, 0, 0)
        for subject, reported in self._feedback.of(endpoint.id, [*sent, *held_out]).items():
            if at := reported.get("converted"):
                converted[subject] = max(at, converted.get(subject, at))
        # Who converted before the first message did not do it because of one; the same holds for the other group.
        counted = [
            sum(1 for subject, first in group.items() if subject in converted and converted[subject] >= first)
            for group in (sent, held_out)
        ]
        return Lift(len(sent), counted[0], len(held_out), counted[1])


def delivery(messages: Sequence[Message], oldest_due: datetime | None) -> Delivery:
    """What became of messages."""
    by_status = Counter(message.status for message in messages)
    done = by_status["sent"] + by_status["failed"]
    retried = [one for one in messages if one.tries > 1 and one.attempts and _first_failed(one)]
    settled = [one for one in retried if one.status in ("sent", "failed")]
    pending = [one.created_at for one in messages if one.status == "pending"]
    return Delivery(
        messages=len(messages),
        by_status=dict(by_status),
        delivery_rate=by_status["sent"] / done if done else None,
        retried=len(retried),
        retry_success=sum(one.status == "sent" for one in settled) / len(settled) if settled else None,
        latency=percentiles([milliseconds for one in messages if (milliseconds := latency(one)) is not None]),
        oldest_pending=min(filter(None, (*pending, oldest_due)), default=None),
    )


def latency(message: Message) -> int | None:
    """Milliseconds from the event to the end of the first attempt that succeeded; None for a message without one.

    One that a person had sent again after it failed counts from the event, too.
    """
    if message.status != "sent":
        return None
    succeeded = next((one for one in message.attempts if one.succeeded), None)
    if succeeded is None:
        return None
    return int((succeeded.at - message.created_at).total_seconds() * 1000) + succeeded.milliseconds


def percentiles(values: Sequence[int]) -> dict[int, int]:
    """By the nearest rank, so that each is a value that occurred."""
    ordered = sorted(values)
    return {one: ordered[max(0, -(-one * len(ordered) // 100) - 1)] for one in PERCENTILES} if ordered else {}


def reactions(messages: Iterable[Message], events: Mapping[str, Event]) -> list[Reactions]:
    """By type and template, the most messages first."""
    sent: Counter[tuple[str, str | None]] = Counter()
    counts: dict[tuple[str, str | None], Counter[Reaction]] = defaultdict(Counter)
    for message in messages:
        event = events.get(message.event)
        if message.status == "sent" and event is not None:
            kind = (event.type, message.template)
            sent[kind] += 1
            counts[kind].update(reaction for reaction in REACTIONS if reaction in message.feedback)
    return [
        Reactions(*kind, number, {reaction: counts[kind][reaction] for reaction in REACTIONS})
        for kind, number in sent.most_common()
    ]


def _first_failed(message: Message) -> bool:
    first = message.attempts[0]
    return first.number == 1 and not first.succeeded


def _is_sample(event: Event | None) -> bool:
    return event is not None and event.sample
