"""The default of `webhook_templates`: the names that the CRM of a product's usage events knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TemplateRule = Mapping[str, Any]
"""`{"type", "when", "template"}`: what events of this type get that meet `when`, written as a filter.

Of several rules that fit, the one with the most conditions counts, of equals the first."""


def source_templates() -> tuple[TemplateRule, ...]:
    """The names that the CRM of the product's usage events knows."""

    def rule(type_: str, when: Mapping[str, Any], template: str) -> TemplateRule:
        return {"type": type_, "when": when, "template": template}

    replies = {
        1: "first_reply_celebration",
        10: "getting_started_congrats",
        50: "power_user_emerging",
        100: "century_club",
        500: "pro_achievement",
        1000: "elite_status",
    }
    streaks = {1: "first_goal_achieved", 7: "week_streak", 30: "month_streak"}
    features = {"meme": "meme_discovery", "write_like_me": "style_activated", "research": "fact_checker_unlocked"}
    return (
        *(
            rule("milestone_reached", {"milestone_type": "replies", "milestone_value": value}, name)
            for value, name in replies.items()
        ),
        *(rule("daily_goal_achieved", {"streak_days": days}, name) for days, name in streaks.items()),
        *(rule("feature_first_used", {"feature": feature}, name) for feature, name in features.items()),
    )
