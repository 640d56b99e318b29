"""An event gets the template whose rule says most about it."""

from __future__ import annotations

import pytest

from cairn.webhooks.templates import template_of
from cairn.workspace.document import Workspace
from testing.webhooks import event

RULES = [
    {"type": "milestone_reached", "when": {}, "template": "any_milestone"},
    {"type": "milestone_reached", "when": {"rule": "replies"}, "template": "any_replies"},
    {
        "type": "milestone_reached",
        "when": {"milestone_type": "replies", "milestone_value": 100},
        "template": "century_club",
    },
    {
        "type": "milestone_reached",
        "when": {"rule": "replies", "threshold": {"gte": 500}},
        "template": "pro_achievement",
    },
    {"type": "milestone_reached", "when": {"rule": "replies", "threshold": 500}, "template": "second"},
    {"type": "trial_ending", "when": {"days_left": 1}, "template": "last_day"},
]


@pytest.mark.parametrize(
    ("type_", "data", "template"),
    [
        ("milestone_reached", {"rule": "replies", "threshold": 100}, "century_club"),
        ("milestone_reached", {"milestone_type": "replies", "milestone_value": 100}, "century_club"),
        ("milestone_reached", {"rule": "replies", "threshold": 500}, "pro_achievement"),
        ("milestone_reached", {"rule": "replies", "threshold": 10}, "any_replies"),
        ("milestone_reached", {"rule": "revenue", "threshold": 100}, "any_milestone"),
        ("trial_ending", {"daysLeft": 1}, "last_day"),
        ("trial_ending", {"daysLeft": 2}, None),
        ("user_created", {}, None),
    ],
)
def test_the_rule_with_the_most_conditions_wins_and_of_equals_the_first(
    type_: str, data: dict[str, object], template: str | None
) -> None:
    assert template_of(event(data, type=type_), RULES) == template


@pytest.mark.parametrize(
    ("type_", "data", "template"),
    [
        *(
            ("milestone_reached", {"milestone_type": "replies", "milestone_value": value}, name)
            for value, name in (
                (1, "first_reply_celebration"),
                (10, "getting_started_congrats"),
                (50, "power_user_emerging"),
                (100, "century_club"),
                (500, "pro_achievement"),
                (1000, "elite_status"),
            )
        ),
        ("milestone_reached", {"rule": "replies", "threshold": 100}, "century_club"),
        ("milestone_reached", {"rule": "replies", "threshold": 20}, None),
        ("milestone_reached", {"rule": "revenue", "threshold": 100}, None),
        ("daily_goal_achieved", {"streakDays": 7}, "week_streak"),
        ("feature_first_used", {"feature": "meme"}, "meme_discovery"),
    ],
)
def test_by_default_events_get_the_names_that_the_source_gave_them(
    type_: str, data: dict[str, object], template: str | None
) -> None:
    rules = list(Workspace().webhook_templates)
    assert template_of(event(data, type=type_), rules) == template


def test_a_rule_that_cannot_be_read_holds_nothing_up() -> None:
    broken: list[dict[str, object]] = [
        {"type": "user_created", "when": {"plan": {"like": "p%"}}, "template": "broken"},
        {"when": {}},
    ]
    assert template_of(event({}, type="user_created"), broken) is None
    fallback: dict[str, object] = {"type": "user_created", "template": "welcome"}
    assert template_of(event({}, type="user_created"), [*broken, fallback]) == "welcome"
