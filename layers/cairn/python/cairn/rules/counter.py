"""What a product's users do, in their lifetime: a ladder for each metric of the setting `usage_types`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cairn.model import Milestone, Number
from cairn.rules import Wording
from cairn.rules.ladder import Ladder

KIND = "user"
FEATURE = "feature"
"""The type of event that counts nothing, and names a feature."""
LIFETIME_STEPS = (1, 10, 50, 100, 500, 1000)
ENGAGEMENT_STEPS = (10, 50, 100, 500, 1000)


@dataclass(frozen=True, slots=True)
class UsageType:
    """A type of usage event: what it counts, whether for the daily goal, and which feature it implies."""

    name: str
    metric: str
    toward_goal: bool = False
    ladder: tuple[int, ...] = ()
    feature: str | None = None


DEFAULT_TYPES: Mapping[str, Mapping[str, Any]] = {
    "reply": {"metric": "replies", "goal": True, "ladder": LIFETIME_STEPS, "feature": None},
    "meme": {"metric": "memes", "goal": False, "ladder": LIFETIME_STEPS, "feature": "meme"},
    "suggestion": {"metric": "suggestions", "goal": False, "ladder": LIFETIME_STEPS, "feature": None},
    "like": {"metric": "likes", "goal": False, "ladder": ENGAGEMENT_STEPS, "feature": None},
    "retweet": {"metric": "retweets", "goal": False, "ladder": ENGAGEMENT_STEPS, "feature": None},
}


@dataclass(frozen=True, slots=True)
class Counter(Ladder):
    """Thresholds in what was counted since a user's first event, or as it was imported."""

    def label(self, threshold: Number) -> str:
        return f"{threshold:,}"

    def wording(self, milestone: Milestone) -> Wording:
        what = milestone.metric.replace("_", " ")
        title = f"{milestone.label} {what}" if milestone.threshold > 1 else f"First of the {what}"
        description = f"Passed {milestone.label} {what}: {milestone.value:,} by now."
        return Wording(milestone.rule, title, description, int(milestone.threshold), "🎉", "bg-primary")


def types_of(setting: Mapping[str, Mapping[str, Any]]) -> dict[str, UsageType]:
    """The types of events by name, as the setting `usage_types` has them."""
    return {
        name: UsageType(
            name=name,
            metric=one["metric"],
            toward_goal=bool(one.get("goal")),
            ladder=tuple(one.get("ladder") or ()),
            feature=one.get("feature"),
        )
        for name, one in setting.items()
    }


def counters(setting: Mapping[str, Mapping[str, Any]]) -> tuple[Counter, ...]:
    """A rule for each metric that has a ladder; its name is the metric's. Of two types with one metric, the first's."""
    ladders: dict[str, tuple[int, ...]] = {}
    for one in types_of(setting).values():
        if one.ladder:
            ladders.setdefault(one.metric, one.ladder)
    return tuple(Counter(metric, KIND, metric, steps, baseline="announce") for metric, steps in ladders.items())
