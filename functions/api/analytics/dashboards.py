"""A dashboard of some creators: their figures, the range before, how old each part is, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cairn.analytics.dashboard import Dashboard, build
from cairn.analytics.ranges import MAX_BUCKETS, Interval, Range, buckets, previous
from cairn.creators.analytics import Analytics, CreatorRead, Wanted
from cairn.creators.model import Creator
from cairn.creators.sync_state import SyncState, SyncStates
from cairn.rules import Rule
from functions.api.analytics import freshness, schemas, warnings
from functions.api.analytics import responses as shown

_DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Found:
    """Dashboards of a range and of the one before, and how far each creator's syncs have come."""

    current: Dashboard
    before: Dashboard | None
    creators: Sequence[CreatorRead]
    states: Mapping[str, SyncState]
    now: datetime

    def shown(self, time_range: str | None, rules: Mapping[str, Rule]) -> schemas.Dashboard:
        """`rules` have the words for milestones."""
        creators = [freshness.of_creator(one.creator, self.states[one.creator.id], self.now) for one in self.creators]
        active = [one for one in creators if one.state != "retired"]
        transactions = freshness.oldest([one.transactions for one in active])
        audience = freshness.oldest([one.audience for one in active])
        reached = [(one.creator, milestone) for one in self.creators for milestone in one.milestones]
        current = self.current
        return schemas.Dashboard(
            chart_data=[shown.point(point, current.currency) for point in current.points],
            kpi_metrics=shown.kpis(current),
            formulas=shown.formulas(current),
            category_breakdown=shown.breakdown(current.categories),
            currency=current.currency,
            by_currency=shown.by_currency(current.by_currency),
            range=shown.range_of(current, time_range),
            previous=shown.previous(current, self.before) if self.before else None,
            as_of=schemas.AsOf(transactions=transactions.as_of, audience=audience.as_of),
            stale=schemas.Stale(transactions=transactions.stale, audience=audience.stale),
            creators=creators,
            milestones=shown.milestones(reached, rules, current.range.zone),
            warnings=warnings.of_dashboard(
                current, [(one.creator, self.states[one.creator.id]) for one in self.creators]
            ),
        )


def read(
    analytics: Analytics,
    states: SyncStates,
    creators: Sequence[Creator],
    range_: Range,
    interval: Interval | None,
    now: datetime,
    *,
    compare: bool,
) -> Found:
    """BadInputError when the range has too many buckets of this interval."""
    interval = interval or _finest(range_)
    before = previous(range_, interval, now) if compare else None
    wanted = Wanted.of(buckets(range_, interval, now), buckets(before, interval, now) if before else [], now)
    found = analytics.of(creators, wanted)
    data = [one.data for one in found]
    return Found(
        current=build(data, range_, interval, now),
        before=build(data, before, interval, now) if before else None,
        creators=found,
        states=states.get_many([creator.id for creator in creators]),
        now=now,
    )


def _finest(range_: Range) -> Interval:
    """The finest interval that has few enough buckets."""
    if range_.days <= MAX_BUCKETS:
        return "day"
    return "week" if range_.days <= MAX_BUCKETS * _DAYS_OF_A_WEEK else "month"
