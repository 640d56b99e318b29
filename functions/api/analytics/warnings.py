"""What to beware of when reading a dashboard, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cairn.analytics.dashboard import Dashboard
from cairn.creators.freshness import state_of
from cairn.creators.model import Creator
from cairn.creators.sync_state import SyncState
from functions.api.analytics import schemas

_MOST_NAMES = 5


def of_dashboard(dashboard: Dashboard, creators: Sequence[tuple[Creator, SyncState]]) -> list[schemas.Warned]:
    return [schemas.Warned(code=code, message=message) for code, message in _found(dashboard, creators)]


def _found(dashboard: Dashboard, creators: Sequence[tuple[Creator, SyncState]]) -> Iterator[tuple[str, str]]:
    if not creators:
        yield "no_creators", "There are no creators here yet, so there is nothing to add up."
    if dashboard.currency is None:
        named = ", ".join(money.currency for money in dashboard.by_currency)
        yield "mixed_currencies", f"Amounts are in {named}, and none is converted: see each by itself."
    if dashboard.pending:
        several = _several(dashboard.pending, "transaction")
        yield "net_pending", f"The platform has not yet told the net of {several}, which netRevenue lacks."
    by_state = {
        wanted: [one for one in creators if state_of(*one) == wanted] for wanted in ("never", "first", "failing")
    }
    if first := by_state["never"] + by_state["first"]:
        yield "first_sync", f"The first sync is not done: {_names(first)}. Earlier days may lack transactions."
    failing = by_state["failing"]
    for creator, state in failing[:_MOST_NAMES]:
        yield "failing", f"{creator.name} cannot be synced: {state.failure.message if state.failure else ''}"
    if more := len(failing[_MOST_NAMES:]):
        yield "failing", f"{_several(more, 'more creator')} cannot be synced."
    if drifting := [one for one in creators if one[1].drift.waiting or one[1].drift.unconfirmed]:
        waiting = sum(state.drift.waiting for _, state in drifting)
        unconfirmed = sum(state.drift.unconfirmed for _, state in drifting)
        told = f"{_several(waiting, 'payment')} of which only a webhook told are counted and not yet listed"
        yield "drift", f"{told} by the platform; {unconfirmed} never were, and are not counted: {_names(drifting)}."


def _several(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _names(creators: Sequence[tuple[Creator, SyncState]]) -> str:
    more = len(creators) - _MOST_NAMES
    return ", ".join(creator.name for creator, _ in creators[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
