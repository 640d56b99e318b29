"""Brings one creator's transactions: what the platform lists of a span of time becomes what is stored of it.

A platform's pages shift while they are read, so no position in its list is kept. Each answer is all there is of a span
(`cairn.creators.platforms.Rows`), the newest first, and how far it came is stored after each. A crash at any call
leaves rows that the next sync finds as they are.

Only who has the creator's lease syncs, and the lease lasts longer than an invocation does: nobody writes with an answer
that is older than another one's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cairn.clock import Clock, now
from cairn.creators import window
from cairn.creators.flows import Flows
from cairn.creators.model import Creator, Transaction, transactions
from cairn.creators.platforms import CreatorPlatform, Rows
from cairn.creators.reconciling import Plan, plan
from cairn.creators.sync_state import Drift, SyncState, SyncStates
from cairn.creators.transactions import Transactions
from cairn.errors import CairnError, ContentionError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.observability import MetricUnit, logger, metrics

LEASE = timedelta(seconds=150)
"""Longer than an invocation of sync_transactions may take (infra/creators.py), and than clocks may differ besides."""
FLOWS_AGE = timedelta(hours=1)
FLOWS_OVERLAP = timedelta(days=3)
UNCONFIRMED_AFTER = timedelta(hours=24)
FRESH = timedelta(minutes=1)
"""A sync that began longer ago is followed by another one at once."""
LONGEST_BACKOFF = timedelta(hours=1)
_FIRST_BACKOFF = timedelta(minutes=1)
_PLANS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sync: `until` says when an unfinished one goes on, or a busy one may be tried."""

    result: Literal["done", "failed", "unfinished", "busy"]
    until: datetime | None = None
    code: str = ""
    message: str = ""


class _LeaseLostError(Exception):
    pass


