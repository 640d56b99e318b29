"""Queues a sync of every creator who is due, and measures how old what is known of them is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import Failure, SyncState, SyncStates
from cairn.messages import SyncCreator
from cairn.model import new_trace_id
from cairn.observability import MetricUnit, logger, metrics


@dataclass(frozen=True, slots=True)
class Swept:
    queued: int
    waiting: int
    """After a failure, they are not due yet."""


class Sweep:
    def __init__(self, *, creators: Creators, states: SyncStates, queue: Queue, clock: Clock) -> None:
        self._creators = creators
        self._states = states
        self._queue = queue
        self._clock = clock

    def run(self, source: str, only: str | None = None) -> Swept:
        """Each creator is a message of its own, so that one who fails stops nobody else."""
        at = self._clock()
        creators = [one for one in self._creators.all(retired=False) if only in (None, one.id)]
        states = self._states.get_many(one.id for one in creators)
        due = [one for one in creators if source != "schedule" or not states[one.id].waits(at)]
        # The oldest first: should the queue be long, nobody falls behind for good.
        due.sort(key=lambda one: states[one.id].synced_until or one.added_at)
        self._queue.send(
            SyncCreator(one.id, source, "", deep=source != "schedule", at=at, trace_id=new_trace_id()) for one in due
        )
        if only is None:
            _measure(creators, states, at)
        swept = Swept(len(due), len(creators) - len(due))
        logger.info("sweep done", source=source, queued=swept.queued, waiting=swept.waiting)
        return swept


def _measure(creators: list[Creator], states: dict[str, SyncState], now: datetime) -> None:
    """The age of the oldest transactions and audience, in seconds; who has to be connected again counts apart."""
    lost = [one for one in creators if _is_lost(states[one.id].failure) or _is_lost(states[one.id].audience_failure)]
    rest = [one for one in creators if one not in lost]
    metrics.add_metric("CreatorsDisconnected", MetricUnit.Count, len(lost))
    if rest:
        synced = min(states[one.id].synced_until or one.added_at for one in rest)
        fetched = min(states[one.id].audience_at or one.added_at for one in rest)
        metrics.add_metric("OldestSync", MetricUnit.Seconds, (now - synced).total_seconds())
        metrics.add_metric("OldestAudience", MetricUnit.Seconds, (now - fetched).total_seconds())


def _is_lost(failure: Failure | None) -> bool:
    return failure is not None and failure.code == "reconnect"
