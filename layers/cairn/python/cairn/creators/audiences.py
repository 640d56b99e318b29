"""Fetches creators' audiences: by a schedule in batches over the fetch queue, some creators at a time.

A creator who fails stops no other: the failure is noted with the creator, who is left out of the next sweeps for a
growing while. Those who were fetched longest ago come first, so that no sweep leaves out the same ones again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.dynamodb import chunks
from cairn.clock import Clock, from_millis, now
from cairn.creators.model import Creator
from cairn.creators.platforms import Audience, CreatorPlatform
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncState, SyncStates
from cairn.errors import CairnError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.messages import FetchBatch
from cairn.model import Number, Reading, new_trace_id
from cairn.observability import MetricUnit, fetch_error, logger, metrics
from cairn.readings.stats import Stats

if TYPE_CHECKING:
    from cairn.aws.sqs import Queue

PLATFORM = "creator"
"""The platform of a message of the fetch queue whose ids are of creators."""
BATCH_SIZE = 50
LANES = 4
"""Creators of a batch at a time: nearly all of the time is waiting for the platform."""
FRESH = timedelta(seconds=30)
"""Who was fetched so short a time ago is not fetched again: by a second message, or a second person.

Shorter than the shortest schedule, a minute: otherwise one late fetch would have the next tick left out.
"""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
METRICS = ("subscribers", "followers", "messages", "posts")
_LATER = timedelta(milliseconds=1)
_NEVER = from_millis(0)

Outcome = Literal["stored", "unchanged", "skipped", "failed", "queued"]
SecondsLeft = Callable[[], float]
Lanes = Callable[[Callable[[Creator], Outcome], Sequence[Creator]], Iterable[Outcome]]
"""Calls a function for each creator, some at a time."""


def batches_of(creator_ids: Sequence[str], source: str) -> list[FetchBatch]:
    """Messages of the fetch queue, to have the audiences of these creators fetched."""
    return [
        FetchBatch(PLATFORM, number * BATCH_SIZE, tuple(batch), source, new_trace_id())
        for number, batch in enumerate(chunks(creator_ids, BATCH_SIZE))
    ]


def in_threads(fetch: Callable[[Creator], Outcome], creators: Sequence[Creator]) -> list[Outcome]:
    with ThreadPoolExecutor(LANES) as threads:
        return list(threads.map(fetch, creators))


class Audiences:
    """`platform` connects a creator's account; `queue` is the fetch queue."""

    def __init__(
        self,
        *,
        creators: Creators,
        states: SyncStates,
        stats: Stats,
        platform: Callable[[Creator], CreatorPlatform],
        queue: Queue,
        rules_version: int,
        clock: Clock = now,
        lanes: Lanes = in_threads,
    ) -> None:
        self._creators = creators
        self._states = states
        self._stats = stats
        self._platform = platform
        self._queue = queue
        self._rules_version = rules_version
        self._clock = clock
        self._lanes = lanes

    def sweep(self, source: str, seconds_left: SecondsLeft, only: Iterable[str] | None = None) -> Counter[Outcome]:
        """Fetch everybody who is not retired, or `only` these: the first batch here, the others through the queue."""
        ids = [one.id for one in self._creators.all(retired=False)]
        wanted = set(ids) if only is None else set(only)
        states = self._states.get_many(one for one in ids if one in wanted)
        due = [one for one in states.values() if not one.audience_waits(self._clock())]
        due.sort(key=lambda one: (one.audience_at or _NEVER, one.creator))
        batches = batches_of([one.creator for one in due], source)
        outcomes: Counter[Outcome] = Counter({"skipped": len(states) - len(due)})
        self._queue.send(batches[1:])
        outcomes["queued"] += sum(len(one.channel_ids) for one in batches[1:])
        return outcomes + self.fetch_batch(batches[0], seconds_left) if batches else outcomes

    def fetch_batch(self, batch: FetchBatch, seconds_left: SecondsLeft) -> Counter[Outcome]:
        """Fetch these creators; those for whom there is no time go back on the queue.

        What our own tables refuse is raised at the end, so that the message is tried again.
        """
        found = self._creators.get_many(batch.channel_ids)
        states = self._states.get_many(batch.channel_ids, consistent=True)
        creators = [found[one] for one in batch.channel_ids if one in found and found[one].retired_at is None]
        outcomes: Counter[Outcome] = Counter({"skipped": len(batch.channel_ids) - len(creators)})
        late: list[str] = []
        errors: list[Exception] = []

        def fetch(creator: Creator) -> Outcome:
            if seconds_left() <= 0:
                late.append(creator.id)
                return "queued"
            try:
                return self._fetch(creator, states[creator.id], batch)
            except (ClientError, BotoCoreError) as error:
                logger.error("audience could not be stored", creator=creator.id, exc_info=error)
                errors.append(error)
                return "failed"

        outcomes.update(self._lanes(fetch, creators))
        if late:
            self._queue.send([replace(batch, channel_ids=tuple(late))])
        if outcomes["failed"] and not outcomes["stored"] + outcomes["unchanged"]:
            fetch_error(PLATFORM)
        logger.info("audiences fetched", source=batch.source, trace_id=batch.trace_id, outcomes=dict(outcomes))
        if errors:
            raise errors[0]
        return outcomes

    def _fetch(self, creator: Creator, state: SyncState, batch: FetchBatch) -> Outcome:
        at = self._clock()
        if state.audience_waits(at) or (state.audience_at and at - state.audience_at < FRESH):
            return "skipped"
        try:
            audience = self._platform(creator).audience(state.audience_hints)
        except (ClientError, BotoCoreError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one creator stops no other
            self._failed(creator, state, error, batch)
            return "failed"
        stored = self._store(creator, audience, at, batch)
        self._states.audience(creator.id, at, audience.hints)
        return "stored" if stored else "unchanged"

    def _failed(self, creator: Creator, state: SyncState, error: Exception, batch: FetchBatch) -> None:
        failures = state.audience_failure.failures if state.audience_failure else 0
        now = self._clock()
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures, 10))
        code, not_before = _code(error), now + wait
        if isinstance(error, PlatformPausedError):
            not_before = max(error.until, now)
        message = error.message if isinstance(error, CairnError) else "internal error; it has been logged"
        known = isinstance(error, CairnError)
        (logger.warning if known else logger.error)(
            "audience could not be fetched",
            creator=creator.id,
            code=code,
            reason=str(error),
            until=not_before.isoformat(),
            trace_id=batch.trace_id,
            exc_info=None if known else error,
        )
        self._states.audience_failed(creator.id, at=now, code=code, message=message, not_before=not_before)

    def _store(self, creator: Creator, audience: Audience, at: datetime, batch: FetchBatch) -> bool:
        """Store the counts beside the revenue. A count that the platform does not say is unknown, and no longer shown.

        What was the highest so far stays noted, so that a count that is hidden and comes back announces nothing again.
        """
        counted: dict[str, Number] = {
            metric: count for metric in METRICS if (count := getattr(audience, metric)) is not None
        }

        def change(stored: Reading | None) -> Reading:
            before = stored or Reading(creator.subject, creator.name, {}, at, batch.source, batch.trace_id)
            metrics = {metric: value for metric, value in before.metrics.items() if metric not in METRICS} | counted
            if stored and (stored.metrics, stored.name) == (metrics, creator.name):
                return stored
            return replace(
                before,
                name=creator.name,
                metrics=metrics,
                peaks={**before.peaks, **{one: max(n, before.peaks.get(one, n)) for one, n in counted.items()}},
                as_of=max(at, before.as_of + _LATER) if stored else at,
                source=batch.source,
                trace_id=batch.trace_id,
                rules_version=self._rules_version,
                silent=False,
                recheck="",
            )

        old, new = self._stats.update(creator.subject, change)
        metrics.add_metric("ReadingsUnchanged" if new is old else "ReadingsStored", MetricUnit.Count, 1)
        return new is not old


def _code(error: Exception) -> str:
    match error:
        case PlatformPausedError():
            return "paused"
        case KeyRejectedError():
            return "reconnect"
        case PlatformUnavailableError():
            return "unavailable"
    return "failed"
