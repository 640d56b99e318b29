"""What all users did, by their local days: sums that an hourly count of the stats table makes, and what was imported.

| pk | sk | holds |
|---|---|---|
| `totals` | `{date}#counted` | the sums of the date, for each instant at which it is over for good for some users |
| `totals` | `{date}#import#{lane}` | what all imported days of the date come to; imports add theirs themselves |
| `totals` | `progress` | how far the count is, what it waits for, and from which date on days are open |

A user's day is open until 48 hours after it ended in their time zone; until then, and until the next change of the
user, the stats item has it. Sums of users for whom a date ended at the same instant are counted until it is over for
good, and then never again. Days that were settled between the last count and then are read in the history, once; for
those that may still be on their way there, a count waits two minutes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, get_many, query_all, rejected_item
from cairn.clock import Clock, from_millis, to_millis
from cairn.habits.calendar import DAY, LATENESS, ends
from cairn.habits.model import Habits, from_text
from cairn.model import Subject
from cairn.observability import logger
from cairn.readings.along import Action
from cairn.readings.stats import State, Stats
from cairn.rules.counter import KIND
from cairn.usage.days import day_key
from cairn.zones import BEGINNING, starts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PK = "totals"
LANES = 32
"""Items of a date to which imports add, so that concurrent ones seldom meet at the same."""
EVERY = timedelta(hours=1)
HISTORY_LAG = timedelta(minutes=15)
"""How long after it was over for good a date is counted for the last time: by then the history has what it was."""
IN_FLIGHT = timedelta(minutes=2)
"""How long what a user's last change brings to the history may be on its way."""
MOST_IN_FLIGHT = 5000
_LAST_ZONE = "Etc/GMT+12"
"""Where a date ends last."""
_IMPORTED = "imported_"
_PROGRESS = {"pk": PK, "sk": "progress"}


@dataclass(slots=True)
class Sums:
    """What users did on a date; `users` of them did something, and `goals` of them reached a goal."""

    counts: dict[str, int] = field(default_factory=dict)
    users: int = 0
    goals: int = 0

    def add(self, counts: Mapping[str, int], *, goal_reached: bool) -> None:
        for metric, count in counts.items():
            self.counts[metric] = self.counts.get(metric, 0) + count
        self.users += any(counts.values())
        self.goals += goal_reached


@dataclass(frozen=True, slots=True)
class DayTotals:
    """A date's sums over all users: what Cairn counted, and what was imported."""

    day: date
    counts: Mapping[str, int]
    imported: Mapping[str, int]
    users: int
    goals: int


