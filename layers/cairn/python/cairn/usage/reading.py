"""A product's user as a reading: lifetime totals as metrics, the rest as the habits in its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cairn.errors import ConflictError
from cairn.habits.counting import begun, current
from cairn.habits.model import Habits, from_text
from cairn.habits.streaks import walk
from cairn.model import Number, Reading, Subject, new_trace_id
from cairn.readings.stats import MAX_AHEAD
from cairn.rules import Rule
from cairn.rules.counter import KIND
from cairn.rules.days_with_us import RULES as _DAYS_RULES
from cairn.rules.days_with_us import DaysWithUs

ERASED = "erased_at"
ERASED_USER = "Erased user"
STREAK = "streak"
DAYS_WITH_US = _DAYS_RULES[0].metric
COMPUTED = frozenset({STREAK, DAYS_WITH_US})
"""The metrics that are no totals."""
IMPORT = "import"
ROLLOVER = "rollover"
"""Sources of readings that nobody's use of the product brought."""
_MILLISECOND = timedelta(milliseconds=1)


class ErasedError(ConflictError):
    """The user was erased, and stays so."""


@dataclass(frozen=True, slots=True)
class User:
    """What the stats item says about a user, as of an instant."""

    name: str
    habits: Habits
    totals: Mapping[str, int]
    """What was counted and imported in the user's lifetime, by metric."""


def subject_of(user_id: str) -> Subject:
    return Subject(KIND, user_id)


def is_erased(reading: Reading | None) -> bool:
    return reading is not None and ERASED in reading.details


def user_of(reading: Reading, now: datetime) -> User:
    """The user of a stored reading, with the days settled that are over by now. ErasedError for a tombstone."""
    if is_erased(reading):
        raise ErasedError(f"erased: {reading.subject.id} was erased; a person who returns needs another id")
    totals = {metric: int(value) for metric, value in reading.metrics.items() if metric not in COMPUTED}
    return User(reading.name, current(from_text(reading.state), now), totals)


def new_user(user_id: str, zone: str, now: datetime) -> User:
    return User(user_id, begun(zone, now), {})


def as_of_next(stored: Reading | None, now: datetime) -> datetime:
    """The instant of the next reading: now, or just after the stored one; not in a future that it wrongly claims."""
    if stored is None or stored.as_of > now + MAX_AHEAD:
        return now
    return max(now, stored.as_of + _MILLISECOND)


def reading_of(
    user_id: str,
    user: User,
    stored: Reading | None,
    *,
    now: datetime,
    source: str,
    rules_version: int,
    trace_id: str | None = None,
    silent: bool = False,
) -> Reading:
    """The reading to store for a user after a change; `stored` is the one that it replaces."""
    at, habits = as_of_next(stored, now), user.habits
    metrics: dict[str, Number] = dict(user.totals)
    metrics[STREAK] = walk(habits, now).run.length
    metrics[DAYS_WITH_US] = (habits.zones.day(now) - habits.since).days
    return Reading(
        subject=subject_of(user_id),
        name=user.name,
        metrics=metrics,
        as_of=at,
        source=source,
        trace_id=trace_id or new_trace_id(),
        details={"time_zone": habits.zones.changes[-1][1]},
        peaks=_peaks(stored, user.totals),
        revisions=stored.revisions if stored else {},
        recheck=stored.recheck if stored else "",
        rules_version=rules_version,
        state=habits.to_text(),
        silent=silent,
    )


def changing(
    user_id: str,
    change: Callable[[User, datetime], User],
    *,
    zone: str,
    clock: Callable[[], datetime],
    source: str,
    rules_version: int,
    trace_id: str | None = None,
    silent: bool = False,
) -> Callable[[Reading | None], Reading]:
    """For `Stats.update`: the reading that `change` makes of a user, who begins in `zone` if there is none.

    When `change` returns the same user, the stored reading is returned. ErasedError for one who was erased.
    """

    def changed(stored: Reading | None) -> Reading:
        now = clock()
        user = user_of(stored, now) if stored else new_user(user_id, zone, now)
        after = change(user, now)
        if stored and after is user and user.habits.to_text() == stored.state:
            return stored
        return reading_of(
            user_id,
            after,
            stored,
            now=now,
            source=source,
            rules_version=rules_version,
            trace_id=trace_id,
            silent=silent,
        )

    return changed


def tombstone(user_id: str, stored: Reading | None, now: datetime, erased_at: str) -> Reading:
    """What stays of a user who was erased, so that no late event brings the person back. A repeat changes nothing."""
    if stored and is_erased(stored):
        return stored
    return Reading(
        subject=subject_of(user_id),
        name=ERASED_USER,
        metrics={},
        as_of=as_of_next(stored, now),
        source="erasure",
        trace_id=new_trace_id(),
        details={ERASED: erased_at},
    )


def anniversaries(rules: Mapping[str, Rule]) -> tuple[int, ...]:
    """The days with us that are milestones, by the rules of a version of the settings."""
    rule = rules.get(_DAYS_RULES[0].name)
    return rule.thresholds if isinstance(rule, DaysWithUs) else ()


def added(totals: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Totals with more of some metrics."""
    return {**totals, **{metric: totals.get(metric, 0) + count for metric, count in more.items()}}


def _peaks(stored: Reading | None, totals: Mapping[str, int]) -> dict[str, Number]:
    """By metric the highest total so far, where a correction has taken it lower since."""
    if stored is None:
        return {}
    highest = {
        metric: max(stored.peaks.get(metric, 0), value)
        for metric, value in stored.metrics.items()
        if metric not in COMPUTED
    }
    return {metric: peak for metric, peak in highest.items() if peak > totals.get(metric, 0)}
