"""A user's days in the history table: each is written when it is over, and again when a late event mends it.

| pk | sk | holds |
|---|---|---|
| `user:{id}` | `day#{local date}` | `metrics`: what was counted; `toward_goal`, `goal`, `met`; `imported`; `frozen` |

`as_of` is that of the reading which said what was counted, `imported` is written by an import, and `frozen` says that a
freeze covered the day.

A day that is open has complete counts in the stats item, so each write replaces the one before, and `as_of` orders
them. Nothing is written of today, and no single readings: a user is a row of days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, query_all, readable, rejected_item
from cairn.clock import to_millis
from cairn.habits.calendar import DAY
from cairn.habits.model import Day, Habits, from_text
from cairn.model import Reading, Subject
from cairn.usage.reading import is_erased

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MENDED_WITHIN = timedelta(days=7)
"""How far back a freeze is written again, in case the record that brought it was lost."""

_METRICS = {"#metrics": "metrics"}
"""It is a reserved word: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html"""


@dataclass(frozen=True, slots=True)
class UsageDay:
    """What is known of a local day; `counts` by metric are Cairn's own, `imported` another system's."""

    day: date
    counts: Mapping[str, int] = field(default_factory=dict)
    imported: Mapping[str, int] = field(default_factory=dict)
    toward_goal: int = 0
    goal: int | None = None
    met: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The days that a change of a stored reading says are over, and the missed days that a freeze covered."""

    days: Mapping[date, Day]
    frozen: tuple[date, ...] = ()


def closed(old: Reading | None, new: Reading) -> Closed:
    """What a record of the stream adds to the history.

    Days that are over and were changed; and, when a day or the settled days have moved on, all that are over and still
    open, so that the next such record writes what a lost one should have written.
    """
    if is_erased(new) or not new.state:
        return Closed({})
    after = from_text(new.state)
    before = from_text(old.state) if old and old.state else None
    today = after.zones.day(new.as_of)
    known = {**(before.days if before else {}), **after.days}
    over = {day: one for day, one in known.items() if day < today}
    if before and old and before.zones.day(old.as_of) >= today and before.settled == after.settled:
        return Closed({day: one for day, one in over.items() if before.days.get(day) != one})
    return Closed(over, tuple(day for day in after.frozen if day > after.settled - MENDED_WITHIN))


class Days:
    """`table` is the history table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def record(self, old: Reading | None, new: Reading) -> None:
        """Write what a record of the stats table's stream says of days that are over. A repeat changes nothing."""
        found = closed(old, new)
        for day, one in sorted(found.days.items()):
            self._write(new.subject, day, one, new.as_of)
        for day in found.frozen:
            self._freeze(new.subject, day)

    def _write(self, subject: Subject, day: date, one: Day, as_of: datetime) -> None:
        try:
            self._table.update_item(
                Key=day_key(subject, day),
                UpdateExpression="SET #metrics = :counts, toward_goal = :toward_goal, goal = :goal, met = :met, "
                "as_of = :as_of",
                ConditionExpression="attribute_not_exists(as_of) OR as_of <= :as_of",
                ExpressionAttributeNames=_METRICS,
                ExpressionAttributeValues={
                    ":counts": {metric: count for metric, count in one.counts.items() if count},
                    ":toward_goal": one.toward_goal,
                    ":goal": one.goal,
                    ":met": one.met,
                    ":as_of": to_millis(as_of),
                },
            )
        except ClientError as error:
            rejected_item(error)

    def _freeze(self, subject: Subject, day: date) -> None:
        """That a freeze covered a day never changes any more."""
        self._table.update_item(
            Key=day_key(subject, day),
            UpdateExpression="SET frozen = :true, #metrics = if_not_exists(#metrics, :none)",
            ExpressionAttributeNames=_METRICS,
            ExpressionAttributeValues={":true": True, ":none": {}},
        )

    def stored(self, subject: Subject, first: date, last: date) -> dict[date, UsageDay]:
        """The days from `first` to `last` that are over and of which something is known: one item a day."""
        where = Key("pk").eq(str(subject)) & Key("sk").between(f"day#{first.isoformat()}", f"day#{last.isoformat()}")
        items = query_all(self._table, where, ConsistentRead=True)
        return {one.day: one for one in readable(_to_day, items)}

    def known(self, reading: Reading, first: date, last: date) -> dict[date, UsageDay]:
        """The days from `first` to `last` of which something is known; those that are open as the stats item has them.

        Somebody who never came back has their last day, too.
        """
        stored, habits = self.stored(reading.subject, first, last), from_text(reading.state)
        wanted = {day for day in (*habits.days, *habits.frozen) if first <= day <= last} | stored.keys()
        return {day: _overlaid(day, stored.get(day), habits) for day in sorted(wanted)}

    def usage(self, reading: Reading, first: date, last: date) -> list[UsageDay]:
        """Every day from `first` to `last`, in order, with zeros where nothing is known."""
        known, habits = self.known(reading, first, last), from_text(reading.state)
        return [known.get(day) or _overlaid(day, None, habits) for day in _dates(first, last)]

    def all(self, reading: Reading) -> list[UsageDay]:
        """Every day of which something is known, in order."""
        return list(self.known(reading, date.min, date.max).values())

    def frozen(self, reading: Reading) -> list[date]:
        """The days that freezes have covered, the last first."""
        return [day.day for day in reversed(self.all(reading)) if day.frozen]


def day_key(subject: Subject, day: date) -> Item:
    return {"pk": str(subject), "sk": f"day#{day.isoformat()}"}


def _overlaid(day: date, stored: UsageDay | None, habits: Habits) -> UsageDay:
    known = stored or UsageDay(day, goal=habits.goal_on(day) if day > habits.settled else None)
    frozen = known.frozen or day in habits.frozen
    one = habits.days.get(day)
    if one is None:
        return UsageDay(day, known.counts, known.imported, known.toward_goal, known.goal, known.met, frozen)
    counts = {metric: count for metric, count in one.counts.items() if count}
    return UsageDay(day, counts, known.imported, one.toward_goal, one.goal, one.met, frozen)


def _dates(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


def _to_day(item: Item) -> UsageDay:
    goal: Any = item.get("goal")
    return UsageDay(
        day=date.fromisoformat(item["sk"].removeprefix("day#")),
        counts={metric: int(count) for metric, count in item.get("metrics", {}).items()},
        imported={metric: int(count) for metric, count in item.get("imported", {}).items()},
        toward_goal=int(item.get("toward_goal", 0)),
        goal=None if goal is None else int(goal),
        met=bool(item.get("met")),
        frozen=bool(item.get("frozen")),
    )
