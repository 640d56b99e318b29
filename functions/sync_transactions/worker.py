"""Works off a message of the creators queue: one creator's sync, or the start of a run of all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from cairn.aws.sqs import LONGEST_DELAY, Queue
from cairn.clock import Clock
from cairn.creators.model import Creator
from cairn.creators.platforms import CreatorPlatform
from cairn.creators.registry import Creators
from cairn.creators.runs import Result, Runs
from cairn.creators.sync_state import SyncState, SyncStates
from cairn.creators.syncing import Outcome, Syncing
from cairn.errors import NotYetError
from cairn.messages import SyncCreator, SyncRun
from cairn.observability import logger

BUSY = timedelta(seconds=10)
"""How long a message waits while another invocation syncs its creator."""
ASKED = ("request", "operator")
"""Somebody waits for it: it is tried although it failed a moment ago, and compares the last week, too."""


class Worker:
    def __init__(
        self,
        *,
        creators: Creators,
        states: SyncStates,
        runs: Runs,
        syncing: Syncing,
        platform: Callable[[Creator], CreatorPlatform],
        queue: Queue,
        clock: Clock,
    ) -> None:
        self._creators = creators
        self._states = states
        self._runs = runs
        self._syncing = syncing
        self._platform = platform
        self._queue = queue
        self._clock = clock

    def start_run(self, message: SyncRun) -> None:
        """Queue a sync of each creator of a run. A repeat queues them again, and finds them done."""
        run = self._runs.get(message.run)
        if run is None:
            logger.warning("the run of a sync is forgotten", run=message.run)
            return
        creators = [one for one in self._creators.all(retired=False) if run.creator in (None, one.id)]
        self._runs.expect(run.id, len(creators))
        self._queue.send(
            SyncCreator(one.id, "request", run.id, deep=True, at=run.started_at, trace_id=message.trace_id)
            for one in creators
        )

    def sync(self, message: SyncCreator, owner: str, seconds_left: Callable[[], float]) -> None:
        """Bring a creator's transactions. NotYetError while another invocation does."""
        creator = self._creators.get(message.creator)
        if creator is None or creator.retired_at:
            logger.info("creator is retired: not synced", creator=message.creator)
            if creator:
                self._note(message, creator, "skipped")
            return
        with logger.append_context_keys(subject=str(creator.subject), source=message.source):
            self._sync(message, creator, owner, seconds_left)

    def _sync(self, message: SyncCreator, creator: Creator, owner: str, seconds_left: Callable[[], float]) -> None:
        state = self._states.get(creator.id)
        if state.synced_until and state.synced_until > message.at:
            self._note(message, creator, "done")
            return
        if state.failure and self._has_to_wait(state, message):
            self._note(message, creator, "failed", state.failure.code, state.failure.message)
            return
        outcome = self._syncing.sync(
            creator,
            lambda: self._platform(creator),
            owner=owner,
            trace_id=message.trace_id,
            deep=message.deep,
            seconds_left=seconds_left,
        )
        self._go_on(message, creator, outcome)

    def _has_to_wait(self, state: SyncState, message: SyncCreator) -> bool:
        """After a failure the next sweep after a while tries again; a limit of the platform holds for everybody."""
        is_limit = state.failure is not None and state.failure.code == "paused"
        return state.waits(self._clock()) and (message.source not in ASKED or is_limit)

    def _go_on(self, message: SyncCreator, creator: Creator, outcome: Outcome) -> None:
        at = self._clock()
        if outcome.result == "done":
            self._note(message, creator, "done")
        elif outcome.result == "failed":
            self._note(message, creator, "failed", outcome.code, outcome.message)
        elif outcome.result == "unfinished":
            self._queue.send_later([message], _wait(outcome.until or at, at))
        elif message.source != "schedule":
            raise NotYetError("another invocation syncs the creator", min(outcome.until or at, at + BUSY))

    def _note(self, message: SyncCreator, creator: Creator, result: Result, code: str = "", text: str = "") -> None:
        if message.run:
            self._runs.note(message.run, creator, result, code=code, message=text)


def _wait(until: datetime, now: datetime) -> timedelta:
    return min(max(until - now, timedelta(0)), LONGEST_DELAY)
