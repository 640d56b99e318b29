"""What happens to users without an event: a streak is lost, a freeze is used, an anniversary comes.

The index `due` of the usage table says for whom, so that nobody else is read. Each user is one read and, if something
did happen, one write of their stats item, whose record in the stream tells it; then their next due instant is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TypeVar

from cairn.clock import Clock
from cairn.habits.model import from_text
from cairn.habits.streaks import next_due
from cairn.model import Reading
from cairn.observability import logger
from cairn.readings.stats import Stats
from cairn.usage.reading import ROLLOVER, is_erased, reading_of, subject_of, user_of
from cairn.usage.users import Due, Users

AT_ONCE = 10
"""Users who are rolled over at a time: so many connections a client keeps."""
AGAIN_AFTER = timedelta(minutes=15)
"""When a user is tried again who failed: not in each minute, so that those who fail hold up nobody."""
T = TypeVar("T")


@dataclass(slots=True)
class Rolled:
    """How many users were due, for how many something happened, who failed, and whether all who were due were tried."""

    due: int = 0
    changed: int = 0
    failed: list[str] = field(default_factory=list)
    finished: bool = True


class Rollover:
    """`anniversaries` are the days with us that are milestones."""

    def __init__(
        self, *, stats: Stats, users: Users, rules_version: int, anniversaries: Iterable[int], clock: Clock
    ) -> None:
        self._stats = stats
        self._users = users
        self._rules_version = rules_version
        self._anniversaries = tuple(anniversaries)
        self._clock = clock

    def run(self, may_go_on: Callable[[], bool]) -> Rolled:
        """Work off who is due, the longest due first, as long as `may_go_on`. What is left stays due."""
        rolled = Rolled()
        due = self._users.due(self._clock())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for some in _in_groups(due, AT_ONCE):
                if not may_go_on():
                    rolled.finished = False
                    break
                rolled.due += len(some)
                tried = map(self._try, some) if len(some) == 1 else pool.map(self._try, some)
                for one, changed in zip(some, tried, strict=True):
                    if changed is None:
                        rolled.failed.append(one.user_id)
                    else:
                        rolled.changed += changed
        return rolled

    def roll_over(self, due: Due) -> bool:
        """Roll one user over, and note when something is due next; whether something happened.

        A stale due instant is only moved on: somebody who keeps a streak has one every other day.
        """
        subject = subject_of(due.user_id)
        known = self._stats.get(subject)
        if known is None or is_erased(known):
            self._users.put_off(due, None)
            return False
        old, new = self._stats.update(subject, self._rolled_over, known=known)
        until = None if is_erased(new) else next_due(from_text(new.state), self._clock(), self._anniversaries)
        self._users.put_off(due, max(until, self._clock() + timedelta(minutes=1)) if until else None)
        return new is not old

    def _rolled_over(self, stored: Reading | None) -> Reading:
        if stored is None:
            raise LookupError("the user's stats item was deleted")
        if is_erased(stored):
            return stored
        now = self._clock()
        user = user_of(stored, now)
        made = reading_of(stored.subject.id, user, stored, now=now, source=ROLLOVER, rules_version=self._rules_version)
        return stored if (made.metrics, made.state) == (stored.metrics, stored.state) else made

    def _try(self, due: Due) -> bool | None:
        """Whether something happened; None for a user who failed, whom it puts off."""
        try:
            return self.roll_over(due)
        except Exception:  # noqa: BLE001 - one user stops only itself
            logger.exception("user not rolled over", subject=str(subject_of(due.user_id)))
        try:
            self._users.put_off(due, self._clock() + AGAIN_AFTER)
        except Exception:  # noqa: BLE001 - then the next run tries again
            logger.exception("user not put off", subject=str(subject_of(due.user_id)))
        return None


def _in_groups(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while group := list(islice(items, size)):
        yield group