class Syncing:
    def __init__(
        self,
        *,
        transactions: Transactions,
        flows: Flows,
        states: SyncStates,
        history: timedelta,
        clock: Clock = now,
    ) -> None:
        self._transactions = transactions
        self._flows = flows
        self._states = states
        self._history = history
        self._clock = clock

    def sync(
        self,
        creator: Creator,
        platform: Callable[[], CreatorPlatform],
        *,
        owner: str,
        trace_id: str,
        deep: bool,
        seconds_left: Callable[[], float],
    ) -> Outcome:
        """Bring a creator's transactions up to now. An error of the platform is stored, not raised.

        `owner` is of this invocation alone; `deep` compares the last week, too. Any other error gives the lease back
        and is raised.
        """
        while True:
            state = self._states.begin(creator.id, owner, self._clock(), LEASE)
            if state is None:
                lease_until = self._states.get(creator.id).lease_until
                return Outcome("busy", lease_until or self._clock())
            try:
                outcome = self._pass(creator, platform(), state, owner, trace_id, deep, seconds_left)
            except _LeaseLostError:
                logger.warning("another sync of the creator took over")
                return Outcome("busy", self._clock())
            except CairnError as error:
                return self._failed(creator, owner, error)
            except BaseException:
                self._states.release(creator.id, owner)
                raise
            assert state.started_at
            if outcome.result != "done" or self._clock() - state.started_at <= FRESH:
                return outcome

    def _pass(
        self,
        creator: Creator,
        platform: CreatorPlatform,
        state: SyncState,
        owner: str,
        trace_id: str,
        deep: bool,
        seconds_left: Callable[[], float],
    ) -> Outcome:
        """From the newest row down to the window's beginning; or on from where an earlier invocation stopped."""
        assert state.started_at
        since = window.since(state, self._history, deep=deep)
        until = state.backfilled_until or state.started_at
        payments = self._transactions.open_payments(creator.id)
        silent = state.first_synced_at is None
        while until > since:
            if seconds_left() <= 0:
                self._states.release(creator.id, owner)
                return Outcome("unfinished", self._clock())
            try:
                rows = _checked(platform.rows(since, until), since, until, creator.platform)
            except PlatformPausedError as error:
                if until == (state.backfilled_until or state.started_at):
                    raise
                self._states.release(creator.id, owner)
                return Outcome("unfinished", error.until)
            payments = self._reconcile(creator, rows, payments, trace_id, silent=silent)
            until = rows.since
            if until > since and not self._states.progress(
                creator.id, owner, self._clock(), LEASE, backfilled_until=until
            ):
                raise _LeaseLostError
        flows_until = self._read_flows(creator, platform, state)
        drift = self._drift(creator, state.started_at)
        if silent:
            self._transactions.end_first_sync(creator.id, trace_id)
        at = self._clock()
        if not self._states.succeeded(
            creator.id,
            owner,
            at=at,
            until=state.started_at,
            deep_on=state.started_at.astimezone(UTC).date(),
            flows_until=flows_until,
            drift=drift,
        ):
            raise _LeaseLostError
        metrics.add_metric("CreatorsSynced", MetricUnit.Count, 1)
        logger.info("creator synced", since=since.isoformat(), until=state.started_at.isoformat(), silent=silent)
        return Outcome("done")

    def _reconcile(
        self, creator: Creator, rows: Rows, payments: Sequence[Transaction], trace_id: str, *, silent: bool
    ) -> list[Transaction]:
        """Store what an answer says; returns the payments that still wait for their row.

        A webhook that writes at the same time makes a condition fail: then all is read again.
        """
        listed = list(transactions(creator, rows.earnings, trace_id=trace_id, silent=silent))
        for _ in range(_PLANS):
            stored = list(self._transactions.span(creator.id, rows.since, rows.until))
            found = plan(listed, stored, payments)
            if self._write(found):
                _count(found, len(listed), len(stored))
                linked = {link.payment.key for link in found.links}
                return [payment for payment in payments if payment.key not in linked]
            payments = self._transactions.open_payments(creator.id)
        raise ContentionError(f"too many concurrent changes of creator {creator.id}; try again")

    def _write(self, found: Plan) -> bool:
        """False when something was no longer as it was read."""
        # What no longer counts goes first: a sum that is too high for a moment could announce a milestone.
        written = [self._transactions.mark(row, "gone") for row in found.gone]
        written += [self._transactions.change(old, new) for old, new in found.changed]
        written += [self._transactions.link(link) for link in found.links]
        written += [self._transactions.put(row) for row in found.put]
        written += [self._transactions.mark(row, "counted") for row in found.back]
        return all(written)

    def _read_flows(self, creator: Creator, platform: CreatorPlatform, state: SyncState) -> datetime | None:
        """When they were read, or None where they were not. They are no reason for a sync to fail."""
        at = self._clock()
        if state.flows_until and at - state.flows_until < FLOWS_AGE:
            return None
        since = state.flows_until - FLOWS_OVERLAP if state.flows_until else at - self._history
        try:
            flows = platform.flows(since.astimezone(UTC).date(), at.astimezone(UTC).date())
        except CairnError as error:
            logger.warning("subscribers who came and went are not known", reason=error.message)
            return None
        self._flows.store(creator.id, flows)
        return at

    def _drift(self, creator: Creator, synced_until: datetime) -> Drift:
        """Payments that wait for their row. After a day of syncs without it they no longer count."""
        waiting = unconfirmed = amount = 0
        for payment in self._transactions.open_payments(creator.id):
            late = payment.at + UNCONFIRMED_AFTER <= synced_until
            if payment.status == "counted" and late:
                if not self._transactions.give_up(payment):
                    continue
                logger.warning("the platform does not list a payment of its webhook", push=payment.push)
            waiting += not late
            unconfirmed += late
            amount += payment.gross
        return Drift(waiting, unconfirmed, amount)

    def _failed(self, creator: Creator, owner: str, error: CairnError) -> Outcome:
        at, code = self._clock(), code_of(error)
        stored = self._states.get(creator.id).failure
        if isinstance(error, PlatformPausedError):
            not_before = error.until
        else:
            failures = stored.failures if stored else 0
            not_before = at + min(LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(failures, 10))
        self._states.failed(creator.id, owner, at=at, code=code, message=error.message, not_before=not_before)
        metrics.add_metric("SyncsFailed", MetricUnit.Count, 1)
        logger.warning("creator not synced", code=code, reason=error.message, retry_at=not_before.isoformat())
        return Outcome("failed", not_before, code, error.message)


def code_of(error: CairnError) -> str:
    """What a failure is called in the API: `reconnect` needs a person, the others pass."""
    if isinstance(error, KeyRejectedError):
        return "reconnect"
    return "paused" if isinstance(error, PlatformPausedError) else "unavailable"


def _checked(rows: Rows, since: datetime, until: datetime, platform: str) -> Rows:
    """An answer that is of another span would have rows marked that are there. PlatformUnavailableError."""
    fits = since <= rows.since < rows.until == until
    if not fits or any(not rows.since <= earning.at < until for earning in rows.earnings):
        raise PlatformUnavailableError(platform, "its answer is of another span of time")
    return rows


def _count(found: Plan, listed: int, stored: int) -> None:
    if found.gone:
        metrics.add_metric("RowsVanished", MetricUnit.Count, len(found.gone))
    if found.changes:
        logger.info(
            "transactions stored",
            new=len(found.put),
            linked=len(found.links),
            changed=len(found.changed),
            gone=len(found.gone),
            back=len(found.back),
            listed=listed,
            stored_before=stored,
        )
