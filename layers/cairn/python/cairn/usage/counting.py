"""Counts events of one user together, on what is stored of the user: pure, so that it may be repeated at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from cairn.errors import BadInputError, CairnError, ConflictError
from cairn.habits.calendar import day_of, ends
from cairn.habits.counting import Usage, counted
from cairn.habits.model import Habits
from cairn.habits.streaks import walk
from cairn.model import Milestone
from cairn.usage.event_ids import StoredId
from cairn.usage.events import UsageEvent
from cairn.usage.reading import User, added

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Announced:
    """A milestone that the stream will announce."""

    milestone: Milestone
    type: str
    """As webhooks name it."""
    is_first: bool
    """Whether no lower one of its rule was passed before."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What an event has come to, as of the moment just after it."""

    event: UsageEvent
    day: date
    """The user's local day that it counts for."""
    zone: str
    goal_count: int | None
    """What counts toward the day's goal; None of a day that is over for good."""
    goal: int | None
    goal_achieved: bool
    lifetime_total: int | None
    """Of the event's metric, as is the month's; None for what counts nothing."""
    month_total: int | None
    streak: int
    is_first: bool = False
    late: bool = False
    duplicate: bool = False
    milestones: tuple[Announced, ...] = ()
    """What is announced of the events that were stored together, at the last of them."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not counted; with `retry` it may be if it is sent again."""

    event: UsageEvent
    error: CairnError
    retry: bool = False


Outcome = Tracked | Refused


class NothingToStoreError(Exception):
    """None of the events changes anything."""


class Fold:
    """Events of a user in their order. `taken` are the ids that are stored already, by the number of their event.

    `change` may be called again, when the user's stored state has changed meanwhile.
    """

    def __init__(self, events: Sequence[UsageEvent], taken: Mapping[int, StoredId]) -> None:
        self.events = events
        self.outcomes: list[Outcome] = []
        self.stored: list[int] = []
        """The numbers of the events that are counted."""
        self.now: datetime
        self._user: User
        self._taken = taken

    @property
    def with_id(self) -> list[int]:
        """The numbers of the events that are counted and have an id."""
        return [number for number in self.stored if self.events[number].id is not None]

    def change(self, user: User, now: datetime) -> User:
        """The user with all events that can be counted. NothingToStoreError if there is none."""
        self.outcomes, self.stored, self.now, self._user = [], [], now, user
        claimed: dict[str, int] = {}
        for number, event in enumerate(self.events):
            known = self._taken.get(number)
            if event.id in claimed:
                known = self.stored_id(claimed[event.id])
            if known:
                self.outcomes.append(self.repeated(number, known))
                continue
            try:
                self._user, outcome = _counted(event, self._user, now)
            except BadInputError as error:
                self.outcomes.append(Refused(event, error))
                continue
            self.outcomes.append(outcome)
            self.stored.append(number)
            if event.id is not None:
                claimed[event.id] = number
        if not self.stored:
            raise NothingToStoreError
        return self._user

    def repeated(self, number: int, stored: StoredId) -> Outcome:
        """What comes of an event whose id is stored: nothing is counted."""
        event = self.events[number]
        if stored.digest != event.digest:
            return Refused(event, ConflictError("id: this id was sent before with another event"))
        return replace(_tracked(event, stored.day, self._user, self.now), duplicate=True)

    def stored_id(self, number: int) -> StoredId:
        """What is stored of an event that is counted."""
        outcome = self.outcomes[number]
        assert isinstance(outcome, Tracked)
        return StoredId(self.events[number].digest, outcome.day)


def _counted(event: UsageEvent, user: User, now: datetime) -> tuple[User, Tracked]:
    habits = user.habits
    day = day_of(habits.zones, now, at=event.at, day=event.day)
    at = event.at or min(now, ends(habits.zones, day) - _MILLISECOND)
    is_first = _is_first(event, habits)
    usage = Usage(day, at, event.metric, event.count, event.toward_goal, event.implied_feature or event.feature)
    habits = counted(habits, usage, now)
    if event.feature and event.implied_feature:
        habits = counted(habits, Usage(day, at, None, feature=event.feature), now)
    totals = added(user.totals, {event.metric: event.count}) if event.metric else user.totals
    after = replace(user, habits=habits, totals=totals)
    return after, replace(_tracked(event, day, after, now), is_first=is_first, late=day < habits.zones.day(now))


def _tracked(event: UsageEvent, day: date, user: User, now: datetime) -> Tracked:
    habits = user.habits
    of_day, is_open = habits.day(day), day > habits.settled
    return Tracked(
        event=event,
        day=day,
        zone=habits.zones.at(now),
        goal_count=of_day.toward_goal if is_open else None,
        goal=of_day.goal,
        goal_achieved=is_open and of_day.goal is not None and of_day.met,
        lifetime_total=user.totals.get(event.metric, 0) if event.metric else None,
        month_total=habits.month_counts.get(event.metric, 0) if event.metric else None,
        streak=walk(habits, now).run.length,
    )


def _is_first(event: UsageEvent, habits: Habits) -> bool:
    if event.metric is None:
        return event.feature not in habits.features
    return event.count > 0 and event.metric not in habits.firsts
