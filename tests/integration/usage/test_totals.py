"""Sums of all users by day: of each user's own days, exact once a day is over for everybody, and counted in pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from cairn.clock import now
from cairn.usage.reading import subject_of
from cairn.usage.rows import Row
from cairn.usage.totals import EVERY, Totals
from testing.usage_site import HOUR, UsageSite, usage_site

DAY = timedelta(days=1)
ZONES = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kathmandu")
FIRST, LAST = date(2026, 11, 1), date(2026, 12, 31)


@pytest.fixture
def site() -> Iterator[UsageSite]:
    with usage_site() as made:
        yield made


def totals(site: UsageSite) -> Totals:
    return Totals(site.table("USAGE_TABLE"), now, stats=site.stats, history=site.table("HISTORY_TABLE"))


def counted(site: UsageSite) -> dict[str, dict[str, int]]:
    """What there is, by date."""
    found = totals(site).between(FIRST, LAST)[0]
    return {str(one.day): dict(one.counts) for one in found if one.counts}


def test_a_count_sums_up_the_users_own_days(site: UsageSite) -> None:
    site.put("ada", zone="Pacific/Kiritimati", goal=2)
    site.track("ada", count=3)
    site.track("grace", count=4)
    site.track("grace", "meme")
    site.settle()
    assert totals(site).between(FIRST, LAST)[1] is None, "nothing was counted yet"
    assert totals(site).is_due()
    assert totals(site).count(lambda: True)
    found, as_of = totals(site).between(date(2026, 11, 19), date(2026, 11, 22))
    assert as_of == now()
    assert [(str(one.day), dict(one.counts), one.users, one.goals) for one in found] == [
        ("2026-11-19", {}, 0, 0),
        ("2026-11-20", {"replies": 4, "memes": 1}, 1, 0),
        ("2026-11-21", {"replies": 3}, 1, 1),
        ("2026-11-22", {}, 0, 0),
    ]
    assert not totals(site).is_due()
    site.webhooks.account.run(now() + EVERY)
    assert totals(site).is_due()


def test_a_repeated_count_counts_nobody_twice_and_follows_corrections(site: UsageSite) -> None:
    site.track("ada", count=3)
    for _ in range(3):
        totals(site).count(lambda: True)
    assert counted(site) == {"2026-11-20": {"replies": 3}}
    site.track("ada", count=-2)
    totals(site).count(lambda: True)
    assert counted(site) == {"2026-11-20": {"replies": 1}}


def test_sums_of_days_that_are_over_stay_as_they_were(site: UsageSite) -> None:
    """Users around the world do something each day, come late, and stop; the sums are those of a naive count."""
    random, expected = Random(5), Counter[tuple[str, str]]()  # noqa: S311 - no secret
    users = [f"user-{number}" for number in range(10)]
    for number, user_id in enumerate(users):
        site.put(user_id, zone=ZONES[number % len(ZONES)], goal=2)
    for _ in range(14 * 4):
        for user_id in users:
            if random.random() < 0.3:
                late = timedelta(hours=random.choice((0, 0, 0, 20, 47)))
                tracked = site.track(user_id, random.choice(("reply", "meme")), random.randint(1, 3), at=now() - late)
                metric = {"reply": "replies", "meme": "memes"}[tracked.event.type]
                expected[str(tracked.day), metric] += tracked.event.count
        site.run(6 * HOUR, 3 * HOUR)
    site.run(5 * DAY, 6 * HOUR)
    found = counted(site)
    assert {(day, metric): count for day, counts in found.items() for metric, count in counts.items()} == dict(expected)
    site.track(users[0], count=7)
    site.settle()
    site.run(DAY, 6 * HOUR)
    today = {**counted(site)}
    assert {day: today[day] for day in found} == found


def test_somebody_who_was_settled_between_two_counts_is_read_in_the_history(site: UsageSite) -> None:
    site.put("ada", goal=1)
    site.track("ada", count=3)
    site.settle()
    totals(site).count(lambda: True)
    site.webhooks.account.run(datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
    site.track("ada", count=2, date=date(2026, 11, 20))
    site.settle()
    site.webhooks.account.run(datetime(2026, 11, 23, 0, 30, tzinfo=UTC))
    site.track("ada")
    site.settle()
    assert date(2026, 11, 20) not in site.habits("ada").days, "the stats item has forgotten it"
    assert totals(site).count(lambda: True)
    assert counted(site)["2026-11-20"] == {"replies": 5}
    site.webhooks.account.run(now() + DAY)
    site.table("HISTORY_TABLE").delete_item(Key={"pk": "user:ada", "sk": "day#2026-11-20"})
    totals(site).count(lambda: True)
    assert counted(site)["2026-11-20"] == {"replies": 5}, "it was over for good, and is not counted again"


def test_a_day_that_is_on_its_way_to_the_history_is_waited_for(site: UsageSite) -> None:
    site.put("ada", goal=1)
    site.track("ada", count=3)
    site.settle()
    site.table("HISTORY_TABLE").delete_item(Key={"pk": "user:ada", "sk": "day#2026-11-20"})
    site.webhooks.account.run(datetime(2026, 11, 23, 0, 30, tzinfo=UTC))
    site.track("ada")
    assert not totals(site).count(lambda: True)
    assert counted(site) == {}
    site.settle()
    assert not totals(site).count(lambda: True)
    site.webhooks.account.run(now() + timedelta(minutes=2))
    assert totals(site).is_due()
    assert totals(site).count(lambda: True)
    assert counted(site) == {"2026-11-20": {"replies": 3}, "2026-11-23": {"replies": 1}}


def test_a_count_that_was_interrupted_goes_on_where_it_stopped(site: UsageSite) -> None:
    users = [f"user-{number}" for number in range(60)]
    for user_id in users:
        site.track(user_id, count=2)
    read: list[str | None] = []

    class InPieces(type(site.stats)):  # type: ignore[misc]  # the class of an instance
        def states(self, kind: str, after: str | None, limit: int = 7) -> Any:
            read.append(after)
            return super().states(kind, after, 7)

    def some(budget: int) -> Any:
        left = iter([True] * budget)
        return lambda: next(left, False)

    for _ in range(20):
        pieces = Totals(
            site.table("USAGE_TABLE"),
            now,
            stats=InPieces(site.table("STATS_TABLE")),
            history=site.table("HISTORY_TABLE"),
        )
        if pieces.count(some(2)):
            break
        assert counted(site) == {}, "nothing is shown of a count that is not complete"
        assert pieces.is_due()
        site.webhooks.account.run(now() + timedelta(minutes=1))
    assert counted(site) == {"2026-11-20": {"replies": 120}}
    assert len(read) == len(set(read)), "no part is read twice"


def test_two_counts_at_a_time_count_nobody_twice(site: UsageSite) -> None:
    site.track("ada", count=3)
    one, other = totals(site), totals(site)
    assert not one.count(lambda: False)
    assert other.count(lambda: True)
    assert one.count(lambda: True)
    assert counted(site) == {"2026-11-20": {"replies": 3}}


def test_a_user_whose_days_cannot_be_read_spoils_nobody_elses(site: UsageSite) -> None:
    site.track("ada", count=3)
    site.track("grace", count=4)
    site.table("STATS_TABLE").update_item(
        Key={"subject": "user:ada"},
        UpdateExpression="SET #state = :broken",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":broken": "{"},
    )
    totals(site).count(lambda: True)
    assert counted(site) == {"2026-11-20": {"replies": 4}}


def test_what_is_imported_is_in_the_sums_at_once_and_beside_what_was_counted(site: UsageSite) -> None:
    site.track("ada", count=3)
    totals(site).count(lambda: True)
    site.import_(
        Row("ada", date(2026, 11, 20), {"replies": 5}),
        Row("grace", date(2026, 11, 20), {"replies": 2, "memes": 1}),
        Row("grace", date(2025, 1, 1), {"replies": 9}),
    )
    totals(site).count(lambda: True)
    (day,) = site.totals(date(2026, 11, 20), date(2026, 11, 20))
    assert (dict(day.counts), dict(day.imported)) == ({"replies": 3}, {"replies": 7, "memes": 1})
    (long_ago,) = site.totals(date(2025, 1, 1), date(2025, 1, 1))
    assert dict(long_ago.imported) == {"replies": 9}
    site.import_(Row("grace", date(2025, 1, 1), {"replies": 4}))
    assert dict(site.totals(date(2025, 1, 1), date(2025, 1, 1))[0].imported) == {"replies": 4}


def test_the_rollover_counts_hourly(site: UsageSite) -> None:
    site.track("ada", count=3)
    site.settle()
    site.run(3 * HOUR, timedelta(minutes=10))
    scans = [call for call in site.webhooks.account.wire.calls if call.startswith("day_rollover: dynamodb Scan")]
    assert len(scans) == 3
    assert counted(site) == {"2026-11-20": {"replies": 3}}
    assert subject_of("ada") == site.reading().subject
