"""Agencies and creators as the API shows them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime

from cairn.analytics.money import DEFAULT_CURRENCY, to_major
from cairn.creators.agencies import Listed
from cairn.creators.freshness import audience_stale, state_of, transactions_stale
from cairn.creators.model import Creator
from cairn.creators.sync_state import Failure, SyncState
from cairn.model import Reading
from cairn.readings.stats import Stats
from functions.api.creators import schemas
from functions.api.creators.dependencies import CreatorRegistry


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
    found: Sequence[Creator], registry: CreatorRegistry, stats: Stats, now: datetime, *, consistent: bool = False
) -> list[schemas.Creator]:
    """With what is known of each: three batches of reads for all of them."""
    by_id = registry.states.get_many((one.id for one in found), consistent=consistent)
    readings = stats.get_many([one.subject for one in found], consistent=consistent)
    owners = registry.with_credentials(owner for one in found for owner in (one.id, one.agency_id))
    return [_creator(one, by_id[one.id], readings.get(one.subject), _whose(one, owners), now) for one in found]


def _whose(creator: Creator, owners: Container[str]) -> schemas.Whose:
    """Whose credentials are used for a creator."""
    if creator.id in owners:
        return "own"
    return "agency" if creator.agency_id in owners else "deployment"


def _creator(
    creator: Creator, state: SyncState, reading: Reading | None, whose: schemas.Whose, now: datetime
) -> schemas.Creator:
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
        credentials=whose,
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
