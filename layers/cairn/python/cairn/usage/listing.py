"""The list of users, the last active first, with filters and a search.

A request reads at most 1,000 profiles. Then its page ends, and may be short, or empty, with a cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cairn.clock import Clock
from cairn.model import Reading
from cairn.readings.stats import Stats
from cairn.rules import Rule
from cairn.usage.reading import is_erased, subject_of, user_of
from cairn.usage.representation import is_near, near
from cairn.usage.users import Profile, Users

MOST_READ = 1000
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is limited to; None is everything."""

    search: str | None = None
    """A part of the id, the name or the e-mail, in upper or lower case."""
    active_since: date | None = None
    has_goal: bool | None = None
    near: bool = False
    """Only those of whom a milestone is near."""
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    items: list[tuple[Profile, Reading]]
    next_cursor: str | None


class UserList:
    def __init__(self, *, users: Users, stats: Stats, rules: Sequence[Rule], clock: Clock) -> None:
        self._users = users
        self._stats = stats
        self._rules = rules
        self._clock = clock

    def page(self, wanted: Wanted, limit: int, cursor: str | None) -> Page:
        """BadInputError for a cursor of another list."""
        now, items, read = self._clock(), list[tuple[Profile, Reading]](), 0
        while True:
            found, cursor = self._users.page(wanted.active_since, _CHUNK, cursor)
            read += _CHUNK
            profiles = [profile for profile in found if _matches(profile, wanted.search)]
            readings = self._stats.get_many([subject_of(profile.id) for profile in profiles])
            for profile in profiles:
                reading = readings.get(subject_of(profile.id))
                if reading is None or is_erased(reading) or not self._fits(reading, wanted, now):
                    continue
                items.append((profile, reading))
                if len(items) == limit:
                    is_last = cursor is None and profile is found[-1]
                    return Page(items, None if is_last else self._users.cursor_after(profile))
            if cursor is None or read >= MOST_READ:
                return Page(items, cursor)

    def _fits(self, reading: Reading, wanted: Wanted, now: datetime) -> bool:
        habits = user_of(reading, now).habits
        zones = habits.zones
        has_goal = habits.goal_on(zones.day(now)) is not None
        return (
            wanted.has_goal in (None, has_goal)
            and wanted.time_zone in (None, zones.changes[-1][1])
            and (not wanted.near or any(map(is_near, near(reading, habits, self._rules, now))))
        )


def _matches(profile: Profile, search: str | None) -> bool:
    wanted = (search or "").strip().casefold()
    return any(wanted in (text or "").casefold() for text in (profile.id, profile.name, profile.email))
