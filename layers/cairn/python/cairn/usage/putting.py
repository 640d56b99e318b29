"""Stores what a product says about its users. A user who is not known begins with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from cairn.clock import Clock
from cairn.habits.counting import with_goal, with_zone
from cairn.habits.model import from_text
from cairn.model import Reading, new_trace_id
from cairn.readings.along import Action, AlongError
from cairn.readings.stats import Stats
from cairn.usage.reading import ErasedError, User, changing, subject_of
from cairn.usage.users import ERASED_REFUSAL, Attributes, Given, Profile, Users

UNSET: Any = object()
"""What was not given, and stays as it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was given; None clears."""

    time_zone: str | None = UNSET
    daily_goal: int | None = UNSET
    name: str | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    attributes: Attributes | None = UNSET

    @property
    def of_profile(self) -> Mapping[Given, Any]:
        given: dict[Given, Any] = {
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "attributes": self.attributes,
        }
        return {name: value for name, value in given.items() if value is not UNSET}


class Putting:
    """`zone` is the time zone of a user who has none of their own."""

    def __init__(self, *, stats: Stats, users: Users, rules_version: int, zone: str, clock: Clock) -> None:
        self._stats = stats
        self._users = users
        self._rules_version = rules_version
        self._zone = zone
        self._clock = clock

    def put(self, user_id: str, change: Change, *, silent: bool = False) -> tuple[Profile | None, Reading]:
        """Store a change; the profile and the stats item in one transaction. ErasedError.

        When only the profile changes, it is written alone, and the stream has nothing to look at. With `silent`, nobody
        is told that the user begins.
        """
        now = self._clock()

        def changed(user: User, now: datetime) -> User:
            habits = user.habits
            if change.time_zone is not UNSET:
                habits = with_zone(habits, change.time_zone or self._zone, now)
            if change.daily_goal is not UNSET:
                habits = with_goal(habits, change.daily_goal, now)
            name = user.name if change.name is UNSET else change.name or user_id
            return user if (name, habits) == (user.name, user.habits) else replace(user, name=name, habits=habits)

        def today(reading: Reading) -> date:
            return from_text(reading.state).zones.day(now)

        def along(reading: Reading) -> list[Action]:
            return [self._users.change(user_id, change.of_profile, today(reading))]

        changer = changing(
            user_id,
            changed,
            zone=self._zone if change.time_zone is UNSET else change.time_zone or self._zone,
            clock=self._clock,
            source="api",
            rules_version=self._rules_version,
            trace_id=new_trace_id(),
            silent=silent,
        )
        try:
            old, new = self._stats.update(subject_of(user_id), changer, along=along)
        except AlongError:  # only the profile of somebody who was just erased refuses it
            raise ErasedError(ERASED_REFUSAL) from None
        if new is old:
            self._users.store(user_id, change.of_profile, today(new))
        return self._users.get(user_id), new
