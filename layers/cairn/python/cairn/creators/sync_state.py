"""How far a creator's syncs have come, and what went wrong: one item a creator, `sync#{creator}` / `state`.

Each write names only the attributes that it changes, so that the sync of transactions, the fetch of audiences, the
rollups and the platform's webhooks never lose each other's. What a sync writes has the condition that it still holds
the creator's lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, get_many, readable, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.creators import keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MAX_MESSAGE = 500
_SYNC_ERROR = ("failures", "failing_since", "not_before", "error_code", "error_message")
_AUDIENCE_ERROR = tuple(f"audience_{name}" for name in _SYNC_ERROR)
_LEASE = ("lease", "lease_until")
_UNDER_WAY = ("started_at", "backfilled_until")


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with a creator, since when, how often in a row, and when it is tried again."""

    code: str
    message: str
    since: datetime
    failures: int
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Drift:
    """What the platform's webhooks told and its list of earnings does not have.

    `waiting` ones may still come; `unconfirmed` ones did not within a day. `amount` is their gross, in whole minor
    units of the creator's currency.
    """

    waiting: int = 0
    unconfirmed: int = 0
    amount: int = 0


@dataclass(frozen=True, slots=True)
class SyncState:
    """A creator of whom nothing is stored yet has one with nothing but the id."""

    creator: str
    synced_until: datetime | None = None
    """The transactions up to here are stored: when the last sync that succeeded began."""
    synced_at: datetime | None = None
    """When the last sync that succeeded ended."""
    first_synced_at: datetime | None = None
    """When the first sync was in the sums; before, nothing of this creator is announced."""
    started_at: datetime | None = None
    """When the sync began that is under way, or that has to go on after a failure."""
    backfilled_until: datetime | None = None
    """Of that sync: what is newer than this is stored."""
    deep_on: date | None = None
    """The last day of UTC on which a sync with a long overlap succeeded."""
    flows_until: datetime | None = None
    """When the subscribers who came and went were read last."""
    lease: str | None = None
    lease_until: datetime | None = None
    failure: Failure | None = None
    audience_at: datetime | None = None
    audience_hints: str = ""
    audience_failure: Failure | None = None
    drift: Drift = Drift()

    def waits(self, now: datetime) -> bool:
        """Whether a sync has to wait after a failure."""
        return self.failure is not None and now < self.failure.not_before

    def audience_waits(self, now: datetime) -> bool:
        return self.audience_failure is not None and now < self.audience_failure.not_before