class Totals:
    """`table` is the usage table, `history` the history table."""

    def __init__(self, table: Table, clock: Clock, *, stats: Stats | None = None, history: Table | None = None) -> None:
        self._table = table
        self._clock = clock
        self._stats = stats
        self._history = history

    def between(self, first: date, last: date) -> tuple[list[DayTotals], datetime | None]:
        """Every date from `first` to `last`, those without anything too; and when the last complete count began."""
        counted: dict[date, Sums] = defaultdict(Sums)
        imported: dict[date, dict[str, int]] = defaultdict(dict)
        where = Key("pk").eq(PK) & Key("sk").between(f"{first}#", f"{last}#~")
        for item in query_all(self._table, where):
            day, sums = date.fromisoformat(item["sk"][:10]), imported[date.fromisoformat(item["sk"][:10])]
            for name, value in item.items():
                if name.startswith(_IMPORTED):
                    metric = name.removeprefix(_IMPORTED)
                    sums[metric] = sums.get(metric, 0) + int(value)
            for group in _groups(item).values():
                for metric, count in group.counts.items():
                    counted[day].counts[metric] = counted[day].counts.get(metric, 0) + count
                counted[day].users += group.users
                counted[day].goals += group.goals
        progress = get(self._table, _PROGRESS) or {}
        days, day = [], first
        while day <= last:
            one = counted[day]
            days.append(DayTotals(day, one.counts, imported[day], one.users, one.goals))
            day += DAY
        return days, from_millis(int(progress["as_of"])) if "as_of" in progress else None

    def is_due(self) -> bool:
        """Whether a count was interrupted, or the last one began an hour ago."""
        progress = get(self._table, _PROGRESS, consistent=True) or {}
        return "started" in progress or int(progress.get("as_of", 0)) + EVERY // _MS <= to_millis(self._clock())

    def count(self, may_go_on: Callable[[], bool]) -> bool:
        """Count, from where an interrupted count stopped, as long as `may_go_on`; whether the count is complete."""
        assert self._stats
        run = _Run.of(get(self._table, _PROGRESS, consistent=True) or {}, self._clock())
        finished = self._finished_groups(run.open_from)
        while may_go_on():
            if not run.scanned:
                states, run.after = self._stats.states(KIND, run.after)
                self._add(run, states, finished)
                if run.after is None:
                    run.scanned, run.waits_until = True, self._clock() + IN_FLIGHT
            elif run.in_flight and self._clock() < run.waits_until:
                break
            else:
                self._add_settled(run, run.in_flight, late=True)
                self._store(run, finished)
                return True
        self._save(run.seen, run.to_item())
        return False

    def _add(self, run: _Run, states: Iterable[State], finished: Mapping[tuple[date, int], Sums]) -> None:
        """Add a page of users."""
        settled: list[_Settled] = []
        for state in states:
            try:
                habits = from_text(state.text)
            except (ValueError, KeyError, TypeError):
                logger.error("a user's days cannot be read", subject=str(state.subject))
                continue
            moving = state.as_of > self._clock() - IN_FLIGHT
            for day, one in habits.days.items():
                group = (day, _closing(habits, day))
                if day >= run.open_from and group not in finished:
                    run.sums[group].add(one.counts, goal_reached=one.goal is not None and one.met)
            for day in _dates(max(run.open_from, habits.since), habits.settled):
                group = (day, _closing(habits, day))
                if group not in finished and day not in habits.days:
                    settled.append(_Settled(state.subject, *group, moving))
        self._add_settled(run, settled)

    def _add_settled(self, run: _Run, settled: Sequence[_Settled], *, late: bool = False) -> None:
        """Add days that are no longer in the stats items, from the history; what is on its way there comes `late`."""
        if not settled:
            return
        assert self._history
        keys = {(str(one.subject), one.day): one for one in settled}
        for item in get_many(self._history, [day_key(one.subject, one.day) for one in settled], consistent=late):
            one = keys.pop((item["pk"], date.fromisoformat(item["sk"].removeprefix("day#"))))
            group = (one.day, one.closing)
            counts = {metric: int(count) for metric, count in item.get("metrics", {}).items()}
            reached = item.get("goal") is not None and bool(item.get("met"))
            run.sums[group].add(counts, goal_reached=reached)
        if not late:
            run.in_flight += [one for one in keys.values() if one.moving][: MOST_IN_FLIGHT - len(run.in_flight)]

    def _finished_groups(self, open_from: date) -> dict[tuple[date, int], Sums]:
        where = Key("pk").eq(PK) & Key("sk").between(f"{open_from}#", "9999")
        found: dict[tuple[date, int], Sums] = {}
        for item in query_all(self._table, where, ConsistentRead=True):
            over = {int(closing) for closing in item.get("over", ())}
            day = date.fromisoformat(item["sk"][:10])
            found |= {(day, closing): sums for closing, sums in _groups(item).items() if closing in over}
        return found

    def _store(self, run: _Run, finished: Mapping[tuple[date, int], Sums]) -> None:
        """Write the sums of a complete count, and begin the next one at the first date that is open."""
        by_date: dict[date, dict[int, Sums]] = defaultdict(dict)
        for (day, closing), sums in {**run.sums, **finished}.items():
            by_date[day][closing] = sums
        over_by = to_millis(run.started - HISTORY_LAG)
        for day, groups in sorted(by_date.items()):
            item = {
                "pk": PK,
                "sk": f"{day}#counted",
                "groups": {str(closing): [one.counts, one.users, one.goals] for closing, one in groups.items()},
                "over": [closing for closing in groups if closing <= over_by],
                "as_of": to_millis(run.started),
            }
            self._put_newer(item)
        self._save(run.seen, {"as_of": to_millis(run.started), "open_from": str(_open_from(run.started))})

    def _put_newer(self, item: Item) -> None:
        try:
            self._table.put_item(
                Item=item,
                ConditionExpression="attribute_not_exists(as_of) OR as_of <= :as_of",
                ExpressionAttributeValues={":as_of": item["as_of"]},
            )
        except ClientError as error:
            rejected_item(error)

    def _save(self, seen: Item, progress: Item) -> None:
        """Unless another run was faster, which has then counted the same."""
        same = [f"{name} = :{name}" if name in seen else f"attribute_not_exists({name})" for name in _SEEN]
        values = {f":{name}": seen[name] for name in _SEEN if name in seen}
        try:
            self._table.put_item(
                Item={**_PROGRESS, **progress},
                ConditionExpression=" AND ".join(same),
                **({"ExpressionAttributeValues": values} if values else {}),  # type: ignore[arg-type]  # the stubs know no spread
            )
        except ClientError as error:
            rejected_item(error)


