"""What a batch of changed transactions leads to: the sums of their days and months, who paid first, and the revenue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from cairn.aws.dynamodb import from_image, parsed
from cairn.clock import Clock
from cairn.creators import keys
from cairn.creators.model import Creator, Transaction
from cairn.creators.registry import Creators
from cairn.creators.revenue import Revenue
from cairn.creators.rollups import Rollups
from cairn.creators.sync_state import SyncStates
from cairn.creators.transactions import to_transaction
from cairn.observability import MetricUnit, logger, metrics


@dataclass(frozen=True, slots=True)
class Changed:
    """A record of the stream: a transaction that is new or has another status, or the end of the first sync."""

    creator: str
    trace_id: str
    row: Transaction | None
    """None for the end of the first sync."""


def changed(record: dict[str, Any]) -> Changed:
    """UnreadableItemError for a record of another shape."""
    item = from_image(record["dynamodb"]["NewImage"])
    if item.get("sk") == keys.FIRST_SYNC:
        return Changed(str(item["pk"]).partition("#")[2], str(item["trace_id"]), None)
    row = parsed(to_transaction, item)
    return Changed(row.creator, row.trace_id, row)


class Batch:
    def __init__(
        self, *, rollups: Rollups, revenue: Revenue, creators: Creators, states: SyncStates, clock: Clock
    ) -> None:
        self._rollups = rollups
        self._revenue = revenue
        self._creators = creators
        self._states = states
        self._clock = clock

    def finish(self, changes: Sequence[Changed]) -> None:
        """Each step may be repeated: the sums are made from the rows, and what is stored already is not written."""
        for creator_id in dict.fromkeys(change.creator for change in changes):
            own = [change for change in changes if change.creator == creator_id]
            creator = self._creators.get(creator_id)
            if creator is None:
                logger.error("transactions of an unknown creator are not summed", creator=creator_id)
                continue
            self._roll_up(creator, own)

    def _roll_up(self, creator: Creator, changes: Sequence[Changed]) -> None:
        rows = [change.row for change in changes if change.row]
        live = {_day(row) for row in rows if not row.silent}
        trace_id = changes[-1].trace_id
        with logger.append_context_keys(trace_id=trace_id, subject=str(creator.subject)):
            # What is from before Cairn comes first, so that it leads to no announcement with what is not.
            self._sum({_day(row) for row in rows} - live, creator, trace_id, silent=True)
            self._sum(live, creator, trace_id, silent=False)
            for row in rows:
                self._rollups.note_payer(row)
            if any(change.row is None for change in changes):
                self._revenue.store(creator, silent=True, trace_id=trace_id)
                self._states.first_synced(creator.id, self._clock())
                logger.info("first sync complete: from now on milestones are announced")

    def _sum(self, days: Iterable[date], creator: Creator, trace_id: str, *, silent: bool) -> None:
        days = sorted(days)
        if not days:
            return
        written = sum(self._rollups.roll_up_day(creator.id, day) for day in days)
        for month in sorted({f"{day:%Y-%m}" for day in days}):
            self._rollups.roll_up_month(creator.id, month)
        self._revenue.store(creator, silent=silent, trace_id=trace_id)
        metrics.add_metric("DaysRolledUp", MetricUnit.Count, written)
        logger.info("transactions rolled up", days=len(days), written=written)


def _day(row: Transaction) -> date:
    return row.at.astimezone(UTC).date()
