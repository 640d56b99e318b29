"""Freezes: granted, counted once, listed with who granted them and what they covered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cairn.clock import now
from cairn.readings.stats import Stats
from cairn.usage.freezes import Freezes
from testing.managed_product import ManagedProduct

PATH = "/api/users/4711/freezes"


def test_freezes_are_added_and_their_history_is_kept(site: ManagedProduct) -> None:
    site.put("4711", dailyGoal=1)
    answer = site.api("POST", PATH, {"count": 2, "reason": "an outage"})
    assert answer.status == 200
    assert (answer.json["count"], answer.json["freezes"], answer.json["reason"]) == (2, 2, "an outage")
    site.clock.sleep(60)
    assert site.api("POST", PATH, {"reason": "a gift"}).json["freezes"] == 3
    found = site.api("GET", PATH, scopes=("analytics",)).json
    assert found["freezes"] == 3
    assert [(one["count"], one["reason"], one["at"]) for one in found["items"]] == [
        (1, "a gift", "2026-11-20T12:01:00.000Z"),
        (2, "an outage", "2026-11-20T12:00:00.000Z"),
    ]
    assert found["used"] == []
    assert site.user("4711")["freezes"] == 3


def test_the_same_id_grants_once_and_another_grant_with_it_is_refused(site: ManagedProduct) -> None:
    site.put("4711")
    first = site.api("POST", PATH, {"count": 2, "reason": "an outage", "id": "ticket-9"})
    again = site.api("POST", PATH, {"count": 2, "reason": "an outage", "id": "ticket-9"})
    assert (again.status, again.json) == (200, first.json)
    other = site.api("POST", PATH, {"count": 3, "reason": "an outage", "id": "ticket-9"})
    assert other.status == 409
    assert site.user("4711")["freezes"] == 2
    site.put("4712")
    assert site.api("POST", "/api/users/4712/freezes", {"reason": "x", "id": "ticket-9"}).json["freezes"] == 1


def test_one_freeze_covers_one_missed_day(site: ManagedProduct) -> None:
    site.put("4711", dailyGoal=1)
    site.does("4711")
    site.api("POST", PATH, {"count": 1, "reason": "holiday"})
    site.pass_days(3)  # two days were missed
    site.does("4711")
    assert site.user("4711")["streakDays"] == 1
    site.pass_days(1)
    site.does("4711")
    site.pass_days(3)
    site.does("4711")
    found = site.api("GET", PATH).json
    assert (found["freezes"], found["used"]) == (0, ["2026-11-21"])


def test_a_freeze_that_is_granted_twice_at_a_time_counts_once(site: ManagedProduct) -> None:
    site.put("4711")
    freezes = Freezes(
        stats=Stats(site.aws.table("STATS_TABLE")),
        table=site.aws.table("USAGE_TABLE"),
        rules_version=1,
        zone="UTC",
        clock=now,
    )
    with ThreadPoolExecutor(4) as pool:
        grants = list(pool.map(lambda _: freezes.grant("4711", 3, "once", "op", "one")[0], range(4)))
    assert len(set(grants)) == 1
    assert site.user("4711")["freezes"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"count": 0, "reason": "x"},
        {"count": -1, "reason": "x"},
        {"count": 32, "reason": "x"},
        {"count": 1.5, "reason": "x"},
        {"count": 1},
        {"count": 1, "reason": ""},
        {"count": 1, "reason": "a\u0007"},
        {"count": 1, "reason": "x", "id": ""},
    ],
)
def test_a_grant_that_says_nothing_sensible_is_refused(site: ManagedProduct, body: dict[str, Any]) -> None:
    site.put("4711")
    assert site.api("POST", PATH, body).status == 400
    assert site.api("GET", PATH).json["items"] == []


def test_nobody_has_more_than_31_freezes(site: ManagedProduct) -> None:
    site.put("4711")
    assert site.api("POST", PATH, {"count": 31, "reason": "x"}).status == 200
    refused = site.api("POST", PATH, {"count": 1, "reason": "x"})
    assert refused.status == 409
    assert "31" in refused.error
    assert len(site.api("GET", PATH).json["items"]) == 1
