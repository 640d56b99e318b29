"""An import brings days, totals and first dates, in silence; twice the same is once, and a corrected row replaces."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.clock import now
from cairn.usage.importing import DAYS_AT_ONCE, Outcome
from cairn.usage.reading import subject_of, tombstone
from cairn.usage.rows import Row
from testing.usage_site import UsageSite, usage_site

DAY = timedelta(days=1)
START = date(2024, 3, 1)
IMPORTED, UNCHANGED = Outcome("imported"), Outcome("unchanged")


@pytest.fixture
def site() -> Iterator[UsageSite]:
    with usage_site() as made:
        yield made


def row(user_id: str, day: date, replies: int = 0, memes: int = 0, suggestions: int = 0) -> Row:
    counts = {"replies": replies, "memes": memes, "suggestions": suggestions}
    return Row(user_id, day, {metric: count for metric, count in counts.items() if count})


def years(user_id: str = "ada", days: int = 400, **counts: int) -> list[Row]:
    return [row(user_id, START + number * DAY, **(counts or {"replies": 2})) for number in range(days)]


def stored(site: UsageSite, user_id: str = "ada") -> dict[str, Any]:
    """What all tables say of a user, without what changes with each write."""
    reading = site.reading(user_id)
    history = site.table("HISTORY_TABLE").scan()["Items"]
    totals = {
        str(one.day): dict(one.imported) for one in site.totals(date(2024, 1, 1), date(2026, 12, 31)) if one.imported
    }
    return {
        "metrics": dict(reading.metrics),
        "state": reading.state,
        "days": {
            item["sk"]: item["imported"] for item in history if item["pk"] == f"user:{user_id}" and "imported" in item
        },
        "totals": totals,
    }


# -- in silence


def test_a_first_run_of_an_import_records_and_does_not_mail(site: UsageSite) -> None:
    assert site.import_(*years()) == [IMPORTED] * 400
    site.settle()
    site.run(DAY)
    assert site.told == []
    reading = site.reading()
    assert (reading.metrics["replies"], reading.metrics["days_with_us"]) == (800, (date(2026, 11, 20) - START).days)
    assert reading.silent
    assert site.habits().firsts == {"replies": datetime(2024, 3, 1, tzinfo=UTC)}
    assert site.habits().since == START
    assert len(stored(site)["days"]) == 400


def test_after_an_import_the_next_event_announces_only_what_is_new(site: UsageSite) -> None:
    site.import_(*years(days=499, replies=1))
    site.settle()
    site.track()
    site.settle()
    (body,) = site.told
    assert (body["metadata"]["milestone_value"], body["metadata"]["lifetime_total"]) == (500, 500)
    assert body["metadata"]["is_first"] is False
    assert body["metadata"]["also_passed"] == []
    site.track()
    site.settle()
    assert len(site.told) == 1


def test_an_event_before_the_stream_has_brought_the_import_announces_no_more(site: UsageSite) -> None:
    site.import_(*years(days=499, replies=1))
    site.track()
    site.settle()
    assert [body["metadata"]["milestone_value"] for body in site.told] == [500]


def test_an_import_of_a_user_who_is_known_says_nothing_either(site: UsageSite) -> None:
    site.put(goal=1, name="Ada", email="ada@example.com")
    site.track()
    site.settle()
    before = site.told
    site.import_(*years())
    site.settle()
    site.run(timedelta(hours=3))
    assert site.told == before
    assert site.reading().metrics["replies"] == 801
    assert site.profile().email == "ada@example.com"


def test_an_anniversary_that_an_import_brought_near_is_celebrated_when_it_comes(site: UsageSite) -> None:
    """363 days ago: nothing of the days before is, and the year is, the day after tomorrow."""
    site.import_(row("ada", date(2026, 11, 20) - 363 * DAY, 1))
    site.settle()
    site.run(3 * DAY)
    (body,) = site.told
    assert (body["metadata"]["milestone_type"], body["metadata"]["milestone_value"]) == ("days_with_us", 365)
    assert body["timestamp"][:10] == "2026-11-22"


def test_the_date_of_a_sync_does_not_inflate_a_streak(site: UsageSite) -> None:
    """Nor do the days that it brings, not even those that are still open."""
    site.put(goal=1)
    for _ in range(3):
        site.track()
        site.settle()
        site.run(DAY)
    assert site.reading().metrics["streak"] == 3
    today = now().date()
    site.import_(*[row("ada", today - number * DAY, 5) for number in range(30)])
    site.settle()
    assert site.reading().metrics["streak"] == 3
    assert site.habits().run.length + len(site.habits().days) <= 3
    site.import_(*[row("grace", today - number * DAY, 5) for number in range(30)])
    assert site.reading("grace").metrics["streak"] == 0


def test_what_is_imported_of_today_counts_for_life_and_the_month_and_not_for_the_goal(site: UsageSite) -> None:
    site.put(goal=3)
    site.track(count=2)
    site.import_(row("ada", date(2026, 11, 20), 7), row("ada", date(2026, 10, 1), 4))
    habits = site.habits()
    assert habits.days[date(2026, 11, 20)].toward_goal == 2
    assert (habits.month, habits.month_counts["replies"]) == ("2026-11", 9)
    tracked = site.track()
    assert (tracked.goal_count, tracked.goal_achieved, tracked.lifetime_total) == (3, True, 14)


# -- once


def test_twice_the_same_is_once(site: UsageSite) -> None:
    rows = [*years(days=120), row("grace", START, 3, 2, 1)]
    site.import_(*rows)
    before = stored(site)
    written = site.reading().as_of
    for _ in range(2):
        assert site.import_(*rows) == [UNCHANGED] * 121
    assert stored(site) == before
    assert site.reading().as_of == written, "nothing is written"


def test_a_corrected_row_replaces_the_one_before(site: UsageSite) -> None:
    site.import_(row("ada", START, 10, 4), row("ada", START + DAY, 1))
    assert site.import_(row("ada", START, 7, 0, 2), row("ada", START + DAY, 1)) == [IMPORTED, UNCHANGED]
    found = stored(site)
    assert {name: found["metrics"][name] for name in ("replies", "memes", "suggestions")} == {
        "replies": 8,
        "memes": 0,
        "suggestions": 2,
    }
    assert found["days"][f"day#{START}"] == {"replies": 7, "suggestions": 2}
    assert found["totals"][str(START)] == {"replies": 7, "memes": 0, "suggestions": 2}


def test_a_total_that_a_correction_took_below_a_milestone_is_not_celebrated_again(site: UsageSite) -> None:
    site.track(count=5)
    site.settle()
    site.import_(row("ada", START, 6))
    site.settle()
    site.import_(row("ada", START, 1))
    site.settle()
    site.track(count=5)
    site.settle()
    assert [body["metadata"]["milestone_value"] for body in site.told_of("milestone_reached")] == [1]


def test_of_two_rows_of_a_day_in_one_import_the_last_counts(site: UsageSite) -> None:
    site.import_(row("ada", START, 10), row("ada", START, 3))
    assert stored(site)["metrics"]["replies"] == 3


def test_rows_without_anything_store_nothing(site: UsageSite) -> None:
    assert site.import_(row("ada", START)) == [UNCHANGED]
    assert site.stats.get(subject_of("ada")) is None


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(
            st.builds(
                row,
                st.sampled_from(["ada", "grace"]),
                st.integers(0, 60).map(lambda number: START + number * DAY),
                st.integers(0, 3),
                st.integers(0, 2),
            ),
            max_size=70,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_imports_come_to_what_their_last_rows_say(runs: list[list[Row]]) -> None:
    with usage_site() as site:
        last: dict[tuple[str, date], Row] = {}
        for rows in runs:
            site.import_(*rows)
            last |= {(one.user_id, one.day): one for one in rows}
        for user_id in ("ada", "grace"):
            own = {day: one.counts for (of, day), one in last.items() if of == user_id}
            reading = site.stats.get(subject_of(user_id))
            for metric in ("replies", "memes"):
                assert (reading.metrics.get(metric, 0) if reading else 0) == sum(
                    counts.get(metric, 0) for counts in own.values()
                )
        for one in site.totals(START, START + 61 * DAY):
            of_day = [row.counts for (_, day), row in last.items() if day == one.day]
            for metric in ("replies", "memes"):
                assert one.imported.get(metric, 0) == sum(counts.get(metric, 0) for counts in of_day)


def test_imports_and_events_at_a_time_lose_and_double_nothing(site: UsageSite) -> None:
    users = [f"user-{number}" for number in range(6)]
    rows = [one for user_id in users for one in years(user_id, 60)]

    def import_all(_: int) -> None:
        site.importing.run(rows)

    def track_all(_: int) -> None:
        for user_id in users:
            site.track(user_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(import_all, range(2)))
        list(pool.map(track_all, range(3)))
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(import_all, 0), pool.submit(track_all, 0), pool.submit(track_all, 0)]
        for one in done:
            one.result()
    assert {user_id: site.reading(user_id).metrics["replies"] for user_id in users} == dict.fromkeys(users, 125)
    assert all(one.imported["replies"] == 12 for one in site.totals(START, START + 59 * DAY))


# -- what is refused


def test_an_erased_user_stays_erased(site: UsageSite) -> None:
    site.stats.record(tombstone("ada", None, now(), "2026-11-20"))
    outcomes = site.import_(*years(days=3), row("grace", START, 1))
    assert [one.status for one in outcomes] == ["rejected"] * 3 + ["imported"]
    assert outcomes[0].error.startswith("erased: ")
    assert site.table("HISTORY_TABLE").scan()["Items"][0]["pk"] == "user:grace"
    outcomes, foretold = site.importing.foretell([row("ada", START, 500)])
    assert [one.status for one in outcomes] == ["rejected"]
    assert foretold == []


def test_a_user_who_begins_with_an_import_has_the_workspaces_time_zone_and_is_listed(site: UsageSite) -> None:
    site.zone = "Asia/Tokyo"
    site.import_(row("ada", START, 1), row("ada", START + 9 * DAY, 1))
    site.settle()
    assert site.reading().details["time_zone"] == "Asia/Tokyo"
    assert site.habits().firsts["replies"] == datetime(2024, 2, 29, 15, tzinfo=UTC), "midnight in Tokyo"
    profiles, _ = site.users.page(None, 10, None)
    assert [(profile.id, profile.active) for profile in profiles] == [("ada", START + 9 * DAY)]


# -- a dry run


def test_a_dry_run_says_what_would_have_been_announced_and_changes_nothing(site: UsageSite) -> None:
    site.track("grace", count=60)
    site.settle()
    rows = [*years(days=300), row("grace", START, 45), row("mary", START, 0, 3)]
    outcomes, foretold = site.importing.foretell(rows)
    assert outcomes == [IMPORTED] * 302
    assert [(one.user_id, one.rule, one.threshold, one.also_passed) for one in foretold] == [
        ("ada", "days_with_us", 730, (7, 30, 365)),
        ("ada", "replies", 500, (1, 10, 50, 100)),
        ("grace", "days_with_us", 730, (7, 30, 365)),
        ("grace", "replies", 100, ()),
        ("mary", "days_with_us", 730, (7, 30, 365)),
        ("mary", "memes", 1, ()),
    ]
    assert [item for item in site.table("HISTORY_TABLE").scan()["Items"] if "imported" in item] == []
    assert site.stats.get(subject_of("ada")) is None
    assert site.import_(*rows) == outcomes, "and the import is as it was foretold"
    outcomes, foretold = site.importing.foretell(rows)
    assert (outcomes, foretold) == ([UNCHANGED] * 302, [])


# -- what it costs


def test_days_of_a_user_are_one_transaction_of_forty_nine(site: UsageSite) -> None:
    calls: list[str] = []
    importing = site.importing
    for table in (importing._stats._table, importing._history, importing._usage):
        table.meta.client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    importing.run(years(days=2 * DAYS_AT_ONCE + 1))
    assert calls.count("TransactWriteItems") == 3
    assert set(calls) <= {"TransactWriteItems", "BatchGetItem", "GetItem"}
