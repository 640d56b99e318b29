"""What a dashboard needs of creators: their sums by day, payers, flows and audiences, read side by side.

It reads what rollups have prepared, so the reads grow with the days shown and not with the transactions; payers alone
grow with those who paid. All reads are eventually consistent: a dashboard asks again soon.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from boto3.dynamodb.conditions import Key

from cairn.analytics.dashboard import AUDIENCE, CreatorData
from cairn.analytics.ranges import Bucket, quarters_needed, utc_days
from cairn.analytics.sums import Sums, from_text, midnight, quarters_from_text
from cairn.aws.dynamodb import Item, get_many, query, query_all, readable
from cairn.clock import from_millis, to_millis
from cairn.codec import from_json
from cairn.creators import keys
from cairn.creators.model import Creator
from cairn.model import Milestone, Number, Reading
from cairn.readings.history import History
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

T = TypeVar("T")
R = TypeVar("R")
LANES = 8
"""Reads under way at a time; each mostly waits for DynamoDB. botocore keeps ten connections."""
MOST_MILESTONES = 100
BY_FIRST_PAYMENT = "by_first_payment"
"""Only the items `payer#…` have `first_at`, so only they are in this index."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one or two ranges need: days of UTC, those of them that a bucket cuts, and days of the ranges' zone."""

    utc: tuple[date, date]
    cut: Collection[date]
    local: tuple[date, date]
    milestones: tuple[datetime, datetime]

    @classmethod
    def of(cls, shown: Sequence[Bucket], compared: Sequence[Bucket], now: datetime) -> Wanted:
        """For the buckets that are shown, and those that they are compared with, which may be none."""
        ranges = [one for one in (shown, compared) if one]
        firsts, lasts = zip(*map(utc_days, ranges), strict=True)
        return cls(
            utc=(min(firsts), max(lasts)),
            cut=frozenset().union(*map(quarters_needed, ranges)),
            local=(min(one[0].first for one in ranges), max(one[-1].last for one in ranges)),
            milestones=(shown[0].start, min(shown[-1].end, now)),
        )


@dataclass(frozen=True, slots=True)
class CreatorRead:
    """What was read of a creator."""

    creator: Creator
    data: CreatorData
    reading: Reading | None
    milestones: Sequence[Milestone]


