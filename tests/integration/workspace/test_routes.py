"""A person changes settings by HTTP: checked, against what they have seen, with a trail, and undoable."""

from __future__ import annotations

from typing import Any

import pytest

from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.workspace import begin_with, change


def shown(api: Api) -> dict[str, Any]:
    catch_up()
    found: dict[str, Any] = api("GET", "/api/settings").json
    return found


def value(answer: dict[str, Any], name: str) -> Any:
    return next(one["value"] for one in answer["items"] if one["name"] == name)


def patch(api: Api, version: int, reason: str = "", /, **changes: Any) -> Any:
    catch_up()
    return api("PATCH", "/api/settings", {"version": version, "changes": changes, "reason": reason})


def test_every_setting_is_shown_with_its_default_and_its_words(api: Api) -> None:
    answer = shown(api)
    assert (answer["version"], answer["changedBy"], answer["notes"]) == (0, "", [])
    stale = next(one for one in answer["items"] if one["name"] == "stale_after_seconds")
    assert stale == {
        "name": "stale_after_seconds",
        "value": 900,
        "default": 1800,
        "words": "A count older than this is shown as stale.",
        "setBySomebody": True,
    }


def test_a_change_is_a_version_with_who_why_and_what(api: Api) -> None:
    made = patch(api, 0, "slow platform", stale_after_seconds=1200).json
    assert (made["version"], made["reason"], value(made, "stale_after_seconds")) == (2, "slow platform", 1200)
    assert made["changedBy"].startswith("key:")
    catch_up()
    newest, first = api("GET", "/api/settings/history").json["items"]
    assert newest["changes"] == [{"name": "stale_after_seconds", "before": 900, "after": 1200}]
    assert (first["version"], first["changedBy"]) == (1, "deployment")


def test_who_has_not_seen_the_last_change_is_told_and_changes_nothing(api: Api) -> None:
    patch(api, 0, stale_after_seconds=1200)
    refused = patch(api, 1, stale_after_seconds=60)
    assert refused.status == 409
    assert "version: 2 holds now, saved by key:" in refused.error
    assert value(shown(api), "stale_after_seconds") == 1200


def test_every_value_that_cannot_work_is_named_and_nothing_is_changed(api: Api) -> None:
    refused = patch(api, 0, stale_after_seconds=0, time_zone="Mars", nothing=1, refresh_age_seconds=5)
    assert refused.status == 400
    assert {one["field"] for one in refused.json["details"]} == {"stale_after_seconds", "time_zone", "nothing"}
    assert shown(api)["version"] == 0 or value(shown(api), "refresh_age_seconds") == 300


@pytest.mark.parametrize(
    "body", [{}, {"version": 0}, {"version": 0, "changes": {}}, {"version": -1, "changes": {"x": 1}}]
)
def test_a_request_that_says_nothing_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api("PATCH", "/api/settings", body).status == 400


def test_a_number_with_a_fraction_is_kept_as_it_is(api: Api) -> None:
    made = patch(api, 0, telegram_messages_per_second=12.5).json
    assert value(made, "telegram_messages_per_second") == 12.5
    assert value(shown(api), "telegram_messages_per_second") == 12.5


def test_null_gives_a_default_back(api: Api) -> None:
    patch(api, 0, stale_after_seconds=1200)
    made = patch(api, 2, stale_after_seconds=None).json
    assert value(made, "stale_after_seconds") == 1800


def test_a_change_is_taken_back_and_what_came_after_it_stays(api: Api) -> None:
    patch(api, 0, stale_after_seconds=1200)
    patch(api, 2, refresh_age_seconds=7)
    catch_up()
    made = api("POST", "/api/settings/undo", {"version": 2}).json
    assert (value(made, "stale_after_seconds"), value(made, "refresh_age_seconds")) == (900, 7)
    catch_up()
    assert api("POST", "/api/settings/undo", {"version": 2}).status == 409
    assert api("POST", "/api/settings/undo", {"version": 99}).status == 404


def test_the_answer_says_from_when_a_time_zone_holds_and_what_a_ladder_does_not_announce(
    api: Api, clock: ControlledClock
) -> None:
    made = patch(api, 0, time_zone="Asia/Kolkata", ladders={"subscribers": [1000, 9500]}).json
    zone, ladder = made["notes"]
    assert zone.startswith("time_zone: Asia/Kolkata holds from 2026-11-20T12:01")
    assert ladder.startswith("ladders: subscribers has new thresholds, 9,500.")


def test_the_trail_says_who_changed_which_setting(api: Api, logs: Written) -> None:
    patch(api, 0, stale_after_seconds=1200, refresh_age_seconds=9)
    line = next(line for line in logs.audit if line["action"] == "PATCH /api/settings")
    assert line["targets"] == ["setting:stale_after_seconds", "setting:refresh_age_seconds", "version:2"]
    assert line["actor"]["kind"] == "key"


def test_every_warm_function_follows_without_a_deployment(api: Api, aws: Cloud, clock: ControlledClock) -> None:
    begin_with(live_channels={"demo": "Demo stream"})
    seen = FUNCTIONS["viewer_heartbeat"].dependencies
    assert (seen.workspace.viewer_timeout, dict(seen.names)) == (60, {"demo": "Demo stream"})
    before = seen.counting
    assert seen.counting is before, "made once a version"
    change(clock, viewer_timeout=120, live_channels={"demo": "Demo", "other": "Another"})
    assert (seen.timeout.total_seconds(), dict(seen.names)) == (120, {"demo": "Demo", "other": "Another"})
    assert seen.counting is not before
