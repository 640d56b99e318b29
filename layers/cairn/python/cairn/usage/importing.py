"""Brings days of users that another system counted: silently, once each; a corrected row replaces the one before.

| table | pk | sk | what an import writes there |
|---|---|---|---|
| stats | `user:{id}` | – | the user's totals and first dates; the change is `silent` |
| history | `user:{id}` | `day#{date}` | `imported`: what the last row of the day said |
| usage | `user#{id}` | `profile` | that there is such a user |
| usage | `totals` | `{date}#import#{lane}` | what all imported days of the date come to |

All of it is one transaction for up to 49 days of a user. So `imported` says exactly what is in the totals, and a repeat
finds nothing to change. What an import says brings no goal and no streak, and counts beside what Cairn counted itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from cairn.aws.dynamodb import chunks, get_many
from cairn.clock import Clock
from cairn.errors import CairnError, ContentionError
from cairn.habits.calendar import begins
from cairn.habits.counting import with_import
from cairn.model import Number, Reading, new_trace_id
from cairn.observability import logger
from cairn.readings.along import Action, AlongError
from cairn.readings.stats import Stats
from cairn.rules import crossings
from cairn.usage.days import day_key
from cairn.usage.reading import IMPORT, ErasedError, User, added, changing, new_user, reading_of, subject_of, user_of
from cairn.usage.rows import Row
from cairn.usage.totals import LANES, imported_along
from cairn.usage.users import Users

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from cairn.workspace.rule_book import RuleSet

DAYS_AT_ONCE = 49
"""Of a user in one transaction: two actions for each, and two for the user."""
SECONDS_FOR_A_USER = 12.0
"""How long a user's days may take, with all retries: later than that, none is begun."""
AT_ONCE = 8
"""Users that one call works on at a time. Each has a lane of the sums by day, so that none waits for another."""
_ATTEMPTS = 6

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row."""

    status: Literal["imported", "unchanged", "rejected"]
    error: str = ""
    retry: bool = False
    """AWS failed, or the time was up: the same row may be sent again."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """A milestone that would have been announced, if the import were not silent."""

    user_id: str
    rule: str
    threshold: Number
    label: str
    value: Number
    also_passed: tuple[Number, ...]


class NotImportedError(CairnError):
    """The time was up. The same rows may be sent again."""

    status = 503


def _no_limit() -> float:
    return float("inf")


class Importing:
    """`history` and `usage` are tables. A user who begins with an import has the time zone of the settings."""

    def __init__(
        self,
        *,
        stats: Stats,
        history: Table,
        usage: Table,
        rules: RuleSet,
        clock: Clock,
    ) -> None:
        self._stats = stats
        self._history = history
        self._usage = usage
        self._users = Users(usage, clock)
        self._rules = rules
        self._clock = clock

    def run(self, rows: Sequence[Row], seconds_left: Callable[[], float] = _no_limit) -> list[Outcome]:
        """Import rows; what came of each, in their order. Of two rows of a user's day the last one counts.

        A failure of AWS, too, concerns only the rows of its user; the first reads, of all, raise it.
        """
        wanted, stored, known = self._prepared(rows)
        lanes: SimpleQueue[int] = SimpleQueue()
        first = random.randrange(LANES)  # noqa: S311 - spreads writes, guards nothing
        for number in range(AT_ONCE):
            lanes.put((first + number) % LANES)

        def of_user(user_id: str) -> dict[date, Outcome]:
            lane = lanes.get()
            try:
                return self._at_any_rate(user_id, wanted[user_id], stored, known.get(user_id), lane, seconds_left)
            finally:
                lanes.put(lane)

        if len(wanted) == 1:
            found = {user_id: of_user(user_id) for user_id in wanted}
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = dict(zip(wanted, pool.map(of_user, wanted), strict=True))
        return [found[row.user_id][row.day] for row in rows]

    def foretell(self, rows: Sequence[Row]) -> tuple[list[Outcome], list[Foretold]]:
        """What `run` would do, and which milestones it would pass in silence. Nothing is written."""
        wanted, stored, known = self._prepared(rows)
        found, foretold = dict[str, dict[date, Outcome]](), list[Foretold]()
        for user_id, days in wanted.items():
            changes = _changes(days, {day: stored.get((user_id, day), {}) for day in days})
            try:
                foretold += self._passed(user_id, changes, known.get(user_id)) if changes else []
            except ErasedError as error:
                found[user_id] = dict.fromkeys(days, Outcome("rejected", error.message))
            else:
                found[user_id] = {day: Outcome("imported" if day in changes else "unchanged") for day in days}
        return [found[row.user_id][row.day] for row in rows], foretold

    def _prepared(
        self, rows: Sequence[Row]
    ) -> tuple[dict[str, dict[date, Counts]], dict[tuple[str, date], Counts], dict[str, Reading]]:
        """By user what the rows say of their days; what is imported of these days; and the users' readings."""
        wanted: dict[str, dict[date, Counts]] = {}
        for row in rows:
            wanted.setdefault(row.user_id, {})[row.day] = row.counts
        stored = self._imported([(user_id, day) for user_id, days in wanted.items() for day in days])
        readings = self._stats.get_many([subject_of(user_id) for user_id in wanted], consistent=True)
        return wanted, stored, {subject.id: reading for subject, reading in readings.items()}

    def _imported(self, of: Sequence[tuple[str, date]]) -> dict[tuple[str, date], Counts]:
        items = get_many(self._history, [day_key(subject_of(user_id), day) for user_id, day in of], consistent=True)
        by_key = {(item["pk"], item["sk"]): _counts(item.get("imported", {})) for item in items}
        found: dict[tuple[str, date], Counts] = {}
        for user_id, day in of:
            key = day_key(subject_of(user_id), day)
            found[user_id, day] = by_key.get((key["pk"], key["sk"]), {})
        return found

    def _at_any_rate(
        self,
        user_id: str,
        days: Mapping[date, Counts],
        stored: Mapping[tuple[str, date], Counts],
        known: Reading | None,
        lane: int,
        seconds_left: Callable[[], float],
    ) -> dict[date, Outcome]:
        """What came of a user's days, whatever happens."""
        outcomes: dict[date, Outcome] = {}
        try:
            # The last days come first: with them the user is listed, and they say when the user was last active.
            for chunk in chunks(sorted(days, reverse=True), DAYS_AT_ONCE):
                if seconds_left() < SECONDS_FOR_A_USER:
                    raise NotImportedError("not_stored: the time was up; send it again")
                of_chunk = {day: stored.get((user_id, day), {}) for day in chunk}
                changed, known = self._store(user_id, {day: days[day] for day in chunk}, of_chunk, known, lane)
                outcomes |= {day: Outcome("imported" if day in changed else "unchanged") for day in chunk}
        except (NotImportedError, ContentionError) as error:
            return dict.fromkeys(days, Outcome("rejected", error.message, retry=True)) | outcomes
        except CairnError as error:
            return dict.fromkeys(days, Outcome("rejected", error.message)) | outcomes
        except Exception as failed:  # noqa: BLE001 - one user's rows must not spoil all others'
            logger.exception("import failed", subject=str(subject_of(user_id)), exc_info=failed)
            lost = Outcome("rejected", "not_stored: the tables did not answer; send it again", retry=True)
            return dict.fromkeys(days, lost) | outcomes
        return outcomes

    def _store(
        self, user_id: str, days: Mapping[date, Counts], stored: Mapping[date, Counts], known: Reading | None, lane: int
    ) -> tuple[frozenset[date], Reading | None]:
        """Store some days in one transaction; those that were changed, and the reading after it."""
        for _ in range(_ATTEMPTS):
            changes = _changes(days, stored)
            if not changes:
                return frozenset(), known
            changer = changing(
                user_id,
                partial(_with_changes, changes),
                zone=self._rules.zones.at(self._clock()),
                clock=self._clock,
                source=IMPORT,
                rules_version=self._rules.version,
                silent=True,
            )
            actions = self._along(user_id, days, stored, changes, lane)
            try:
                _, new = self._stats.update(subject_of(user_id), changer, known=known, along=partial(_same, actions))
            except AlongError:  # the same days are being imported by somebody else, or the user is being erased
                stored = {day: self._imported([(user_id, day)])[user_id, day] for day in days}
                known = None
            else:
                return frozenset(changes), new
        raise ContentionError(f"too many concurrent imports of {user_id}; try again")

    def _along(
        self,
        user_id: str,
        days: Mapping[date, Counts],
        stored: Mapping[date, Counts],
        changes: Mapping[date, Counts],
        lane: int,
    ) -> list[Action]:
        actions: list[Action] = [self._users.change(user_id, {}, max(changes))]
        for day, change in sorted(changes.items()):
            before = stored.get(day, {})
            unchanged = "imported = :before" if before else "attribute_not_exists(imported) OR imported = :before"
            update = {
                "TableName": self._history.name,
                "Key": day_key(subject_of(user_id), day),
                "UpdateExpression": "SET imported = :after",
                "ConditionExpression": unchanged,
                "ExpressionAttributeValues": {":after": dict(days[day]), ":before": dict(before)},
            }
            actions += [{"Update": update}, imported_along(self._usage, day, lane, change)]
        return actions

    def _passed(self, user_id: str, changes: Mapping[date, Counts], known: Reading | None) -> list[Foretold]:
        now = self._clock()
        user = user_of(known, now) if known else new_user(user_id, self._rules.zones.at(now), now)
        reading = reading_of(
            user_id,
            _imported_into(user, changes),
            known,
            now=now,
            source=IMPORT,
            rules_version=self._rules.version,
            trace_id=new_trace_id(),
        )
        found = crossings(known, reading, self._rules.rules)
        made = [one.milestone(reading, one.previous, reading.as_of) for one in found]
        return [
            Foretold(user_id, one.rule, one.threshold, one.label, one.value, tuple(one.also_reached[:-1]))
            for one in made
        ]


