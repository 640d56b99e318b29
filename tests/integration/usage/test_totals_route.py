"""What all users did by day, through the API."""

from __future__ import annotations

import pytest

from cairn.clock import iso, now
from cairn.readings.stats import Stats
from cairn.usage.totals import Totals
from testing.adversarial_dynamodb import catch_up
from testing.managed_product import ManagedProduct

PATH = "/api/usage/totals"


def count(site: ManagedProduct) -> None:
    """What `day_rollover` does once an hour."""
    stats, usage, history = (site.aws.table(name) for name in ("STATS_TABLE", "USAGE_TABLE", "HISTORY_TABLE"))
    catch_up()
    assert Totals(usage, now, stats=Stats(stats), history=history).count(lambda: True)
    catch_up()


def test_sums_of_all_users_are_listed_by_day_with_zeros_between(site: ManagedProduct) -> None:
    site.put("ada", timeZone="Pacific/Kiritimati", dailyGoal=2)
    site.does("ada", count=3)
    site.does("bo", count=4)
    site.does("bo", "meme")
    empty = site.api("GET", PATH, scopes=("analytics",))
    assert (empty.status, empty.json["asOf"], len(empty.json["items"])) == (200, None, 30)
    count(site)
    answer = site.api("GET", PATH, query={"from": "2026-11-19", "to": "2026-11-21"}, scopes=("analytics",))
    assert answer.json["asOf"] == iso(now())
    zero = {"counts": {}, "imported": {}, "users": 0, "goals": 0}
    assert answer.json["items"] == [
        {"date": "2026-11-19", **zero},
        {"date": "2026-11-20", **zero, "counts": {"memes": 1, "replies": 4}, "users": 1},
        {"date": "2026-11-21", **zero, "counts": {"replies": 3}, "users": 1, "goals": 1},
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-21", "to": "2026-11-20"},
        {"from": "2025-01-01", "to": "2026-11-20"},
        {"from": "yesterday"},
        {"to": "20"},
    ],
)
def test_a_range_that_is_reversed_too_long_or_no_date_is_refused(site: ManagedProduct, query: dict[str, str]) -> None:
    assert site.api("GET", PATH, query=query, scopes=("analytics",)).status == 400


def test_the_totals_are_for_those_who_may_read(site: ManagedProduct) -> None:
    for scopes, status in ((("ingest",), 403), (("webhooks",), 403), (("admin",), 200)):
        assert site.api("GET", PATH, scopes=scopes).status == status
