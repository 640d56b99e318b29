"""What a user did by local day: written when a day is over, mended when something comes late, and nothing twice."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from cairn.clock import now
from cairn.readings.stats import Stats
from cairn.usage.days import Days
from cairn.usage.reading import subject_of
from testing.dynamodb import stored
from testing.managed_product import ManagedProduct


def items(site: ManagedProduct) -> dict[str, Any]:
    """The history's items, by their sort key."""
    found = site.aws.table("HISTORY_TABLE").scan()["Items"]
    return {item["sk"]: item for item in found}


def a_week(site: ManagedProduct) -> list[dict[str, Any]]:
    """The stream's records of some days with late events, corrections and a mended goal."""
    site.put("4711", dailyGoal=3, timeZone="Europe/Berlin")
    for count in (2, 3, 1, 4):
        site.does("4711", count=count)
        site.does("4711", "meme")
        site.pass_days(1)
    site.does("4711", count=2, day=now().date() - timedelta(days=2))
    site.does("4711", "meme", count=-1, day=now().date() - timedelta(days=1))
    site.pass_days(4)
    site.does("4711")
    return site.aws.changes()


def test_a_day_is_written_when_it_is_over_and_no_reading_is(site: ManagedProduct) -> None:
    site.does("4711", count=3)
    site.does("4711", "meme")
    site.record()
    assert items(site) == {}, "nothing is written of today"
    site.pass_days(1)
    site.does("4711")
    site.record()
    found = items(site)
    assert set(found) == {"day#2026-11-20"}
    assert found["day#2026-11-20"]["metrics"] == {"replies": 3, "memes": 1}


def test_usage_by_day_has_open_days_and_those_that_are_over(site: ManagedProduct) -> None:
    a_week(site)
    assert stored("HISTORY_TABLE").items() == []
    assert set(site.days("4711")) == {"2026-11-28"}, "what is settled comes from the history"


def test_days_are_as_they_were_counted(site: ManagedProduct) -> None:
    site.record(a_week(site))
    found = site.days("4711")
    assert {day: one["counts"] for day, one in found.items()} == {
        "2026-11-20": {"memes": 1, "replies": 2},
        "2026-11-21": {"memes": 1, "replies": 3},
        "2026-11-22": {"memes": 1, "replies": 3},
        "2026-11-23": {"replies": 4},
        "2026-11-28": {"replies": 1},
    }
    assert {day: one["goalAchieved"] for day, one in found.items()} == {
        "2026-11-20": False,
        "2026-11-21": True,
        "2026-11-22": True,
        "2026-11-23": True,
        "2026-11-28": False,
    }
    assert {one["dailyGoal"] for one in found.values()} == {3}


def test_a_redelivered_stream_changes_nothing(site: ManagedProduct) -> None:
    records = site.record(a_week(site))
    before = items(site)
    for again in (records, records[3:], records[:2], records[-1:]):
        site.record(again)
        assert items(site) == before


def test_records_in_any_order_leave_the_same_days(site: ManagedProduct) -> None:
    records = a_week(site)
    site.record(records)
    before = items(site)
    for seed in range(40):
        order = Random(seed).sample(range(len(records)), len(records))  # noqa: S311 - no secret
        stored("HISTORY_TABLE").clear()
        for number in order:
            site.record([records[number]])
        assert items(site) == before, order


def test_what_a_lost_record_should_have_written_the_next_day_writes(site: ManagedProduct) -> None:
    """While the user comes back within two days; what is over for good is in the record that settles it."""
    site.put("4711", dailyGoal=3)
    records = []
    for count in (3, 4, 5, 6, 7, 8):
        site.does("4711", count=count)
        site.pass_days(1)
    site.does("4711")
    records = site.aws.changes()
    site.record(records)
    before = items(site)
    assert len(before) == 6
    for lost in range(len(records) - 2):
        stored("HISTORY_TABLE").clear()
        site.record(records[:lost] + records[lost + 1 :])
        assert {day: one["metrics"] for day, one in items(site).items()} == {
            day: one["metrics"] for day, one in before.items()
        }, lost


def test_somebody_who_never_comes_back_has_their_last_day(site: ManagedProduct) -> None:
    site.does("4711", count=3)
    site.record()
    site.pass_days(60)
    found = site.days("4711", **{"from": "2026-11-01", "to": "2026-11-30"})
    assert {day: one["counts"] for day, one in found.items()} == {"2026-11-20": {"replies": 3}}


