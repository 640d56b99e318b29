"""What is told of a product's users besides their milestones, and what the stream notes in their profiles.

Nothing of a product's user goes to rooms or Telegram: rooms `user:…` are of people who sign in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from cairn.habits.model import Habits, Turn, from_text
from cairn.habits.streaks import next_due
from cairn.model import Milestone, Reading, Subject
from cairn.observability import logger
from cairn.usage.reading import IMPORT, ROLLOVER, is_erased
from cairn.usage.users import Latest, Users

if TYPE_CHECKING:
    from cairn.readings.detection import Change

USER_CREATED = "user_created"
STREAK_LOST = "streak_lost"
STREAK_RESTORED = "streak_restored"
FIRST_WITHIN = timedelta(minutes=10)
"""A reading is a user's first if it is no further from when they began, as their profile says."""


class Tell(Protocol):
    """Tells other systems of an event: once for the same subject, instant and key, however often it is called."""

    def __call__(
        self, type_: str, subject: Subject, *, at: datetime, key: str, data: Mapping[str, Any], trace_id: str
    ) -> None: ...


class UsageAnnouncer:
    """`anniversaries` are the days with us that are milestones."""

    def __init__(self, *, users: Users, tell: Tell, anniversaries: Iterable[int]) -> None:
        self._users = users
        self._tell = tell
        self._anniversaries = tuple(anniversaries)

    def celebrate(self, milestone: Milestone) -> None:
        """No room shows it."""

    def announce(self, milestone: Milestone) -> None:
        """Note it as the user's latest, unless a later one is."""
        self._users.reached(milestone.subject.id, _latest(milestone))

    def changed(self, changes: Sequence[Change]) -> None:
        """Tell that users began and of their streaks, and note what their profiles say.

        Each event's id comes from what it is about, so that no repeat of a record, nor of what a user did and took
        back, tells anything twice.
        """
        for change in changes:
            old, new = change.old, change.new
            if is_erased(new) or not new.state:
                continue
            before = from_text(old.state) if old and old.state and not is_erased(old) else None
            after = from_text(new.state)
            if not self._note(before, after, old, new):
                continue  # erased meanwhile: nothing may be told any more
            if before:
                self._tell_of_streaks(before, after, new)
            elif not new.silent:
                self._tell_of_beginning(after, new)

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        """The latest milestone is then the one before."""
        newest = max(standing, key=lambda one: one.achieved_at, default=None)
        self._users.took_back(milestone.subject.id, milestone.id, _latest(newest) if newest else None)

    def _note(self, before: Habits | None, after: Habits, old: Reading | None, new: Reading) -> bool:
        """Note the day of the last use, once a day, and when something is due, if it is sooner than was noted before.

        The rollover notes itself when something is due next. False for a user who was erased.
        """
        active = _last_used(after)
        if before is None and new.source != IMPORT:
            active = active or after.zones.day(new.as_of)
        elif before and (active is None or active <= (_last_used(before) or date.min)):
            active = None
        due = None if new.source == ROLLOVER else self._sooner(before, after, old, new)
        if active or due or before is None:
            return self._users.note(new.subject.id, active=active, began=new.as_of, due_at=due)
        return True

    def _sooner(self, before: Habits | None, after: Habits, old: Reading | None, new: Reading) -> datetime | None:
        due = next_due(after, new.as_of, self._anniversaries)
        noted = next_due(before, old.as_of, self._anniversaries) if before and old else None
        return due if due and (noted is None or due < noted or noted <= new.as_of) else None

    def _tell_of_beginning(self, habits: Habits, new: Reading) -> None:
        """Once, also when an operator has detection look at a stored reading again, which comes without an old one."""
        profile = self._users.get(new.subject.id)
        began = profile.created_at if profile else None
        if began and abs(new.as_of - began) <= FIRST_WITHIN:
            data = {"source": new.source, "timeZone": habits.zones.at(new.as_of)}
            self._send(USER_CREATED, new, began, "created", data)

    def _tell_of_streaks(self, before: Habits, after: Habits, new: Reading) -> None:
        """A day is listed as restored once, also if it was undone and mended again."""
        for type_, turns, known in (
            (STREAK_LOST, after.lost, before.lost),
            (STREAK_RESTORED, after.restored, before.restored),
        ):
            for turn in turns:
                if turn.day not in {one.day for one in known}:
                    self._turned(type_, new, turn, after)

    def _turned(self, type_: str, new: Reading, turn: Turn, habits: Habits) -> None:
        zone = habits.zones.at(new.as_of)
        data = {"date": turn.day.isoformat(), "streakDays": turn.streak, "timeZone": zone}
        self._send(type_, new, new.as_of, f"{type_}/{turn.day}", data)

    def _send(self, type_: str, new: Reading, at: datetime, key: str, data: Mapping[str, Any]) -> None:
        self._tell(type_, new.subject, at=at, key=key, data=data, trace_id=new.trace_id)
        logger.info("told of a user", event=type_, subject=str(new.subject), trace_id=new.trace_id)


def _last_used(habits: Habits) -> date | None:
    """The last open day on which something was counted."""
    return max((day for day, one in habits.days.items() if any(one.counts.values())), default=None)


def _latest(milestone: Milestone) -> Latest:
    return Latest(
        id=milestone.id,
        type=milestone.rule,
        label=milestone.label,
        threshold=milestone.threshold,
        value=milestone.value,
        achieved_at=milestone.achieved_at,
    )
