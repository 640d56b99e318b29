"""How far back a sync reads: what is older than the last one changes, too. Pure.

A row may be listed late, be changed, or vanish. Each sync looks at the last hour again, the first one of each day of
UTC at the last week, and the first one of each month at the last five weeks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cairn.creators.sync_state import SyncState

OVERLAP = timedelta(hours=1)
OF_A_DAY = timedelta(days=7)
OF_A_MONTH = timedelta(days=35)


def since(state: SyncState, history: timedelta, *, deep: bool) -> datetime:
    """A whole second. It depends on nothing that changes before the sync that `state` is of succeeds."""
    began = state.started_at
    if began is None:
        raise ValueError("the sync has not begun")
    if state.synced_until is None:
        return _whole(began - history)
    back = [state.synced_until - OVERLAP]
    today, last = began.astimezone(UTC).date(), state.deep_on
    if deep or last is None or last < today:
        back.append(began - OF_A_DAY)
    if last is None or (last.year, last.month) != (today.year, today.month):
        back.append(began - OF_A_MONTH)
    return _whole(min(back))


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
