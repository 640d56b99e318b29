"""How old the figures of a dashboard are: of each creator, and of all together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cairn.creators.freshness import audience_stale, state_of, transactions_stale
from cairn.creators.model import Creator
from cairn.creators.sync_state import SyncState
from functions.api.analytics import schemas


def of_creator(creator: Creator, state: SyncState, now: datetime) -> schemas.CreatorShown:
    return schemas.CreatorShown(
        id=creator.id,
        name=creator.name,
        agency_id=creator.agency_id,
        transactions=schemas.Freshness(as_of=state.synced_until, stale=transactions_stale(creator, state, now)),
        audience=schemas.Freshness(as_of=state.audience_at, stale=audience_stale(creator, state, now)),
        state=state_of(creator, state),
    )


def oldest(shown: Sequence[schemas.Freshness]) -> schemas.Freshness:
    """Of all creators together: unknown if one's is, and stale if one's is; of nobody, unknown and not stale."""
    known = [one.as_of for one in shown if one.as_of]
    return schemas.Freshness(
        as_of=min(known) if known and len(known) == len(shown) else None, stale=any(one.stale for one in shown)
    )
