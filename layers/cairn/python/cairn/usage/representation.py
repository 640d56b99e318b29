"""A product's user and their days as JSON, for the answers of the API and the operator's command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from cairn.clock import iso
from cairn.habits.model import Habits
from cairn.habits.streaks import walk
from cairn.model import Number, Reading
from cairn.rules import Rule
from cairn.rules.counter import KIND
from cairn.rules.daily_goal import DailyGoal
from cairn.usage.days import UsageDay
from cairn.usage.freezes import Grant
from cairn.usage.reading import DAYS_WITH_US, STREAK, user_of
from cairn.usage.users import Latest, Profile

REPLIES = "replies"
NEAR = 0.2
"""A milestone is near when at most this part of it is missing, or one."""


def user_json(user_id: str, profile: Profile | None, reading: Reading, rules: Sequence[Rule], now: datetime) -> Any:
    """A user as of now. One who began with an event a moment ago may have no profile yet. ErasedError."""
    user = user_of(reading, now)
    habits = user.habits
    known = profile or Profile(user_id)
    today = habits.zones.day(now)
    day = habits.day(today)
    run = walk(habits, now).run
    coming = next(((since, goal) for since, goal in habits.goals if since > today), None)
    firsts = {metric: iso(at) for metric, at in sorted(habits.firsts.items())}
    return {
        "id": user_id,
        "name": known.name,
        "email": known.email,
        "phone": known.phone,
        "timeZone": habits.zones.changes[-1][1],
        "attributes": {name: _json_value(value) for name, value in known.attributes.items()},
        "createdAt": iso(known.created_at) if known.created_at else None,
        "dailyGoal": habits.goal_on(today),
        "nextDailyGoal": {"dailyGoal": coming[1], "from": coming[0].isoformat()} if coming else None,
        "totals": dict(sorted(user.totals.items())),
        "month": {"month": habits.month, "counts": dict(sorted(habits.month_counts.items()))},
        "today": {
            "date": today.isoformat(),
            "counts": _counts(day.counts),
            "goalCount": day.toward_goal,
            "dailyGoal": day.goal,
            "goalAchieved": day.goal is not None and day.met,
        },
        "firstReplyAt": firsts.get(REPLIES),
        "firsts": firsts,
        "features": list(habits.features),
        "streakDays": run.length,
        "streakBegan": run.began.isoformat() if run.began else None,
        "freezes": habits.freezes,
        "daysWithUs": (today - habits.since).days,
        "latestMilestone": _latest_json(known.latest) if known.latest else None,
        "near": near(reading, habits, rules, now),
        "asOf": iso(reading.as_of),
    }


def near(reading: Reading, habits: Habits, rules: Sequence[Rule], now: datetime) -> list[dict[str, Any]]:
    """The next threshold of each rule, and today's goal; first of what the least is missing, in relation."""
    return sorted(_next(reading, habits, rules, now), key=lambda one: (one["missing"] / one["threshold"], one["type"]))


def is_near(one: Mapping[str, Any]) -> bool:
    """Whether what `near` says of a rule is near: the user has begun with it, and little is missing."""
    return bool(one["value"] > 0 and (one["missing"] <= 1 or one["missing"] <= NEAR * one["threshold"]))


def _next(reading: Reading, habits: Habits, rules: Sequence[Rule], now: datetime) -> Iterator[dict[str, Any]]:
    today = habits.zones.day(now)
    day = habits.day(today)
    days_with_us = (today - habits.since).days
    values = {**reading.metrics, STREAK: walk(habits, now).run.length, DAYS_WITH_US: days_with_us}
    current = replace(reading, metrics=values)
    for rule in rules:
        if rule.kind != KIND:
            continue
        if isinstance(rule, DailyGoal):
            if day.goal is not None and not day.met:
                yield _near_json(rule, day.goal, day.toward_goal)
        elif (threshold := rule.next_threshold(current)) is not None:
            yield _near_json(rule, threshold, values.get(rule.judged_by, 0))


def _near_json(rule: Rule, threshold: Number, value: Number) -> dict[str, Any]:
    return {
        "type": rule.name,
        "threshold": int(threshold),
        "label": rule.label(threshold),
        "value": int(value),
        "missing": int(threshold - value),
    }


def day_json(one: UsageDay) -> dict[str, Any]:
    """A local day. `counts` and `imported` are by metric, and do not overlap."""
    return {
        "date": one.day.isoformat(),
        "counts": _counts(one.counts),
        "imported": _counts(one.imported),
        "goalCount": one.toward_goal,
        "dailyGoal": one.goal,
        "goalAchieved": one.goal is not None and one.met,
        "frozen": one.frozen,
        "counted": any(one.counts.values()) or any(one.imported.values()),
    }


def grant_json(grant: Grant) -> dict[str, Any]:
    return {"id": grant.id, "count": grant.count, "reason": grant.reason, "by": grant.by, "at": iso(grant.at)}


def _latest_json(latest: Latest) -> dict[str, Any]:
    return {
        "id": latest.id,
        "type": latest.type,
        "label": latest.label,
        "threshold": int(latest.threshold),
        "value": int(latest.value),
        "achievedAt": iso(latest.achieved_at),
    }


def _json_value(value: str | Number | bool) -> str | float | bool:
    return float(value) if isinstance(value, Decimal) else value


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {metric: count for metric, count in sorted(counts.items()) if count}
