"""How old a creator's figures are, and whether that is older than it should be. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from cairn.creators.model import Creator
from cairn.creators.sync_state import SyncState

TRANSACTIONS_WITHIN, AUDIENCE_WITHIN = timedelta(minutes=16), timedelta(minutes=6)
"""The interval of each schedule, and a minute."""

Syncing = Literal["never", "first", "ok", "failing", "retired"]


def state_of(creator: Creator, state: SyncState) -> Syncing:
    """In one word. `first`: the first sync is under way, and nothing is announced yet."""
    if creator.retired_at:
        return "retired"
    if state.failure:
        return "failing"
    if state.first_synced_at is None:
        return "never" if state.started_at is None and state.synced_at is None else "first"
    return "ok"


def transactions_stale(creator: Creator, state: SyncState, now: datetime) -> bool:
    return _stale(creator, state.synced_until, now, TRANSACTIONS_WITHIN, failing=state.failure is not None)


def audience_stale(creator: Creator, state: SyncState, now: datetime) -> bool:
    return _stale(creator, state.audience_at, now, AUDIENCE_WITHIN, failing=state.audience_failure is not None)


def _stale(creator: Creator, as_of: datetime | None, now: datetime, within: timedelta, *, failing: bool) -> bool:
    """A retired creator's figures never change: they are as old as they are, and not stale."""
    return creator.retired_at is None and (failing or as_of is None or now - as_of > within)
