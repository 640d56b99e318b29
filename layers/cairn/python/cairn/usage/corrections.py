"""Which milestones of a user a later correction has taken the ground from. What was announced stays announced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from cairn.habits.streaks import walk
from cairn.model import Milestone, Reading
from cairn.rules.counter import KIND
from cairn.rules.daily_goal import RULES as _DAILY_GOAL
from cairn.rules.streak import RULES as _STREAK
from cairn.usage.days import Days, UsageDay
from cairn.usage.reading import User, user_of

DAILY_GOAL, STREAK = _DAILY_GOAL[0].name, _STREAK[0].name


def corrected(milestones: Iterable[Milestone], reading: Reading, days: Days, now: datetime) -> set[str]:
    """The ids of those whose total is below their threshold now, or whose day no longer has what it was reached with.

    One query of the history, as long as the days of the milestones are apart.
    """
    found = [milestone for milestone in milestones if milestone.subject.kind == KIND]
    user = user_of(reading, now)
    known = _days_of(found, user, reading, days)
    return {milestone.id for milestone in found if _is_corrected(milestone, user, known, now)}


def _is_corrected(milestone: Milestone, user: User, known: Mapping[date, UsageDay], now: datetime) -> bool:
    if milestone.metric in user.totals:
        return user.totals[milestone.metric] < milestone.threshold
    day = known.get(_day(milestone, user))
    if milestone.rule == DAILY_GOAL:
        return day is not None and day.toward_goal < milestone.threshold
    if milestone.rule != STREAK:
        return False
    run = walk(user.habits, now).run
    shortened = run.began is not None and run.began.isoformat() == milestone.period and run.length < milestone.threshold
    return shortened or (day is not None and not day.met and not day.frozen)


def _days_of(milestones: Iterable[Milestone], user: User, reading: Reading, days: Days) -> Mapping[date, UsageDay]:
    """What is known of the days on which goals and streaks were reached."""
    wanted = [_day(one, user) for one in milestones if one.rule in (DAILY_GOAL, STREAK)]
    return days.known(reading, min(wanted), max(wanted)) if wanted else {}


def _day(milestone: Milestone, user: User) -> date:
    """The day of a goal; of a streak the local day on which its length was reached, as far as the zones are known."""
    if milestone.rule == DAILY_GOAL:
        return date.fromisoformat(milestone.period)
    return user.habits.zones.day(milestone.achieved_at)
