"""Reps, their ranks and their months across an upgrade."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.upgrade.fixtures import Fixture, detect, logged, plain
from tests.upgrade.site import Site

SOON = timedelta(minutes=2)
REPS = "/api/leaderboard/sales-reps"


def test_an_update_passes_new_thresholds_alone(upgraded: Site, fixture: Fixture) -> None:
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    upgraded.run(upgraded.now + SOON)
    before = set(_celebrated(upgraded))
    updated = _update(upgraded, fixture, "Ada", monthlyRevenue=80000)
    assert [one["id"] for one in updated["milestones"]] == ["rep:1/revenue/2026-12/75000"]
    assert updated["milestones"][0]["alsoPassed"] == []
    upgraded.run(upgraded.now + SOON)
    assert set(_celebrated(upgraded)) - before == {"rep:1/revenue/2026-12/75000"}
    assert len(_celebrated(upgraded)) == len(set(_celebrated(upgraded)))


def test_a_change_that_passes_nothing_new_celebrates_nothing(upgraded: Site, fixture: Fixture) -> None:
    """Down below a threshold, and up again: its mark says that it was passed this month."""
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    upgraded.run(upgraded.now + SOON)
    before = _celebrated(upgraded)
    for revenue in (49000, 52000):
        assert _update(upgraded, fixture, "Ada", monthlyRevenue=revenue)["milestones"] == []
        upgraded.run(upgraded.now + SOON)
    assert [one for one in _celebrated(upgraded) if one not in before] == []


def test_ranks_follow_from_the_rows_that_were_there(upgraded: Site, fixture: Fixture) -> None:
    assert _ranks(upgraded, fixture) == {"Ada": 1, "Bob": 2, "Cyd": 3, "Eve": 4}
    assert _update(upgraded, fixture, "Cyd", monthlyRevenue=60000.01)["rankChange"] == 2
    assert _ranks(upgraded, fixture) == {"Cyd": 1, "Ada": 2, "Bob": 3, "Eve": 4}


def test_the_month_begins_for_the_rep_whom_it_left_out(upgraded: Site, fixture: Fixture) -> None:
    """The board that the last month ended with is complete then, and nothing is celebrated."""
    scheduled = fixture.files["invocations"]["schedules"]["month_rollover"]
    assert upgraded.call("month_rollover", scheduled) == {"turned": 1}
    assert upgraded.call("month_rollover", scheduled) == {"turned": 0}
    before = _celebrated(upgraded)
    upgraded.run(upgraded.now + SOON)
    assert _celebrated(upgraded) == before
    eve = upgraded.api("GET", f"{REPS}/{fixture.clients['reps']['Eve']}", key=_key(fixture)).json
    assert (eve["monthlyRevenue"], eve["monthlyRevenueGoal"]) == (0, 8000.5)
    board = upgraded.api("GET", "/api/leaderboard", query={"period": "2026-11"}, key=_key(fixture)).json
    assert [(rep["name"], rep["monthlyRevenue"]) for rep in board["items"]] == [
        ("Bob", 26000.55),
        ("Ada", 21000),
        ("Eve", 5000.75),
        ("Cyd", 0),
    ]


def test_an_update_of_a_rep_in_last_month_begins_their_month(upgraded: Site, fixture: Fixture) -> None:
    assert _update(upgraded, fixture, "Eve", monthlySignups=2)["rep"]["monthlyRevenue"] == 0
    upgraded.run(upgraded.now + SOON)
    board = upgraded.api("GET", "/api/leaderboard", query={"period": "2026-11"}, key=_key(fixture)).json
    assert [rep["name"] for rep in board["items"]] == ["Bob", "Ada", "Eve", "Cyd"]


def test_badges_stay_with_the_day_they_were_earned(upgraded: Site, fixture: Fixture) -> None:
    """Their milestones are brought again, and earn nothing again."""
    before = _badges(upgraded)
    detect(upgraded, fixture.files["stream_records"]["processed"])
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    after = _badges(upgraded)
    assert all(after[rep].items() >= earned.items() for rep, earned in before.items())
    assert after["rep:2"].keys() - before["rep:2"].keys() == {"#top-earner"}


def test_a_retired_rep_stays_away_and_their_id_is_not_given_again(upgraded: Site, fixture: Fixture) -> None:
    assert upgraded.api("GET", f"{REPS}/{fixture.clients['reps']['Dan']}", key=_key(fixture)).status == 404
    hired = upgraded.api("POST", REPS, {"name": "Fay"}, key=fixture.clients["keys"]["admin"])
    assert hired.json["id"] == max(fixture.clients["reps"].values()) + 1


def _key(fixture: Fixture) -> str:
    key: str = fixture.clients["keys"]["screen"]
    return key


def _update(site: Site, fixture: Fixture, name: str, **stats: float) -> Any:
    answer = site.api("POST", f"{REPS}/{fixture.clients['reps'][name]}/update-stats", stats, key=_key(fixture))
    assert answer.status == 200, answer.text
    return answer.json


def _ranks(site: Site, fixture: Fixture) -> dict[str, int]:
    board = site.api("GET", "/api/leaderboard", key=_key(fixture)).json
    return {rep["name"]: rep["rank"] for rep in board["items"]}


def _celebrated(site: Site) -> list[str]:
    """The milestones in the TV's log."""
    return [frame["data"]["milestone"]["id"] for _, frame in sorted(logged(site, "tv-display").items())]


def _badges(site: Site) -> dict[str, dict[str, Any]]:
    return {item["pk"]: item for item in plain(site, "MILESTONES_TABLE") if item["sk"] == "badges"}
