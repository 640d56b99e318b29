"""Channels, their readings and their history across an upgrade."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from tests.upgrade.fixtures import Fixture, plain, put_all, told_now
from tests.upgrade.scenario import BATS, CATS, CHAT, DOGS
from tests.upgrade.site import SCHEDULE, Answer, Site, channel_path

MENDED = re.compile(r"/(lastMilestone/achievedAt|monthlyGrowth)$")
"""What is null now: the instant at which a mark was reached that was set in silence, and a growth that nobody sent."""


def test_the_api_answers_as_the_release_before_did(upgraded: Site, fixture: Fixture) -> None:
    """Page by page: the cursors are those that the release before gave out."""
    cookies = _cookies(upgraded)
    wrong = []
    for one in fixture.files["answers"]:
        caller: Any = {"cookies": cookies} if one["by"] == "ada" else {"key": fixture.clients["keys"][one["by"]]}
        function = "viewer_heartbeat" if one["path"].startswith("/api/viewer/") else "api"
        answer = upgraded.api("GET", one["path"], query=one["query"], function=function, **caller)
        wrong += [f"{one['path']} {one['query']}: {what}" for what in _differences(one["answer"], _content(answer), "")]
    assert wrong == []


def _cookies(site: Site) -> dict[str, str]:
    people = site.account.cloud.people
    people.add("ada", "leaderboard", "analytics")
    return {"__Host-cairn": people.tokens("ada")["IdToken"]}


def _content(answer: Answer) -> Any:
    return answer.json if answer.text.startswith("{") else answer.text


def _differences(before: Any, after: Any, path: str) -> list[str]:
    """What an answer lacks of the one before; it may have more fields, and cursors of another form."""
    if path.endswith("/nextCursor"):
        return [] if (before is None) == (after is None) else [f"{path} was {before}, is {after}"]
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            found
            for name in before
            for found in _differences(before[name], after.get(name, "absent"), f"{path}/{name}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            found
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            for found in _differences(old, new, f"{path}/{number}")
        ]
    if MENDED.search(path) and after is None:
        return []
    return [] if before == after else [f"{path} was {before}, is {after}"]


def test_a_tick_writes_nothing_where_nothing_changed(upgraded: Site, fixture: Fixture) -> None:
    upgraded.world.counts[CHAT] = 300
    upgraded.call("fetch_stats", fixture.files["invocations"]["schedules"]["fetch_stats"])
    assert upgraded.records() == []


def test_a_tick_fetches_where_the_release_before_stopped(upgraded: Site, fixture: Fixture) -> None:
    """A milestone is passed with a reading of each release; a count that appears for the first time is a baseline."""
    upgraded.world.counts.update({BATS: 2_000})
    upgraded.call("fetch_stats", SCHEDULE)
    assert {record["dynamodb"]["Keys"]["subject"]["S"] for record in upgraded.records()} == {
        f"channel:{CHAT}",
        f"channel:{BATS}",
    }
    upgraded.run(upgraded.now + timedelta(minutes=5))
    assert set(told_now(upgraded)) == {("Chatroom", "500")}
    bats = upgraded.api("GET", channel_path(BATS), key=fixture.clients["keys"]["admin"]).json
    assert bats["trouble"] is None
    assert bats["lastMilestone"]["label"] == "1K"


def test_a_platform_that_asked_to_wait_is_left_alone(upgraded: Site) -> None:
    upgraded.call("fetch_stats", SCHEDULE)
    assert "instagram" not in upgraded.world.asked
    upgraded.advance_to(_paused_until(upgraded))
    upgraded.call("fetch_stats", SCHEDULE)
    assert "instagram" in upgraded.world.asked


def _paused_until(site: Site) -> datetime:
    (pause,) = [item for item in plain(site, "CHANNELS_TABLE") if item["pk"] == "pauses"]
    return datetime.fromtimestamp(int(pause["paused_until"]) / 1000, site.now.tzinfo)


def test_what_a_sweep_left_on_the_queue_is_fetched(upgraded: Site, fixture: Fixture) -> None:
    put_all(upgraded, fixture.messages("waiting", "fetch_batch"))
    upgraded.bring("fetch")
    assert upgraded.waiting("fetch") == []
    changed = {record["dynamodb"]["Keys"]["subject"]["S"] for record in upgraded.records()}
    assert changed == {f"channel:{CHAT}"}
    answer = upgraded.api("GET", channel_path(CATS), key=fixture.clients["keys"]["screen"]).json
    assert answer["asOf"] > fixture.files["about"]["recorded_at"]


def test_a_fetch_that_died_is_made_again_when_its_lease_is_over(upgraded: Site, fixture: Fixture) -> None:
    upgraded.world.counts[CATS] = 26_000
    key = fixture.clients["keys"]["screen"]
    upgraded.advance_to(upgraded.now + timedelta(seconds=20))
    assert upgraded.api("POST", f"{channel_path(CATS)}/refresh", key=key).json["subscribers"] == 26_000


def test_records_that_were_not_brought_reach_the_history(upgraded: Site, fixture: Fixture) -> None:
    records = fixture.files["stream_records"]["waiting"]
    for record in [*records, *fixture.files["stream_records"]["processed"]]:
        upgraded.call("record_history", {"Records": [record]})
    history = {(item["pk"], item["sk"]): item for item in plain(upgraded, "HISTORY_TABLE")}
    before = {(item["pk"]["S"], item["sk"]["S"]) for item in fixture.items("HISTORY_TABLE")}
    added = {key[0] for key in history.keys() - before if key[1].startswith("reading#")}
    assert added == {record["dynamodb"]["Keys"]["subject"]["S"] for record in records}
    assert (f"channel:{DOGS}", "day#2026-12-09") in history.keys() - before


def test_a_channel_that_is_removed_and_tracked_again_begins_in_silence(upgraded: Site, fixture: Fixture) -> None:
    key = fixture.clients["keys"]["admin"]
    assert upgraded.api("DELETE", channel_path(CATS), key=key).status == 204
    body = {"platform": "youtube", "handle": CATS.partition(":")[2]}
    assert upgraded.api("POST", "/api/channels", body, key=key).status == 201
    upgraded.run(upgraded.now + timedelta(minutes=1))
    assert told_now(upgraded) == {}
