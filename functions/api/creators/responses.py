"""Agencies and creators as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cairn.analytics.money import DEFAULT_CURRENCY, to_major
from cairn.creators.agencies import Listed
from cairn.creators.freshness import audience_stale, state_of, transactions_stale
from cairn.creators.model import Creator
from cairn.creators.sync_state import Failure, SyncState, SyncStates
from cairn.model import Reading
from cairn.readings.stats import Stats
from functions.api.creators import schemas


def agency(listed: Listed) -> schemas.Agency:
    found = listed.agency
    return schemas.Agency(
        id=found.id,
        name=found.name,
        created_at=found.created_at,
        retired_at=found.retired_at,
        creators=listed.creators,
    )


def creators(
    found: Sequence[Creator], states: SyncStates, stats: Stats, now: datetime, *, consistent: bool = False
) -> list[schemas.Creator]:
    """With what is known of each: two batches of reads for all of them."""
    by_id = states.get_many((one.id for one in found), consistent=consistent)
    readings = stats.get_many([one.subject for one in found], consistent=consistent)
    return [_creator(one, by_id[one.id], readings.get(one.subject), now) for one in found]


def _creator(creator: Creator, state: SyncState, reading: Reading | None, now: datetime) -> schemas.Creator:
    metrics = reading.metrics if reading else {}
    currency = str(reading.details["currency"]) if reading and "currency" in reading.details else None
    counts = {name: int(metrics[name]) if name in metrics else None for name in _COUNTS}
    return schemas.Creator(
        id=creator.id,
        agency_id=creator.agency_id,
        name=creator.name,
        platform=creator.platform,
        external_id=creator.external_id,
        currency=creator.currency,
        time_zone=creator.time_zone,
        added_at=creator.added_at,
        retired_at=creator.retired_at,
        sync=schemas.SyncStatus(
            as_of=state.synced_until,
            stale=transactions_stale(creator, state, now),
            first_synced_at=state.first_synced_at,
            state=state_of(creator, state),
            error=_error(state.failure),
            drift=schemas.Drift(
                waiting=state.drift.waiting,
                unconfirmed=state.drift.unconfirmed,
                amount=to_major(state.drift.amount, creator.currency or DEFAULT_CURRENCY),
            ),
        ),
        audience=schemas.AudienceStatus(
            as_of=state.audience_at,
            stale=audience_stale(creator, state, now),
            error=_error(state.audience_failure),
            **counts,
        ),
        revenue=metrics.get("revenue"),
        revenue_currency=currency,
    )


_COUNTS = ("subscribers", "followers", "messages", "posts")


def _error(failure: Failure | None) -> schemas.PartError | None:
    if failure is None:
        return None
    return schemas.PartError(
        code=failure.code, message=failure.message, since=failure.since, retry_at=failure.not_before
    )
