"""A user's habits as one value: their time zones, the days that are still open, goals, streak, freezes and firsts.

It is stored as one JSON text in the user's reading, so that an event is one read and one write, and its record in the
stream says everything. A day is open for 48 hours after it ends; what is older is settled, and is in the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from cairn.zones import BEGINNING, Zones

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Day:
    """What a user did on a local day."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """By metric."""
    toward_goal: int = 0
    """How much of it counted for the goal, by the types' settings when it happened."""
    goal: int | None = None
    """The goal of this day, which a later change does not touch."""

    @property
    def met(self) -> bool:
        """Whether the goal was reached; without a goal, whether anything was counted."""
        return any(self.counts.values()) if self.goal is None else self.toward_goal >= self.goal


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive days that were met; `began` is the first of them."""

    length: int = 0
    began: date | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A streak that was lost or restored: through which day, and of how many days it was."""

    day: date
    streak: int


@dataclass(frozen=True, slots=True)
class Achievement:
    """A day's goal that was reached, and the streak of which the day was the last."""

    goal: int
    streak: int


@dataclass(frozen=True, slots=True)
class Habits:
    zones: Zones
    """The user's time zones, each with the instant from which it holds."""
    since: date
    """The first local day that is known of the user."""
    settled: date
    """The last day that is over for good: 48 hours ago or more."""
    goals: tuple[tuple[date, int | None], ...] = ()
    """Each daily goal with the day from which it holds, ascending; None for no goal."""
    days: Mapping[date, Day] = field(default_factory=dict)
    """The days after `settled` on which something was counted."""
    run: Run = Run()
    """The streak as of `settled`."""
    top: Run = Run()
    """The current streak at its longest: a correction may have shortened it since."""
    freezes: int = 0
    """How many are left. Each covers one day that was missed, once that day is over for good."""
    frozen: tuple[date, ...] = ()
    """The last days that a freeze covered."""
    lost: tuple[Turn, ...] = ()
    """The last streaks that were lost, each with the day that was missed."""
    restored: tuple[Turn, ...] = ()
    """The last streaks that a late event restored, each with the event's day."""
    achieved: Mapping[date, Achievement] = field(default_factory=dict)
    """The open days whose goal was reached, even if a correction took it back."""
    features: tuple[str, ...] = ()
    """What was used at least once, in the order of its first use."""
    firsts: Mapping[str, datetime] = field(default_factory=dict)
    """When something of a metric was first counted."""
    month: str = ""
    month_counts: Mapping[str, int] = field(default_factory=dict)
    """What was counted in the local month `2026-11`, by metric."""

    def goal_on(self, day: date) -> int | None:
        """The goal that holds on a day."""
        return next((goal for since, goal in reversed(self.goals) if since <= day), None)

    def day(self, day: date) -> Day:
        """An open day, or one without anything, whose goal is the one that holds."""
        return self.days.get(day) or Day(goal=self.goal_on(day))

    def last_day(self, today: date) -> date:
        """Today, or a later day that the user had before they went west."""
        return max((today, *self.days))

    def to_text(self) -> str:
        """As compact JSON; equal habits give equal texts."""
        found: dict[str, Any] = {
            "zones": [[_millis(since), name] for since, name in self.zones.changes],
            "since": self.since.isoformat(),
            "settled": self.settled.isoformat(),
            "goals": [[since.isoformat(), goal] for since, goal in self.goals],
            "days": {
                day.isoformat(): [dict(sorted(one.counts.items())), one.toward_goal, one.goal]
                for day, one in sorted(self.days.items())
            },
            "run": _from_run(self.run),
            "top": _from_run(self.top),
            "freezes": self.freezes,
            "frozen": [day.isoformat() for day in self.frozen],
            "lost": [[one.day.isoformat(), one.streak] for one in self.lost],
            "restored": [[one.day.isoformat(), one.streak] for one in self.restored],
            "achieved": {day.isoformat(): [one.goal, one.streak] for day, one in sorted(self.achieved.items())},
            "features": list(self.features),
            "firsts": {metric: _millis(at) for metric, at in sorted(self.firsts.items())},
            "month": [self.month, dict(sorted(self.month_counts.items()))],
        }
        return json.dumps({name: value for name, value in found.items() if value}, separators=(",", ":"))


@lru_cache(maxsize=256)
def from_text(text: str) -> Habits:
    """The habits of a stored text; KeyError, TypeError or ValueError for any other text."""
    found: dict[str, Any] = json.loads(text)
    month, month_counts = found.get("month", ("", {}))
    return Habits(
        zones=Zones(tuple((_instant(since), str(name)) for since, name in found["zones"])),
        since=date.fromisoformat(found["since"]),
        settled=date.fromisoformat(found["settled"]),
        goals=tuple((date.fromisoformat(since), goal) for since, goal in found.get("goals", ())),
        days={
            date.fromisoformat(day): Day(counts, toward_goal, goal)
            for day, (counts, toward_goal, goal) in found.get("days", {}).items()
        },
        run=_to_run(found.get("run")),
        top=_to_run(found.get("top")),
        freezes=int(found.get("freezes", 0)),
        frozen=tuple(date.fromisoformat(day) for day in found.get("frozen", ())),
        lost=_to_turns(found.get("lost", ())),
        restored=_to_turns(found.get("restored", ())),
        achieved={
            date.fromisoformat(day): Achievement(goal, streak)
            for day, (goal, streak) in found.get("achieved", {}).items()
        },
        features=tuple(found.get("features", ())),
        firsts={metric: _instant(at) for metric, at in found.get("firsts", {}).items()},
        month=month,
        month_counts=month_counts,
    )


def in_zone(name: str) -> Zones:
    """The time zones of a user who has always been in this one."""
    return Zones(((BEGINNING, name),))


def _from_run(run: Run) -> list[Any]:
    return [run.length, run.began.isoformat()] if run.began else []


def _to_run(found: list[Any] | None) -> Run:
    return Run(int(found[0]), date.fromisoformat(found[1])) if found else Run()


def _to_turns(found: Sequence[Sequence[Any]]) -> tuple[Turn, ...]:
    return tuple(Turn(date.fromisoformat(day), int(streak)) for day, streak in found)


def _millis(instant: datetime) -> int:
    return (instant - BEGINNING) // _MILLISECOND


def _instant(millis: int) -> datetime:
    return BEGINNING + millis * _MILLISECOND
