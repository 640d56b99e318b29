"""The rows of the platform's list are stored once each, whatever the list does while it is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from cairn.clock import now
from cairn.creators import keys
from cairn.creators.model import Earning
from cairn.creators.platforms import Flow
from cairn.errors import KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from testing.creator_platform import earning
from testing.creator_site import CreatorSite

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ago(**time: float) -> datetime:
    return now() - timedelta(**time)


def test_the_first_sync_reads_a_year_in_silence_and_later_rows_are_announced(site: CreatorSite) -> None:
    mia = site.creator()
    site.platform.add("fv-Mia", earning(ago(days=300), 90_000), earning(ago(days=2), 20_000, payer="bob"))
    site.platform.add("fv-Mia", earning(ago(days=400), 10_000))
    site.synced(mia)
    assert site.revenue(mia) == 1100  # not what is older than a year
    reading = site.reading(mia)
    assert reading
    assert reading.silent
    assert site.state(mia).first_synced_at

    site.wait(minutes=15)
    site.platform.add("fv-Mia", earning(ago(minutes=1), 500_000))
    site.sweep()
    site.settle()
    reading = site.reading(mia)
    assert reading
    assert (reading.metrics["revenue"], reading.silent) == (6100, False)


def test_a_creator_without_a_row_has_no_revenue_so_that_the_first_sale_counts_from_zero(site: CreatorSite) -> None:
    mia = site.creator()
    site.synced(mia)
    assert site.revenue(mia) == 0
    assert site.state(mia).first_synced_at


def test_what_is_older_than_the_creator_is_silent_also_when_it_comes_late(site: CreatorSite) -> None:
    mia = site.creator()
    before = ago(hours=1)
    site.synced(mia)
    site.platform.add("fv-Mia", earning(before, 500_000))
    site.synced(mia)
    reading = site.reading(mia)
    assert reading
    assert (reading.metrics["revenue"], reading.silent) == (5000, True)


def test_two_equal_rows_of_a_second_stay_two(site: CreatorSite) -> None:
    mia, at = site.creator(), ago(minutes=5)
    site.platform.add("fv-Mia", earning(at), earning(at), earning(at, payer="bob"))
    site.synced(mia)
    assert len(site.rows(mia)) == 3
    assert site.wrong(mia) == []


def test_equal_rows_astride_a_page_are_each_stored_once(site: CreatorSite) -> None:
    mia, at = site.creator(), ago(minutes=5)
    site.platform.page = 3
    site.platform.add("fv-Mia", *(earning(at + timedelta(seconds=second)) for second in (2, 1, 0, 0, 0, 0, -1, -1)))
    site.synced(mia)
    assert site.wrong(mia) == []


@pytest.mark.parametrize("seed", range(6))
def test_pages_that_shift_while_they_are_read_lose_and_double_no_row(site: CreatorSite, seed: int) -> None:
    """Rows come, change, and vanish between any two calls, also where an earlier answer was."""
    mia, random = site.creator(), Random(seed)  # noqa: S311 - repeatable
    site.platform.page = 4
    site.platform.add("fv-Mia", *_rows(random, 40))

    def shift(_: str) -> None:
        rows = site.platform.earnings["fv-Mia"]
        site.platform.add("fv-Mia", *_rows(random, random.randrange(3)))
        if random.random() < 0.3:
            rows.remove(random.choice(rows))
        if random.random() < 0.3:
            site.platform.change("fv-Mia", random.choice(rows), gross=random.randrange(1, 9) * 100)

    site.platform.before = shift
    site.synced(mia)
    site.platform.before = lambda _: None
    site.wait(seconds=1)
    site.synced(mia)
    assert site.wrong(mia) == []


def _rows(random: Random, count: int) -> list[Earning]:
    """Within the last days; many of them equal and of the same second."""
    return [
        earning(
            (now() - timedelta(seconds=random.choice((0, 1, 2, 3600, 7200, 90_000)))).replace(microsecond=0),
            random.choice((500, 500, 1000, -500)),
            source=random.choice(("tip", "message")),
            payer=random.choice(("ann", "bob", None)),
        )
        for _ in range(count)
    ]


def test_a_row_that_comes_late_changes_or_vanishes_within_the_overlap_mends_the_sums(site: CreatorSite) -> None:
    mia = site.creator()
    first, second = earning(ago(minutes=40)), earning(ago(minutes=30), payer="bob")
    site.platform.add("fv-Mia", first, second)
    site.synced(mia)
    site.platform.add("fv-Mia", earning(ago(minutes=50), payer="eve"))
    site.platform.change("fv-Mia", first, net=1)
    site.platform.earnings["fv-Mia"].remove(second)
    site.wait(minutes=5)
    site.sweep()
    site.settle()
    assert site.wrong(mia) == []
    assert [row.payer for row in site.rows(mia, "gone")] == ["ann", "bob"]


def test_a_row_that_vanished_and_is_back_counts_again(site: CreatorSite) -> None:
    mia, row = site.creator(), earning(ago(minutes=40))
    site.platform.add("fv-Mia", row)
    site.synced(mia)
    site.platform.earnings["fv-Mia"].clear()
    site.wait(seconds=1)
    site.synced(mia)
    assert site.revenue(mia) == 0
    site.platform.add("fv-Mia", row)
    site.wait(seconds=1)
    site.synced(mia)
    assert site.wrong(mia) == []


def test_a_refund_in_part_and_a_second_one_are_rows_of_their_own(site: CreatorSite) -> None:
    mia, at = site.creator(), ago(days=3)
    site.platform.add("fv-Mia", earning(at, 1000))
    site.synced(mia)
    for part in (-300, -700):
        site.platform.add("fv-Mia", replace(earning(ago(minutes=1), part), reverses="order-1"))
        site.wait(minutes=15)
        site.sweep()
        site.settle()
    assert site.revenue(mia) == 0
    assert site.wrong(mia) == []
    assert [row.reverses for row in site.rows(mia)] == [None, "order-1", "order-1"]


def test_the_first_sync_of_a_day_looks_at_the_last_week_and_of_a_month_at_five(site: CreatorSite) -> None:
    mia = site.creator()
    site.synced(mia)
    site.wait(hours=13)  # the next day
    site.platform.add("fv-Mia", earning(ago(days=6)))
    late = earning(ago(days=20), payer="bob")
    site.platform.add("fv-Mia", late)
    site.sweep()
    site.settle()
    assert [row.payer for row in site.rows(mia)] == ["ann"]
    site.account.clock.advance_to(datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    site.sweep()
    site.settle()
    assert site.wrong(mia) == []


def test_a_creator_whose_platform_fails_stops_nobody_else_at_this_run_and_at_the_next(site: CreatorSite) -> None:
    creators = [site.creator(name) for name in ("Ada", "Mia", "Zoe")]
    site.platform.errors["fv-Mia"] = PlatformUnavailableError("fanvue", "HTTP 500")
    for _ in range(2):
        for creator in creators:
            site.platform.add(creator.external_id, earning(ago(minutes=1)))
        site.sweep()
        site.settle()
        site.wait(minutes=15)
    ada, mia, zoe = creators
    assert (site.wrong(ada), site.wrong(zoe)) == ([], [])
    failure = site.state(mia).failure
    assert failure
    assert (failure.code, failure.failures, site.rows(mia)) == ("unavailable", 2, [])
    site.platform.errors.clear()
    site.wait(hours=1)
    site.sweep()
    site.settle()
    assert site.wrong(mia) == []
    assert site.state(mia).failure is None


def test_a_failure_is_tried_again_ever_later_up_to_an_hour(site: CreatorSite) -> None:
    mia = site.creator()
    site.platform.errors["fv-Mia"] = PlatformUnavailableError("fanvue", "HTTP 500")
    waits = []
    for _ in range(8):
        site.sweep()
        site.settle()
        failure = site.state(mia).failure
        assert failure
        waits.append(round((failure.not_before - now()).total_seconds() / 60))
        site.account.clock.advance_to(failure.not_before)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_rejected_key_says_that_a_person_has_to_connect_again(site: CreatorSite) -> None:
    mia = site.creator()
    site.platform.errors["fv-Mia"] = KeyRejectedError("fanvue", "invalid_grant")
    site.synced(mia)
    failure = site.state(mia).failure
    assert failure
    assert (failure.code, failure.message) == ("reconnect", "fanvue does not answer: invalid_grant")


def test_a_limit_of_the_platform_holds_the_creator_until_it_says(site: CreatorSite) -> None:
    mia = site.creator()
    until = now() + timedelta(minutes=20)
    site.platform.errors["fv-Mia"] = PlatformPausedError("fanvue", "HTTP 429", until)
    site.synced(mia)
    calls = len(site.platform.calls)
    site.wait(minutes=15)
    site.sweep()
    site.ask(mia)
    site.settle()
    assert len(site.platform.calls) == calls
    site.platform.errors.clear()
    site.account.clock.advance_to(until)
    site.sweep()
    site.settle()
    assert site.state(mia).failure is None


def test_a_limit_in_the_middle_of_a_long_sync_lets_it_go_on_where_it_was(site: CreatorSite) -> None:
    mia = site.creator()
    site.platform.page = 10
    site.platform.add("fv-Mia", *(earning(ago(hours=hours), payer=f"p{hours}") for hours in range(1, 60)))
    answers = 0

    def limit(_: str) -> None:
        nonlocal answers
        answers += 1
        if answers == 3:
            raise PlatformPausedError("fanvue", "HTTP 429", now() + timedelta(seconds=40))

    site.platform.before = limit
    started = now()
    site.synced(mia)
    assert site.wrong(mia) == []
    assert timedelta(seconds=40) <= now() - started < timedelta(seconds=60)
    assert len([call for call in site.platform.calls if call[1] == "rows"]) <= 9
    assert site.state(mia).failure is None


def test_a_sync_that_is_longer_than_an_invocation_goes_on_by_a_message(site: CreatorSite) -> None:
    mia = site.creator()
    site.platform.page = 10
    site.platform.add("fv-Mia", *(earning(ago(hours=hours), payer=f"p{hours}") for hours in range(1, 200)))
    site.platform.before = lambda _: site.wait(seconds=30)
    site.synced(mia)
    assert site.wrong(mia) == []
    assert site.account.left_behind() == {}


def test_a_normal_sync_of_a_creator_makes_three_calls_at_most(site: CreatorSite) -> None:
    mia = site.creator()
    site.synced(mia)
    site.platform.calls.clear()
    site.wait(hours=2)
    site.platform.add("fv-Mia", earning(ago(minutes=3)))
    site.sweep()
    site.settle()
    assert len(site.platform.calls) <= 3
    assert site.wrong(mia) == []


def test_subscribers_who_came_and_went_are_stored_by_day_and_corrected(site: CreatorSite) -> None:
    mia, today = site.creator(), now().date()
    site.platform.flows["fv-Mia"] = [Flow(today - DAY, 3, 1), Flow(today, 1, 0)]
    site.synced(mia)
    site.platform.flows["fv-Mia"] = [Flow(today - DAY, 3, 2), Flow(today, 4, 0)]
    site.wait(hours=2)
    site.synced(mia)
    stored = {day: site.item(keys.flow(mia.id), keys.of_day(day)) for day in (today - DAY, today)}
    assert {day: (int(one["new"]), int(one["ended"])) for day, one in stored.items()} == {
        today - DAY: (3, 2),
        today: (4, 0),
    }


def test_two_syncs_at_once_are_one_after_the_other(site: CreatorSite) -> None:
    """The second message comes while the first sync waits for the platform."""
    mia = site.creator()
    site.platform.add("fv-Mia", *(earning(ago(minutes=minutes)) for minutes in range(1, 9)))
    site.ask(mia)
    started = 0

    def meanwhile(_: str) -> None:
        nonlocal started
        started += 1
        if started == 1:
            site.ask(mia)
            site.account.creators.step(site.account.invoke)

    site.platform.before = meanwhile
    site.settle()
    assert site.wrong(mia) == []
    assert site.account.left_behind() == {}


def test_a_message_that_is_delivered_again_finds_its_sync_done(site: CreatorSite) -> None:
    mia = site.creator()
    site.account.creators.copies = 3
    site.platform.add("fv-Mia", earning(ago(minutes=1)))
    site.ask(mia, "webhook", deep=False)
    site.settle()
    assert len([call for call in site.platform.calls if call[1] == "rows"]) == 1
    assert site.wrong(mia) == []


def test_a_creator_who_retired_is_not_synced(site: CreatorSite) -> None:
    from cairn.creators.registry import Creators

    mia = site.creator()
    table = site.account.cloud.table("CREATORS_TABLE")
    site.ask(mia)
    Creators(table).retire(mia, now())
    site.sweep()
    site.settle()
    assert site.platform.calls == []


def test_the_day_of_a_row_is_utcs(site: CreatorSite) -> None:
    mia = site.creator()
    at = datetime(2026, 11, 19, 23, 59, 59, 999_000, tzinfo=UTC)
    site.platform.add("fv-Mia", earning(at), earning(at + timedelta(milliseconds=1)))
    site.synced(mia)
    assert set(site.days(mia)) == {date(2026, 11, 19), date(2026, 11, 20)}
    assert site.wrong(mia) == []