class SyncStates:
    """`table` is the creators table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, creator: str) -> SyncState:
        """The state (consistent read)."""
        item = get(self._table, _key(creator), consistent=True)
        return next(readable(to_state, [item]), SyncState(creator)) if item else SyncState(creator)

    def get_many(self, creators: Iterable[str], *, consistent: bool = False) -> dict[str, SyncState]:
        """The state of each of them."""
        wanted = list(dict.fromkeys(creators))
        items = get_many(self._table, [_key(creator) for creator in wanted], consistent=consistent)
        found = {state.creator: state for state in readable(to_state, items)}
        return {creator: found.get(creator, SyncState(creator)) for creator in wanted}

    # -- a sync of transactions

    def begin(self, creator: str, owner: str, now: datetime, lease: timedelta) -> SyncState | None:
        """Take the lease for a while; None when somebody else holds it.

        A sync that ended before it was through goes on: `started_at` and `backfilled_until` are still those of it.
        """
        free = "attribute_not_exists(lease_until) OR lease_until <= :now OR lease = :owner"
        values = {":now": to_millis(now), ":owner": owner}
        sets = {"lease": owner, "lease_until": to_millis(now + lease)}
        return self._update(creator, sets, first={"started_at": to_millis(now)}, condition=(free, values))

    def progress(
        self, creator: str, owner: str, now: datetime, lease: timedelta, *, backfilled_until: datetime
    ) -> SyncState | None:
        """Note that what is newer than `backfilled_until` is stored, and keep the lease; None when it was lost."""
        sets = {"lease_until": to_millis(now + lease), "backfilled_until": to_millis(backfilled_until)}
        return self._update(creator, sets, condition=_held(owner))

    def succeeded(
        self,
        creator: str,
        owner: str,
        *,
        at: datetime,
        until: datetime,
        deep_on: date | None = None,
        flows_until: datetime | None = None,
        drift: Drift | None = None,
    ) -> SyncState | None:
        """Everything up to `until` is stored: forget the failures, and give the lease back; None when it was lost.

        What is None stays as it is.
        """
        sets: Item = {"synced_at": to_millis(at), "synced_until": to_millis(until)}
        sets |= {"deep_on": deep_on.isoformat()} if deep_on else {}
        sets |= {"flows_until": to_millis(flows_until)} if flows_until else {}
        sets |= _drift_fields(drift) if drift else {}
        return self._update(creator, sets, remove=(*_UNDER_WAY, *_LEASE, *_SYNC_ERROR), condition=_held(owner))

    def failed(
        self, creator: str, owner: str, *, at: datetime, code: str, message: str, not_before: datetime
    ) -> SyncState | None:
        """Count a failure, and give the lease back; None when it was lost. What is stored already stays noted."""
        return self._fail("", creator, at, code, message, not_before, remove=_LEASE, condition=_held(owner))

    def release(self, creator: str, owner: str) -> SyncState | None:
        """Give the lease back, because another invocation goes on; None when it was lost."""
        return self._update(creator, {}, remove=_LEASE, condition=_held(owner))

    def first_synced(self, creator: str, at: datetime) -> None:
        """The first sync is in the sums: from now on, milestones are announced. A repeat changes nothing."""
        self._update(creator, {}, first={"first_synced_at": to_millis(at)})

    def drifted(self, creator: str, drift: Drift) -> None:
        self._update(creator, _drift_fields(drift))

    # -- a fetch of the audience

    def audience(self, creator: str, at: datetime, hints: str) -> None:
        """The counts of this instant are known; forget the failures."""
        later = ("attribute_not_exists(audience_at) OR audience_at <= :at", {":at": to_millis(at)})
        sets: Item = {"audience_at": to_millis(at), "audience_hints": hints}
        self._update(creator, sets, remove=_AUDIENCE_ERROR, condition=later)

    def audience_failed(self, creator: str, *, at: datetime, code: str, message: str, not_before: datetime) -> None:
        self._fail("audience_", creator, at, code, message, not_before)

    # -- both

    def try_again(self, creators: Iterable[str]) -> None:
        """Let the next run try these, although they failed a moment ago: somebody mended their credentials."""
        for state in self.get_many(creators, consistent=True).values():
            if state.failure or state.audience_failure:
                self._update(state.creator, {}, remove=(*_SYNC_ERROR, *_AUDIENCE_ERROR))

    def _fail(
        self,
        prefix: str,
        creator: str,
        at: datetime,
        code: str,
        message: str,
        not_before: datetime,
        *,
        remove: tuple[str, ...] = (),
        condition: tuple[str, Mapping[str, Any]] | None = None,
    ) -> SyncState | None:
        sets = {"error_code": code, "error_message": message[:MAX_MESSAGE], "not_before": to_millis(not_before)}
        return self._update(
            creator,
            {f"{prefix}{name}": value for name, value in sets.items()},
            first={f"{prefix}failing_since": to_millis(at)},
            count=f"{prefix}failures",
            remove=remove,
            condition=condition,
        )

    def _update(
        self,
        creator: str,
        sets: Mapping[str, Any],
        *,
        first: Mapping[str, Any] | None = None,
        count: str | None = None,
        remove: tuple[str, ...] = (),
        condition: tuple[str, Mapping[str, Any]] | None = None,
    ) -> SyncState | None:
        """Set attributes, those of `first` where there are none; add one to `count`. None if the condition fails."""
        assignments = [f"{name} = :{name}" for name in sets]
        assignments += [f"{name} = if_not_exists({name}, :{name})" for name in first or {}]
        parts = [f"SET {', '.join(assignments)}"] if assignments else []
        parts += [f"REMOVE {', '.join(remove)}"] if remove else []
        parts += [f"ADD {count} :one"] if count else []
        expression, needed = condition or ("", {})
        values = {f":{name}": value for name, value in {**sets, **(first or {})}.items()} | dict(needed)
        values |= {":one": 1} if count else {}
        request: dict[str, Any] = {
            "Key": _key(creator),
            "UpdateExpression": " ".join(parts),
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **({"ConditionExpression": expression} if expression else {}),
            **({"ExpressionAttributeValues": values} if values else {}),
        }
        try:
            return to_state(self._table.update_item(**request)["Attributes"])
        except ClientError as error:
            item = rejected_item(error)
            # An answer was lost, and botocore repeated the write.
            done = item and all(item.get(name) == value for name, value in sets.items()) and not item.keys() & {*remove}
            return to_state(item) if item and done else None


def to_state(item: Item) -> SyncState:
    """The state of a stored item; KeyError, TypeError, ValueError or ArithmeticError for any other item."""
    return SyncState(
        creator=item["pk"].removeprefix(keys.sync("")),
        synced_until=_instant(item, "synced_until"),
        synced_at=_instant(item, "synced_at"),
        first_synced_at=_instant(item, "first_synced_at"),
        started_at=_instant(item, "started_at"),
        backfilled_until=_instant(item, "backfilled_until"),
        deep_on=date.fromisoformat(item["deep_on"]) if "deep_on" in item else None,
        flows_until=_instant(item, "flows_until"),
        lease=item.get("lease"),
        lease_until=_instant(item, "lease_until"),
        failure=_failure(item, ""),
        audience_at=_instant(item, "audience_at"),
        audience_hints=item.get("audience_hints", ""),
        audience_failure=_failure(item, "audience_"),
        drift=Drift(*(int(item.get(f"drift_{name}", 0)) for name in ("waiting", "unconfirmed", "amount"))),
    )


def _failure(item: Item, prefix: str) -> Failure | None:
    if f"{prefix}error_code" not in item:
        return None
    return Failure(
        code=item[f"{prefix}error_code"],
        message=item[f"{prefix}error_message"],
        since=from_millis(int(item[f"{prefix}failing_since"])),
        failures=int(item[f"{prefix}failures"]),
        not_before=from_millis(int(item[f"{prefix}not_before"])),
    )


def _instant(item: Item, name: str) -> datetime | None:
    return from_millis(int(item[name])) if name in item else None


def _drift_fields(drift: Drift) -> Item:
    return {"drift_waiting": drift.waiting, "drift_unconfirmed": drift.unconfirmed, "drift_amount": drift.amount}


def _held(owner: str) -> tuple[str, Mapping[str, Any]]:
    return "lease = :owner", {":owner": owner}


def _key(creator: str) -> Item:
    return {"pk": keys.sync(creator), "sk": keys.STATE}
