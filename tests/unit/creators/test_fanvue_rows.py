"""Each whole second of a creator's earnings comes from one answer, so that shifting pages hide and repeat nothing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.creators.model import Earning, identity, transactions
from cairn.creators.platforms import Rows
from cairn.creators.platforms.fanvue import Fanvue
from cairn.errors import PlatformUnavailableError
from tests.unit.creators.listing import CREATOR, UUID, Listing, Row, fanvue, page, row, scripted
from tests.unit.scripted import NOON

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def seconds_ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def everything(platform: Fanvue, since: datetime, until: datetime) -> list[Rows]:
    """Answer by answer, as a sync reads."""
    read = []
    while until > since:
        answer = platform.rows(since, until)
        assert answer.until == until
        assert since <= answer.since < until
        assert all(answer.since <= one.at < until for one in answer.earnings)
        read.append(answer)
        until = answer.since
    return read


def grosses(read: list[Rows]) -> list[int]:
    return [one.gross for answer in read for one in answer.earnings]


def test_rows_of_a_time_come_with_one_call() -> None:
    listing = Listing([row(seconds_ago(n), n) for n in range(1, 51)])
    answer = fanvue(listing).rows(NOON - HOUR, NOON)
    assert (answer.since, len(answer.earnings)) == (NOON - HOUR, 50)
    assert listing.asked == [
        {"startDate": "2026-11-20T11:00:00.000Z", "endDate": "2026-11-20T12:00:00.000Z", "size": "50"}
    ]


def test_of_more_rows_than_an_answer_holds_the_oldest_second_is_left_to_the_next() -> None:
    listing = Listing([row(seconds_ago(n // 2), n) for n in range(2, 102)])
    first = fanvue(listing).rows(NOON - HOUR, NOON)
    assert len(listing.asked) == 1
    assert first.since == seconds_ago(24)
    assert len(first.earnings) == 48
    assert grosses(everything(fanvue(listing), NOON - HOUR, NOON)) == list(range(2, 102))


def test_equal_rows_astride_a_page_stay_as_many_as_they_are() -> None:
    equal = [row(seconds_ago(50), 999) for _ in range(4)]
    listing = Listing([*(row(seconds_ago(n), n) for n in range(1, 49)), *equal, row(seconds_ago(60), 60)])
    read = everything(fanvue(listing), NOON - HOUR, NOON)
    assert Counter(grosses(read))[999] == 4
    assert len(grosses(read)) == 53
    made = [one.key for answer in read for one in transactions(CREATOR, answer.earnings, trace_id="t", silent=False)]
    assert len(set(made)) == 53


def test_rows_that_arrive_while_a_sync_reads_hide_and_repeat_nothing() -> None:
    rows = [row(seconds_ago(n), n) for n in range(1, 181)]
    arriving = [[row(seconds_ago(0.5), 1000 + n) for n in range(3)] for _ in range(3)]
    listing = Listing(list(rows), list(arriving))
    assert grosses(everything(fanvue(listing), NOON - HOUR, seconds_ago(1) + SECOND / 2)) == list(range(1, 181))


def test_a_second_with_more_rows_than_an_answer_is_read_until_two_readings_agree() -> None:
    crowded = [row(seconds_ago(9), n) for n in range(130)]
    late = row(seconds_ago(9), 5000)
    listing = Listing([row(seconds_ago(5), 7777), *crowded, row(seconds_ago(20), 8888)], [(), (), [late]])
    read = everything(fanvue(listing), NOON - HOUR, NOON)
    assert Counter(grosses(read)) == Counter([7777, *range(130), 5000, 8888])


def test_a_second_that_never_stops_changing_is_the_platforms_failure_and_not_a_guess() -> None:
    crowded = [row(seconds_ago(9), n) for n in range(60)]
    listing = Listing(crowded, [[row(seconds_ago(9), 100 + n)] for n in range(100)])
    with pytest.raises(PlatformUnavailableError, match="change while they are read"):
        fanvue(listing).rows(NOON - HOUR, NOON)


def test_exactly_a_page_in_one_second_needs_no_cursor() -> None:
    listing = Listing([row(seconds_ago(9), n) for n in range(50)])
    assert len(fanvue(listing).rows(NOON - HOUR, NOON).earnings) == 50
    assert len(listing.asked) == 1


def test_a_time_that_begins_and_ends_within_a_second_is_read_like_any_other() -> None:
    rows = [row(NOON + timedelta(milliseconds=n * 10), n) for n in range(99)]
    listing = Listing(rows)
    since, until = NOON + timedelta(milliseconds=105), NOON + timedelta(milliseconds=905)
    read = everything(fanvue(listing), since, until)
    assert sorted(grosses(read)) == list(range(11, 91))


def test_no_rows_are_an_answer_too() -> None:
    assert fanvue(Listing([])).rows(NOON - HOUR, NOON) == Rows(NOON - HOUR, NOON, [])


def test_an_order_other_than_the_newest_first_is_refused() -> None:
    platform, _ = scripted(page(row(seconds_ago(9)), row(seconds_ago(5))))
    with pytest.raises(PlatformUnavailableError, match="newest first"):
        platform.rows(NOON - HOUR, NOON)


def test_a_list_that_ignores_the_time_it_is_asked_for_adds_nothing_from_outside() -> None:
    platform, _ = scripted(page(row(NOON + SECOND, 1), row(seconds_ago(5), 2), row(NOON - 2 * HOUR, 3), cursor="50"))
    answer = platform.rows(NOON - HOUR, NOON)
    assert (answer.since, [one.gross for one in answer.earnings]) == (NOON - HOUR, [2])
    lost, _ = scripted(page(row(NOON + SECOND), cursor="50"))
    with pytest.raises(PlatformUnavailableError, match="another time"):
        lost.rows(NOON - HOUR, NOON)


def test_a_creators_rows_are_asked_for_by_its_id_and_its_own_without() -> None:
    platform, script = scripted(page())
    platform.rows(NOON - HOUR, NOON)
    request = script.asked[0]
    assert request.url.path == f"/creators/{UUID}/insights/earnings"
    assert request.headers["authorization"] == "Bearer FV-key"
    assert request.headers["x-fanvue-api-version"] == "2025-06-26"


def test_what_a_fan_is_called_and_whether_money_can_be_paid_out_do_not_make_another_row() -> None:
    before, after = row(NOON, transactionOrderStatus="pendingBalance"), row(NOON, transactionOrderStatus="available")
    after["user"] = {**after["user"], "nickname": "My Ada", "isTopSpender": True, "displayName": "Ada L."}
    assert identity(_one(before)) == identity(_one(after))
    others: list[dict[str, object]] = [
        {"gross": 101},
        {"net": 99},
        {"currency": "EUR"},
        {"source": "post"},
        {"transactionOrderId": "o2"},
        {"user": None},
        {"reversedTransactionOrderId": "o0"},
        {"messageUuid": "m"},
    ]
    identities = {identity(_one(row(NOON) | other)) for other in others} | {identity(_one(row(NOON)))}
    assert len(identities) == len(others) + 1


def test_numbers_and_instants_that_are_written_differently_are_the_same_row() -> None:
    plain, other = row(NOON, 100), row(NOON, 100.0) | {"date": "2026-11-20T13:00:00+01:00", "currency": "usd"}
    assert identity(_one(plain)) == identity(_one(other))


def _one(listed: Row) -> Earning:
    platform, _ = scripted(page(listed))
    (earning,) = platform.rows(NOON - HOUR, NOON + HOUR).earnings
    return earning


moments = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=120)


@given(
    rows=moments,
    arriving=st.lists(st.lists(st.integers(-5, 0), max_size=4), max_size=8),
    size=st.integers(3, 12),
)
def test_whatever_arrives_meanwhile_the_rows_before_are_each_read_once(
    rows: list[tuple[int, int]], arriving: list[list[int]], size: int
) -> None:
    """New rows are newer than the time that is read; those that are there may be equal, and many in a second."""
    there = [row(seconds_ago(second), gross) for second, gross in rows]
    new = [[row(NOON + timedelta(seconds=1 - n), 77) for n in batch] for batch in arriving]
    listing = Listing(list(there), list(new), size=size)
    read = everything(fanvue(listing), NOON - HOUR, NOON + SECOND / 2)
    assert Counter(grosses(read)) == Counter(gross for _, gross in rows)


@given(rows=moments, late=st.lists(st.lists(st.integers(0, 40), max_size=3), max_size=5), size=st.integers(3, 12))
def test_late_rows_are_read_once_or_not_yet_and_never_twice(
    rows: list[tuple[int, int]], late: list[list[int]], size: int
) -> None:
    there = [row(seconds_ago(second), gross) for second, gross in rows]
    new = [[row(seconds_ago(second), 77) for second in batch] for batch in late]
    listing = Listing(list(there), list(new), size=size)
    counted = Counter(grosses(everything(fanvue(listing), NOON - HOUR, NOON + SECOND / 2)))
    assert counted[77] <= sum(len(batch) for batch in late)
    assert {gross: count for gross, count in counted.items() if gross != 77} == Counter(gross for _, gross in rows)
