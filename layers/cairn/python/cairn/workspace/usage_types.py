"""The setting `usage_types`: what a product's users do, and how it is counted. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from cairn.rules import catalogue
from cairn.rules.counter import FEATURE

MAX_TYPES = 30
MAX_STEPS = 50
MAX_STEP = 10**12
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FEATURE = re.compile(r"[a-z0-9_.-]{1,60}")
_FIELDS = frozenset({"metric", "goal", "ladder", "feature"})
_TAKEN = frozenset({FEATURE, "features", "streak", "daily_goal", "daily_count", "days_with_us"})


def to_types(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """The types of a JSON object. ValueError, in words for the person, for any other value."""
    if not isinstance(value, Mapping) or not all(isinstance(one, Mapping) for one in value.values()):
        raise ValueError("must be an object of types, each {metric, goal, ladder, feature}")
    return {str(name): _type(str(name), one) for name, one in value.items()}


def check_types(types: Mapping[str, Mapping[str, Any]]) -> None:
    """ValueError, in words for the person, for types that cannot work."""
    if not 1 <= len(types) <= MAX_TYPES:
        raise ValueError(f"must be 1 to {MAX_TYPES} types")
    taken = {rule.name for rule in catalogue()} | _TAKEN
    ladders: dict[str, tuple[int, ...]] = {}
    for name, one in types.items():
        if not _NAME.fullmatch(name) or name == FEATURE:
            raise ValueError(f"{name[:60]!r}: a type is 1 to 40 of a-z 0-9 _, and not {FEATURE!r}")
        metric, ladder, feature = one["metric"], one["ladder"], one["feature"]
        if not _NAME.fullmatch(metric) or metric in taken:
            raise ValueError(f"{name}: metric must be 1 to 40 of a-z 0-9 _, and none of Cairn's own rules")
        if len(ladder) > MAX_STEPS or any(not 1 <= step <= MAX_STEP for step in ladder):
            raise ValueError(f"{name}: ladder must be at most {MAX_STEPS} thresholds from 1 to {MAX_STEP:,}")
        if any(higher <= lower for lower, higher in pairwise(ladder)):
            raise ValueError(f"{name}: each threshold must be higher than the one before it")
        if ladder and ladders.setdefault(metric, ladder) != ladder:
            raise ValueError(f"{name}: another type with the metric {metric} has other thresholds")
        if feature is not None and not _FEATURE.fullmatch(feature):
            raise ValueError(f"{name}: feature must be 1 to 60 of a-z 0-9 _ . -")


def _type(name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "metric" not in value or not value.keys() <= _FIELDS:
        raise ValueError(f"{name[:60]}: must be {{metric, goal, ladder, feature}}, of which metric is needed")
    metric, goal, feature = value["metric"], value.get("goal", False), value.get("feature")
    if not isinstance(metric, str) or not isinstance(goal, bool) or not isinstance(feature, str | None):
        raise ValueError(f"{name[:60]}: metric and feature must be texts, and goal true or false")  # noqa: TRY004 - the person's mistake
    ladder = value.get("ladder") or ()
    if not isinstance(ladder, list | tuple):
        raise ValueError(f"{name[:60]}: ladder must be a list of whole numbers")  # noqa: TRY004 - the person's mistake
    return {"metric": metric, "goal": goal, "ladder": tuple(map(_whole, ladder)), "feature": feature}


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise ValueError("ladder: must be whole numbers")
    return int(value)