def _changes(days: Mapping[date, Counts], stored: Mapping[date, Counts]) -> dict[date, Counts]:
    """What each day that is not as it is stored adds to the sums, or takes away."""
    found: dict[date, Counts] = {}
    for day, counts in days.items():
        before = stored.get(day, {})
        change = {metric: counts.get(metric, 0) - before.get(metric, 0) for metric in {*counts, *before}}
        if any(change.values()):
            found[day] = {metric: count for metric, count in sorted(change.items()) if count}
    return found


def _imported_into(user: User, changes: Mapping[date, Counts]) -> User:
    more: dict[str, int] = {}
    first_days: dict[str, date] = {}
    for day, change in sorted(changes.items()):
        more = added(more, change)
        for metric, count in change.items():
            if count > 0:
                first_days.setdefault(metric, day)
    firsts: dict[str, datetime] = {metric: begins(user.habits.zones, day) for metric, day in first_days.items()}
    habits = with_import(user.habits, changes, firsts, min(first_days.values(), default=None))
    return replace(user, habits=habits, totals=added(user.totals, more))


def _with_changes(changes: Mapping[date, Counts], user: User, _: datetime) -> User:
    return _imported_into(user, changes)


def _same(actions: Sequence[Action], _: Reading) -> Sequence[Action]:
    return actions


def _counts(stored: Mapping[str, Any]) -> dict[str, int]:
    return {metric: int(count) for metric, count in stored.items() if count}