class Analytics:
    """Of many creators; `lanes` is how many reads are under way at a time."""

    def __init__(
        self, *, table: Table, stats: Stats, history: History, milestones: Milestones, lanes: int = LANES
    ) -> None:
        self._table = table
        self._stats = stats
        self._history = history
        self._milestones = milestones
        self._lanes = lanes

    def first_day(self, creators: Sequence[Creator], zone: str) -> date | None:
        """The first day of a zone on which any of them has a transaction."""

        def of_one(creator: Creator) -> datetime | None:
            where = Key("pk").eq(keys.transactions(creator.id)) & Key("sk").lt(keys.FIRST_SYNC)
            items = query(self._table, where, Limit=1)["Items"]
            return from_millis(int(items[0]["at"])) if items else None

        first = min(filter(None, self._in_lanes(of_one, creators)), default=None)
        return first.astimezone(ZoneInfo(zone)).date() if first else None

    def of(self, creators: Sequence[Creator], wanted: Wanted) -> list[CreatorRead]:
        """Each creator's figures."""
        readings = self._stats.get_many([creator.subject for creator in creators])
        parts: tuple[Callable[[Creator, Wanted], Any], ...] = (
            self._sums,
            self._quarters,
            self._payers,
            self._first_paid,
            self._flows,
            self._audience,
            self._reached,
        )
        jobs = [(part, creator) for creator in creators for part in parts]
        found = iter(self._in_lanes(lambda job: job[0](job[1], wanted), jobs))
        return [
            self._put_together(creator, readings.get(creator.subject), *(next(found) for _ in parts))
            for creator in creators
        ]

    def _put_together(
        self,
        creator: Creator,
        reading: Reading | None,
        days: Mapping[date, Sums],
        quarters: Mapping[date, Mapping[int, Sums]],
        payers: Mapping[date, Mapping[str, Sequence[int]]],
        first_paid: Mapping[str, datetime],
        flows: Mapping[date, tuple[int, int]],
        audience: Mapping[date, Mapping[str, int]],
        reached: Sequence[Milestone],
    ) -> CreatorRead:
        data = CreatorData(
            id=creator.id,
            currency=creator.currency,
            days=days,
            quarters=quarters,
            payers=payers,
            first_paid=first_paid,
            audience=audience,
            now=_counts(reading.metrics) if reading and not creator.retired_at else {},
            flows=flows,
        )
        return CreatorRead(creator, data, reading, reached)

    def _sums(self, creator: Creator, wanted: Wanted) -> Mapping[date, Sums]:
        items = self._of_days(keys.day(creator.id), *wanted.utc)
        return dict(readable(lambda item: (_day(item), from_text(item["sums"])), items))

    def _quarters(self, creator: Creator, wanted: Wanted) -> Mapping[date, Mapping[int, Sums]]:
        """Of the days that are cut: one by one if they are few, else with those between them."""
        partition, cut = keys.quarters(creator.id), sorted(wanted.cut)
        if not cut:
            return {}
        if 2 * len(cut) > (cut[-1] - cut[0]).days:
            items = self._of_days(partition, cut[0], cut[-1])
        else:
            items = get_many(self._table, [{"pk": partition, "sk": keys.of_day(day)} for day in cut])
        return dict(readable(lambda item: (_day(item), quarters_from_text(item["sums"])), items))

    def _payers(self, creator: Creator, wanted: Wanted) -> Mapping[date, Mapping[str, Sequence[int]]]:
        items = self._of_days(keys.payers(creator.id), *wanted.utc)
        return dict(readable(lambda item: (_day(item), from_json(item["payers"])), items))

    def _first_paid(self, creator: Creator, wanted: Wanted) -> Mapping[str, datetime]:
        """Who paid for the first time on one of these days: the others need not be read."""
        since, until = midnight(wanted.utc[0]), midnight(wanted.utc[1] + DAY)
        where = Key("pk").eq(keys.payer(creator.id)) & Key("first_at").between(to_millis(since), to_millis(until) - 1)
        items = query_all(self._table, where, IndexName=BY_FIRST_PAYMENT)
        return dict(readable(lambda item: (item["sk"], from_millis(int(item["first_at"]))), items))

    def _flows(self, creator: Creator, wanted: Wanted) -> Mapping[date, tuple[int, int]]:
        items = self._of_days(keys.flow(creator.id), *wanted.utc)
        return dict(readable(lambda item: (_day(item), (int(item["new"]), int(item["ended"]))), items))

    def _audience(self, creator: Creator, wanted: Wanted) -> Mapping[date, Mapping[str, int]]:
        """What each day ended with, from the day before the first on: that one says with what the range began.

        From the day on which a creator was retired nobody is their audience any more.
        """
        first, last = wanted.local[0] - DAY, wanted.local[1]
        found = {day: _counts(point.metrics) for day, point in self._history.days(creator.subject, first, last).items()}
        if first not in found and (before := self._history.before(creator.subject, first)):
            found[first] = _counts(before.metrics)
        if creator.retired_at:
            retired = creator.retired_at.date()
            found = {day: counts for day, counts in found.items() if day < retired}
            if found:
                found[max(retired, first)] = dict.fromkeys(AUDIENCE, 0)
        return found

    def _reached(self, creator: Creator, wanted: Wanted) -> Sequence[Milestone]:
        page = self._milestones.page(creator.subject, *wanted.milestones, MOST_MILESTONES, None)
        return [milestone for milestone, _ in page.items if milestone.reverted is None]

    def _of_days(self, partition: str, first: date, last: date) -> Iterable[Item]:
        return query_all(
            self._table, Key("pk").eq(partition) & Key("sk").between(keys.of_day(first), keys.of_day(last))
        )

    def _in_lanes(self, apply: Callable[[T], R], items: Sequence[T]) -> Sequence[R]:
        with ThreadPoolExecutor(self._lanes) as pool:
            return list(pool.map(apply, items))


def _day(item: Item) -> date:
    return date.fromisoformat(item["sk"])


def _counts(metrics: Mapping[str, Number]) -> dict[str, int]:
    return {name: int(metrics[name]) for name in AUDIENCE if name in metrics}