def test_a_change_of_zone_never_re_dates_the_past(site: ManagedProduct) -> None:
    site.put("4711", timeZone="America/Los_Angeles", dailyGoal=2)
    site.does("4711", count=2)
    site.pass_days(0.7)  # 2026-11-21 04:48 UTC is still the 20th in Los Angeles
    site.does("4711", count=1)
    assert {day: one["counts"]["replies"] for day, one in site.days("4711").items()} == {"2026-11-20": 3}
    site.put("4711", timeZone="Asia/Tokyo")
    assert site.user("4711")["today"]["date"] == "2026-11-21"
    assert {day: one["counts"]["replies"] for day, one in site.days("4711").items()} == {"2026-11-20": 3}
    site.does("4711", count=2)
    site.put("4711", timeZone="Pacific/Honolulu")
    site.record()
    found = site.days("4711", to="2026-11-21")
    assert {day: one["counts"]["replies"] for day, one in found.items()} == {"2026-11-20": 3, "2026-11-21": 2}
    site.pass_days(3)
    site.does("4711")
    site.record()
    found = site.days("4711")
    assert {day: (one["counts"]["replies"], one["goalAchieved"]) for day, one in found.items()} == {
        "2026-11-20": (3, True),
        "2026-11-21": (2, True),
        "2026-11-23": (1, False),
    }


def test_a_missed_day_that_a_freeze_covered_says_so(site: ManagedProduct) -> None:
    site.put("4711", dailyGoal=1)
    site.does("4711")
    site.api("POST", "/api/users/4711/freezes", {"count": 1, "reason": "holiday"})
    site.pass_days(2)
    site.does("4711")
    site.pass_days(3)
    site.does("4711")
    site.record()
    found = site.days("4711")
    assert found["2026-11-21"]["frozen"] is True
    assert found["2026-11-21"]["counted"] is False
    assert items(site)["day#2026-11-21"]["frozen"] is True


def test_an_import_and_what_cairn_counted_stand_beside_each_other(site: ManagedProduct) -> None:
    site.does("4711", count=3)
    site.aws.table("HISTORY_TABLE").update_item(
        Key={"pk": "user:4711", "sk": "day#2026-11-20"},
        UpdateExpression="SET imported = :imported",
        ExpressionAttributeValues={":imported": {"replies": 7}},
    )
    site.pass_days(1)
    site.does("4711")
    site.record()
    day = site.days("4711")["2026-11-20"]
    assert (day["counts"], day["imported"]) == ({"replies": 3}, {"replies": 7})


def test_every_day_that_is_asked_for_is_answered(site: ManagedProduct) -> None:
    site.does("4711")
    path = "/api/users/4711/usage"
    answer = site.api("GET", path, scopes=("analytics",)).json
    assert [one["date"] for one in answer["items"]][::29] == ["2026-10-22", "2026-11-20"]
    assert len(answer["items"]) == 30
    assert answer["items"][0] == {
        "date": "2026-10-22",
        "counts": {},
        "imported": {},
        "goalCount": 0,
        "dailyGoal": None,
        "goalAchieved": False,
        "frozen": False,
        "counted": False,
    }
    assert len(site.api("GET", path, query={"from": "2025-10-17"}).json["items"]) == 400
    for query, named in (
        ({"from": "2025-10-16"}, "400 days"),
        ({"from": "2026-11-21", "to": "2026-11-20"}, "later"),
        ({"from": "yesterday"}, "from"),
        ({"from": "1", "to": "2"}, "from"),
    ):
        refused = site.api("GET", path, query=query)
        assert refused.status == 400, refused.text
        assert named in refused.error
    assert len(site.api("GET", path, query={"to": "0001-01-05"}).json["items"]) == 5


def test_reading_grows_with_the_days_shown(site: ManagedProduct) -> None:
    table = site.aws.table("HISTORY_TABLE")
    site.does("4711")
    first = date(2016, 1, 1)
    with table.batch_writer() as batch:
        for number in range(3000):
            day = first + timedelta(days=number)
            batch.put_item(Item={"pk": "user:4711", "sk": f"day#{day}", "metrics": {"replies": 1}})
    days = Days(table)
    reading = Stats(site.aws.table("STATS_TABLE")).get(subject_of("4711"))
    assert reading
    assert len(days.stored(reading.subject, date(2020, 1, 1), date(2020, 1, 31))) == 31
    assert len(days.all(reading)) == 3001


@pytest.mark.parametrize("user_id", ["nobody", "a%20b"])
def test_days_of_nobody_are_not_found(site: ManagedProduct, user_id: str) -> None:
    for path in ("", "/usage", "/milestones", "/freezes", "/export"):
        assert site.api("GET", f"/api/users/{user_id}{path}").status == 404
    assert site.api("POST", f"/api/users/{user_id}/freezes", {"count": 1, "reason": "x"}).status == 404