_MS = timedelta(milliseconds=1)
_SEEN = ("as_of", "started", "continues_after", "waits_until")


@dataclass(frozen=True, slots=True)
class _Settled:
    """A user's day that the stats item does not have any more; `moving` if it may be on its way to the history."""

    subject: Subject
    day: date
    closing: int
    moving: bool = False


@dataclass(slots=True)
class _Run:
    """A count that is under way."""

    started: datetime
    open_from: date
    seen: Item
    """The progress as it was read."""
    after: str | None = None
    """The key of the last user who is counted."""
    sums: dict[tuple[date, int], Sums] = field(default_factory=lambda: defaultdict(Sums))
    scanned: bool = False
    """Whether all users are counted, but for the days in flight."""
    in_flight: list[_Settled] = field(default_factory=list)
    waits_until: datetime = BEGINNING

    @classmethod
    def of(cls, progress: Item, now: datetime) -> _Run:
        """A new count, or the one that was interrupted."""
        open_from = date.fromisoformat(progress["open_from"]) if "open_from" in progress else _open_from(now)
        if "started" not in progress:
            return cls(now, open_from, progress)
        sums: dict[tuple[date, int], Sums] = defaultdict(Sums)
        for day, closing, counts, users, goals in json.loads(progress["sums"]):
            sums[date.fromisoformat(day), closing] = Sums(counts, users, goals)
        after = progress.get("continues_after")
        run = cls(from_millis(int(progress["started"])), open_from, progress, after, sums)
        run.in_flight = [
            _Settled(Subject.parse(subject), date.fromisoformat(day), closing)
            for subject, day, closing in json.loads(progress.get("in_flight", "[]"))
        ]
        if "waits_until" in progress:
            run.scanned, run.waits_until = True, from_millis(int(progress["waits_until"]))
        return run

    def to_item(self) -> Item:
        if self.after is None and not self.scanned:
            return {name: self.seen[name] for name in ("as_of", "open_from") if name in self.seen}
        in_flight = [[str(one.subject), str(one.day), one.closing] for one in self.in_flight]
        sums = [[str(day), closing, one.counts, one.users, one.goals] for (day, closing), one in self.sums.items()]
        return {
            "started": to_millis(self.started),
            "open_from": str(self.open_from),
            **({"continues_after": self.after} if self.after else {}),
            **({"waits_until": to_millis(self.waits_until)} if self.scanned else {}),
            "in_flight": json.dumps(in_flight, separators=(",", ":")),
            "sums": json.dumps(sums, separators=(",", ":")),
            **({"as_of": self.seen["as_of"]} if "as_of" in self.seen else {}),
        }


def imported_along(table: Table, day: date, lane: int, change: Mapping[str, int]) -> Action:
    """The action of a transaction that adds what an import changed on a date."""
    names = {f"#{number}": f"{_IMPORTED}{metric}" for number, metric in enumerate(change)}
    values = {f":{number}": count for number, count in enumerate(change.values())}
    return {
        "Update": {
            "TableName": table.name,
            "Key": {"pk": PK, "sk": f"{day}#import#{lane}"},
            "UpdateExpression": "ADD " + ", ".join(f"#{number} :{number}" for number in range(len(change))),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
    }


def _closing(habits: Habits, day: date) -> int:
    """When a user's day is over for good, in milliseconds since 1970."""
    return to_millis(ends(habits.zones, day) + LATENESS)


def _open_from(now: datetime) -> date:
    """The first date that may still change for somebody."""
    day = now.date() - 6 * DAY
    while starts(_LAST_ZONE, day + DAY) + LATENESS <= now - HISTORY_LAG:
        day += DAY
    return day


def _dates(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


def _groups(item: Mapping[str, Any]) -> dict[int, Sums]:
    return {
        int(closing): Sums({metric: int(count) for metric, count in counts.items()}, int(users), int(goals))
        for closing, (counts, users, goals) in item.get("groups", {}).items()
    }
