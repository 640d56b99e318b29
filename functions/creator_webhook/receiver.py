"""Stores what an event tells, once, and has the creator's list read."""

from __future__ import annotations

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.creators.matching import WITHIN, matches
from cairn.creators.model import Creator, Transaction
from cairn.creators.pushes import Event, transaction_of
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from cairn.creators.transactions import Transactions
from cairn.messages import SyncCreator
from cairn.observability import MetricUnit, logger, metrics


class Receiver:
    def __init__(
        self, *, creators: Creators, states: SyncStates, transactions: Transactions, queue: Queue, clock: Clock
    ) -> None:
        self._creators = creators
        self._states = states
        self._transactions = transactions
        self._queue = queue
        self._clock = clock

    def receive(self, platform: str, event: Event, trace_id: str) -> None:
        """A repeat changes nothing, but has the list read, as the first delivery may have failed before that."""
        creator = self._creators.with_account(platform, event.creator) if event.creator else None
        if creator is None or creator.retired_at:
            # An error would have the platform send it again for hours.
            logger.info("event of somebody who is no creator here", platform=platform, event_type=event.type)
            return
        if event.payment:
            known = (platform, event.id)
            payment = transaction_of(event.payment, creator, trace_id=trace_id, silent=self._is_silent(creator))
            added = self._store(payment, known)
            metrics.add_metric("PaymentsPushed", MetricUnit.Count, int(added))
        logger.info("event of a webhook received", event_type=event.type, event_id=event.id, creator=creator.id)
        # Its instant is after the payment was stored: a sync that began before may have missed it.
        message = SyncCreator(creator.id, "webhook", "", deep=False, at=self._clock(), trace_id=trace_id)
        self._queue.send([message])

    def _is_silent(self, creator: Creator) -> bool:
        return self._states.get(creator.id).first_synced_at is None

    def _store(self, payment: Transaction, event: tuple[str, str]) -> bool:
        """Add the payment, unless the platform's list has had its row already; then note on that row that it was told.

        When a sync or a repeat of the event was faster, this changes nothing: the next sync brings both together.
        """
        near = self._transactions.span(payment.creator, payment.at - WITHIN, payment.at + WITHIN)
        rows = [row for row in near if (row.origin, row.status) == ("pull", "counted") and not row.push]
        for _, row in matches([payment], rows):
            return self._transactions.confirm_row(row, payment, event)
        return self._transactions.add_payment(payment, event)
