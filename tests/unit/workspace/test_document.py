"""Settings are checked when they are saved: what cannot work is refused by name, with every problem at once."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cairn.rules import catalogue
from cairn.workspace.document import (
    DEFAULTS,
    MAX_CHANNELS,
    SETTINGS,
    InvalidSettingsError,
    Workspace,
    initial,
    loaded,
    plain,
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def changed(before: Workspace = DEFAULTS, /, **changes: Any) -> Workspace:
    return before.changed(changes, at=AT, by="key:ada", reason="")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("refresh_age_seconds", 0),
        ("refresh_age_seconds", True),
        ("refresh_age_seconds", 1.5),
        ("refresh_age_seconds", Decimal("NaN")),
        ("refresh_age_seconds", Decimal("Infinity")),
        ("stale_after_seconds", "soon"),
        ("implausible_factor", 1),
        ("implausible_increase", -1),
        ("time_zone", "Europe/Atlantis"),
        ("time_zone", 1),
        ("ladders", {"subscribers": []}),
        ("ladders", {"subscribers": [100, 100]}),
        ("ladders", {"subscribers": [0, 100]}),
        ("ladders", {"subscribers": ["many"]}),
        ("ladders", {"subscribers": list(range(1, 300))}),
        ("ladders", {"subscribers": [10**18]}),
        ("ladders", {"followers": [100]}),
        ("ladders", {"rank": [1]}),
        ("ladders", {"daily_goal": [1]}),
        ("usage_types", {}),
        ("usage_types", {"feature": {"metric": "uses"}}),
        ("usage_types", {"Reply": {"metric": "replies"}}),
        ("usage_types", {"reply": {"metric": "subscribers"}}),
        ("usage_types", {"reply": {"metric": "replies", "ladder": [10, 1]}}),
        ("usage_types", {"reply": {"metric": "replies", "goal": "yes"}}),
        ("usage_types", {"a": {"metric": "same", "ladder": [1]}, "b": {"metric": "same", "ladder": [2]}}),
        ("usage_types", {"reply": {"metric": "replies", "feature": "Two words"}}),
        ("ladders", [100]),
        ("viewer_heartbeat_interval", 999),
        ("viewer_timeout", 59),
        ("viewer_count_update_interval", 499),
        ("viewer_joins_per_minute", 0),
        ("viewer_milestone_seconds", 901),
        ("live_channels", {"a room": "Spaces are not for ids"}),
        ("live_channels", {"a" * 101: "Too long"}),
        ("live_channels", {"demo\n": "Another line"}),
        ("live_channels", {"demo": "  "}),
        ("live_channels", {"demo": "🗻" * 101}),
        ("live_channels", {"demo": "two\nlines"}),
        ("live_channels", {f"channel-{number}": "One of many" for number in range(MAX_CHANNELS + 1)}),
        ("live_channels", "not an object"),
        ("retired_reps_kept_days", 0),
        ("telegram_messages_per_second", 0),
        ("telegram_messages_per_second", "fast"),
        ("telegram_progress_every", 0),
        ("telegram_announcement_chat", "my channel"),
        ("creators_telegram_chat", "my channel"),
        ("creator_history_days", 0),
        ("creator_history_days", 3651),
        ("webhook_retry_schedule", [0, 5]),
        ("webhook_retry_schedule", [0, 5, -1]),
        ("webhook_retry_schedule", 5),
        ("webhook_attempts_at_once", 0),
        ("webhook_disable_after_days", 0),
        ("webhook_templates", [{"type": "milestone_reached"}]),
        ("webhook_templates", [{"type": "milestone_reached", "when": {"value": None}, "template": "x"}]),
        ("webhook_templates", [{"type": "milestone_reached", "when": {}, "template": ""}]),
        ("webhook_templates", [{"type": "a", "when": {}, "template": "b", "or": "c"}]),
        ("webhook_templates", [{"type": "a", "when": {"x": {"like": "b"}}, "template": "b"}]),
        ("webhook_templates", [{"type": "a", "when": {"x": {"eq": {}}}, "template": "b"}]),
        ("webhook_templates", "century_club"),
        ("no_such_setting", 1),
        ("version", 7),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidSettingsError) as refused:
        changed(**{name: value})
    assert list(refused.value.problems) == [name]


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InvalidSettingsError) as refused:
        changed(stale_after_seconds=0, time_zone="Mars", viewer_timeout=600)
    assert refused.value.problems.keys() == {"stale_after_seconds", "time_zone"}


def test_a_viewers_timeout_leaves_room_for_a_lost_heartbeat() -> None:
    with pytest.raises(InvalidSettingsError, match="viewer_timeout: must be two of viewer_heartbeat_interval"):
        changed(viewer_heartbeat_interval=30_001)
    assert changed(viewer_heartbeat_interval=5000, viewer_timeout=10).viewer_timeout == 10


def test_what_nobody_has_set_follows_the_code_and_null_gives_a_default_back() -> None:
    first = changed(stale_after_seconds=60, implausible_factor=5)
    assert first.given == {"stale_after_seconds": 60, "implausible_factor": 5}
    second = changed(first, stale_after_seconds=None)
    assert second.given == {"implausible_factor": 5}
    assert second.stale_after_seconds == DEFAULTS.stale_after_seconds
    assert second.differences(first) == ("stale_after_seconds",)


def test_versions_count_up_and_tell_which_of_them_changed_the_rules() -> None:
    first = changed(stale_after_seconds=60)
    second = changed(first, ladders={"subscribers": [10, 20]})
    third = changed(second, stale_after_seconds=61)
    fourth = changed(third, time_zone="Europe/Berlin")
    assert [made.version for made in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert [made.rules_version for made in (first, second, third, fourth)] == [0, 2, 2, 4]
    assert fourth.zones.changes[-1] == (AT + timedelta(minutes=1), "Europe/Berlin")
    assert changed(fourth, ladders={"subscribers": [10, 20]}).rules_version == 4


def test_every_value_survives_being_stored_as_json() -> None:
    values: dict[str, Any] = {
        "ladders": {"subscribers": (10, 20), "viewers": (5,)},
        "live_channels": {"youtube:UC_x-1": "Höhenzug 🏔"},
        "webhook_templates": (
            {"type": "milestone_reached", "when": {"rule": "viewers", "value": {"gte": 10}}, "template": "ten"},
        ),
        "telegram_messages_per_second": 12.5,
        "webhook_retry_schedule": (0, 1, 2),
    }
    made = changed(**values)
    again = loaded(made.given)
    for name in SETTINGS:
        assert getattr(again, name) == getattr(made, name)
        assert getattr(loaded({name: plain(getattr(made, name))}), name) == getattr(made, name)
        assert getattr(made, name) == values.get(name, SETTINGS[name].default)


def test_a_number_with_a_fraction_of_zero_is_whole() -> None:
    assert changed(stale_after_seconds=Decimal("60.0")).stale_after_seconds == 60


def test_a_setting_of_a_newer_version_is_left_out() -> None:
    assert loaded({"of_next_year": 1, "stale_after_seconds": 60}).given == {"stale_after_seconds": 60}


def test_the_deployments_values_are_checked_too() -> None:
    assert initial({"time_zone": "Asia/Kolkata"}).zones.at(AT) == "Asia/Kolkata"
    for wrong in ({"time_zone": "Mars"}, {"viewer_timeout": 5}, {"ladders": 5}):
        with pytest.raises(InvalidSettingsError):
            initial(wrong)


def test_every_setting_has_words_and_a_default_that_can_be_saved() -> None:
    names = {field.name for field in fields(Workspace)}
    about = {"version", "rules_version", "rules_changed_at", "changed_at", "changed_by", "reason", "zones", "given"}
    assert SETTINGS.keys() == names - about
    for name, setting in SETTINGS.items():
        assert setting.words.endswith("."), name
        assert changed(**{name: plain(setting.default)}) == changed(**{name: plain(setting.default)})
        assert getattr(changed(**{name: plain(setting.default)}), name) == setting.default


def test_ladders_may_name_every_rule_that_takes_thresholds() -> None:
    named = {rule.name: [1, 2, 3] for rule in catalogue() if rule.name not in ("rank", "daily_goal", "feature")}
    assert changed(ladders=named).ladders["goal"] == (1, 2, 3)


def test_all_settings_together_fit_into_an_item() -> None:
    long = {f"channel-{number}": "🗻" * 100 for number in range(300)}
    with pytest.raises(InvalidSettingsError, match="100,000 bytes"):
        changed(live_channels=long)
