"""Compares sums with the rows that they are of: the last five weeks each night, and a seventh of all that is older.

| pk | sk | attributes |
|---|---|---|
| `checks` | creator | `checked_on`: the day of UTC on which the creator was checked last |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from cairn.aws.dynamodb import get
from cairn.clock import Clock
from cairn.creators import keys
from cairn.creators.model import Creator
from cairn.creators.revenue import Revenue
from cairn.creators.rollups import DaySums, Rollups
from cairn.creators.transactions import Transactions
from cairn.model import new_trace_id
from cairn.observability import MetricUnit, logger, metrics

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RECENT = timedelta(days=35)
NIGHTS = 7
"""In so many nights every day is compared."""
SETTLED = timedelta(minutes=15)
"""A day that changed later may be on its way through the stream."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Checked:
    """How many creators and days were compared, and how many sums were wrong; `finished` unless the time was up."""

    creators: int
    days: int
    differences: int
    finished: bool


class Check:
    def __init__(
        self, *, table: Table, rollups: Rollups, revenue: Revenue, transactions: Transactions, clock: Clock
    ) -> None:
        self._table = table
        self._rollups = rollups
        self._revenue = revenue
        self._transactions = transactions
        self._clock = clock

    def run(self, creators: Iterable[Creator], seconds_left: Callable[[], float], *, again: bool) -> Checked:
        """Check each creator once a day, or, with `again`, whatever was checked today. What is wrong is made right."""
        today = self._clock().astimezone(UTC).date()
        done = days = differences = 0
        finished = True
        for creator in creators:
            if not again and self._checked_on(creator) == today.isoformat():
                continue
            if seconds_left() <= 0:
                finished = False
                break
            compared, wrong = self._creator(creator, today)
            done, days, differences = done + 1, days + compared, differences + wrong
            self._table.put_item(Item={"pk": keys.CHECKS, "sk": creator.id, "checked_on": today.isoformat()})
        metrics.add_metric("RollupDifferences", MetricUnit.Count, differences)
        logger.info("rollups checked", creators=done, days=days, differences=differences, finished=finished)
        return Checked(done, days, differences, finished)

    def _creator(self, creator: Creator, today: date) -> tuple[int, int]:
        """How many days were compared, and how many sums differed."""
        first = self._transactions.first(creator.id)
        if first is None:
            return 0, 0
        began = first.at.astimezone(UTC).date()
        recent = max(began, today - RECENT)
        months = sorted({f"{day:%Y-%m}" for day in _days(began, today)})
        broken = [month for month in months if not self._rollups.is_month_of_its_days(creator.id, month)]
        # A month that is not the sum of its days may lack one of them.
        older = sorted({*_older(began, recent, today), *_days_of(broken, began, recent - _DAY)})
        compared = 0
        changed: list[date] = []
        for since, until in ((recent, today), *((day, day) for day in older)):
            compared += (until - since).days + 1
            changed += self._mended(creator, since, until)
        mended = {f"{day:%Y-%m}" for day in changed}
        rolled = [month for month in sorted({*broken, *mended}) if self._rollups.roll_up_month(creator.id, month)]
        alone = [month for month in rolled if month not in mended]
        for month in alone:
            logger.error("sums of a month differed from its days", creator=creator.id, month=month)
        if changed or rolled:
            rows = (row for day in changed for row in self._transactions.span(creator.id, *_bounds(day)))
            silent = all(row.silent for row in rows if row.status == "counted")
            self._revenue.store(creator, silent=silent, trace_id=new_trace_id())
        return compared, len(changed) + len(alone)

    def _mended(self, creator: Creator, since: date, until: date) -> list[date]:
        """The days, both ends included, whose sums were wrong, and have been made again."""
        rows = self._rollups.days_from_rows(creator.id, since, until)
        stored = self._rollups.stored_days(creator.id, since, until)
        nothing = DaySums.none()
        wrong = [day for day in sorted({*rows, *stored}) if rows.get(day, nothing) != stored.get(day, nothing)]
        settled = [day for day in wrong if self._is_settled(creator, day)]
        for day in settled:
            logger.error("sums of a day differed from its rows", creator=creator.id, day=day.isoformat())
            self._rollups.forget_digest(creator.id, day)
            self._rollups.roll_up_day(creator.id, day)
            for row in self._transactions.span(creator.id, *_bounds(day)):
                self._rollups.note_payer(row)
        return settled

    def _is_settled(self, creator: Creator, day: date) -> bool:
        changed = self._transactions.changed_at(creator.id, *_bounds(day))
        return changed is None or self._clock() - changed > SETTLED

    def _checked_on(self, creator: Creator) -> str | None:
        item = get(self._table, {"pk": keys.CHECKS, "sk": creator.id}, consistent=True)
        return str(item["checked_on"]) if item else None


def _older(began: date, recent: date, today: date) -> Iterator[date]:
    """Those of this night, before the recent ones."""
    return (day for day in _days(began, recent - _DAY) if day.toordinal() % NIGHTS == today.toordinal() % NIGHTS)


def _days_of(months: Collection[str], first: date, last: date) -> Iterator[date]:
    return (day for day in _days(first, last) if f"{day:%Y-%m}" in months)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + number * _DAY for number in range((last - first).days + 1))


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + _DAY
