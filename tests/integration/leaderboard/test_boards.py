"""The board's rows and the rank counters agree, whatever changes them concurrently and whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.errors import ContentionError, NotFoundError
from cairn.leaderboard.boards import CONFLICT_PAUSES, Boards, Row, row_of
from cairn.leaderboard.reps import RETIRED, Reps
from cairn.model import Number, Subject
from cairn.readings.stats import Stats
from cairn.rules import catalogue
from testing.leaderboard import Floor, at
from testing.outages import CONFLICT, OUTAGE, failing

ADA, GRACE = Subject("rep", "1"), Subject("rep", "2")


@pytest.fixture
def table(floor: Floor) -> Any:
    return dynamodb.resource().Table("leaderboard_table")


@pytest.fixture
def boards(table: Any) -> Boards:
    return Boards(table)


def row(revenue: Number, subject: Subject = ADA, *, period: str = "2026-11", later: int = 0, name: str = "Ada") -> Row:
    at = now() + timedelta(milliseconds=later)
    return Row(subject, name, period, {"monthly_revenue": revenue}, {"team": "North"}, at)


def rows(boards: Boards, period: str | None = None) -> list[tuple[int, str, Number]]:
    return [(one.rank, one.row.subject.id, one.row.score) for one in boards.page(period, 100).rows]


# -- moves


def test_a_row_is_put_changed_and_taken_away_with_its_counts(floor: Floor, boards: Boards) -> None:
    first, second = row(100), row(Decimal("99.99"), later=1)
    assert boards.row(ADA) is None
    assert boards.replace_row(None, first)
    assert boards.row(ADA) == first
    assert boards.replace_row(first, second)
    assert boards.count_higher([0, Decimal("99.98"), Decimal("99.99")]) == [1, 1, 0]
    assert floor.in_line()
    assert boards.replace_row(second, None)
    assert (boards.row(ADA), boards.count_higher([0]), rows(boards)) == (None, [0], [])
    assert floor.in_line()


def test_a_row_that_somebody_changed_meanwhile_is_not_moved(floor: Floor, boards: Boards) -> None:
    first, second = row(100), row(200, later=1)
    boards.replace_row(None, first)
    boards.replace_row(first, second)
    for old, new in (
        (first, row(300, later=2)),
        (first, row(200, later=2, name="Ada L.")),
        (first, row(100, later=2)),
        (first, row(5, later=2, period="2026-12")),
        (first, None),
        (None, row(300, later=2)),
        (row(7, GRACE), row(300, GRACE, later=2)),
    ):
        assert not boards.replace_row(old, new)
        assert boards.row(ADA) == second
        assert boards.row(GRACE) is None
    assert floor.in_line()
    assert rows(boards, "2026-11") == []


def test_what_alters_no_count_is_one_put(boards: Boards, table: Any) -> None:
    first = row(100)
    boards.replace_row(None, first)
    with failing(table, "TransactWriteItems") as refused:
        assert boards.replace_row(first, row(100, later=1, name="Ada L."))
    assert refused == []


def test_the_row_of_a_past_month_is_archived_with_the_move(floor: Floor, boards: Boards) -> None:
    november = row(100)
    december = row(0, later=1, period="2026-12")
    boards.replace_row(None, november)
    boards.replace_row(None, row(50, GRACE))
    assert list(boards.outside_month("2026-12")) == [ADA, GRACE]
    assert boards.replace_row(november, december)
    assert list(boards.outside_month("2026-12")) == [GRACE]
    assert boards.replace_row(december, row(70, later=2, period="2026-12"))
    assert rows(boards, "2026-11") == [(1, "1", 100)]
    assert rows(boards) == [(1, "1", 70), (2, "2", 50)]
    assert floor.in_line()


def test_of_two_ends_of_a_month_the_later_is_kept(boards: Boards) -> None:
    for revenue, later, kept in ((100, 5, 100), (70, 4, 100), (120, 6, 120), (120, 6, 120)):
        boards.archive(row(revenue, later=later))
        assert rows(boards, "2026-11") == [(1, "1", kept)]


def test_an_id_is_assigned_once(boards: Boards) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: boards.new_id(), range(20))) == list(range(1, 21))


# -- conflicts at the same counters


def test_a_move_that_meets_another_is_made_again_and_again(floor: Floor, boards: Boards, table: Any) -> None:
    before = floor.clock.now()
    with failing(table, "TransactWriteItems", CONFLICT, times=5):
        assert boards.replace_row(None, row(100))
    assert (
        sum(CONFLICT_PAUSES[:5]) * 0.5 <= (floor.clock.now() - before).total_seconds() <= sum(CONFLICT_PAUSES[:5]) * 1.5
    )
    assert floor.in_line()


def test_a_move_that_conflicts_all_the_time_is_answered_with_try_again(boards: Boards, table: Any) -> None:
    with failing(table, "TransactWriteItems", CONFLICT) as refused, pytest.raises(ContentionError, match="try again"):
        boards.replace_row(None, row(100))
    assert len(refused) == len(CONFLICT_PAUSES) + 1
    assert boards.row(ADA) is None


def test_ranks_are_read_between_the_moves_of_others(boards: Boards, table: Any) -> None:
    boards.replace_row(None, row(100))
    with failing(table, "TransactGetItems", CONFLICT, times=5):
        assert boards.count_higher([7]) == [1]
    with failing(table, "TransactGetItems", CONFLICT), pytest.raises(ContentionError, match="try again"):
        boards.count_higher([7])


def test_a_put_that_meets_a_move_has_not_been_made(boards: Boards, table: Any) -> None:
    first = row(100)
    boards.replace_row(None, first)
    conflict = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
    with failing(table, "PutItem", conflict):
        assert not boards.replace_row(first, row(100, later=1, name="Ada L."))


def test_whatever_else_fails_is_no_conflict(boards: Boards, table: Any) -> None:
    first = row(100)
    boards.replace_row(None, first)
    for operation, act in (
        ("TransactWriteItems", lambda: boards.replace_row(first, row(200, later=1))),
        ("TransactGetItems", lambda: boards.count_higher([5])),
        ("PutItem", lambda: boards.replace_row(first, row(100, later=1, name="Ada L."))),
        ("PutItem", lambda: boards.archive(row(100, later=1))),
    ):
        with failing(table, operation, OUTAGE), pytest.raises(Exception, match="InternalServerError"):
            act()


# -- reps, from which rows are derived


class DeadError(Exception):
    """The function that moved the row has died."""


class Mortal(Boards):
    """Dies before its next moves, or after them, as `deaths` says."""

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self.deaths: Iterator[str | None] = iter(())

    def replace_row(self, old: Row | None, new: Row | None) -> bool:
        death = next(self.deaths, None)
        if death == "before":
            raise DeadError
        moved = super().replace_row(old, new)
        if death == "after":
            raise DeadError
        return moved


def reps_on(boards: Boards, time_zone: str = "UTC") -> Reps:
    stats = Stats(dynamodb.resource().Table("stats_table"))
    return Reps(stats=stats, boards=boards, rules=catalogue(), time_zone=time_zone, clock=now)


deaths = st.none() | st.sampled_from(["before", "after"])
steps = st.tuples(
    st.sampled_from(["create", "update", "update", "update", "retire", "reconcile", "month"]),
    st.integers(1, 3),
    st.integers(0, 3) | st.integers(0, 10**6),
    deaths,
)


@settings(max_examples=12, deadline=None)
@given(script=st.lists(steps, min_size=4, max_size=10))
def test_the_counters_match_the_rows_whatever_dies_and_reconciling_repairs_both(
    one_floor: Floor, script: list[tuple[str, int, int, str | None]]
) -> None:
    one_floor.empty()
    boards = Mortal(dynamodb.resource().Table("leaderboard_table"))
    reps, stats = reps_on(boards), Stats(dynamodb.resource().Table("stats_table"))

    def reconcile(subject: Subject) -> None:
        if found := stats.get(subject):
            reps.reconcile(None, found)

    for action, rep, revenue, death in script:
        boards.deaths = iter([death])
        try:
            if action == "create":
                reps.create("Ada", {}, None, {"monthly_revenue": revenue})
            elif action == "update":
                reps.update(rep, {"monthly_revenue": revenue})
            elif action == "retire":
                reps.retire(rep)
            elif action == "reconcile":
                reconcile(Subject("rep", str(rep)))
            else:
                one_floor.clock.sleep(86_400 * 31)
        except (DeadError, NotFoundError):
            pass
        assert one_floor.in_line()
    boards.deaths = iter(())
    stored = [stats.get(Subject("rep", str(rep))) for rep in range(1, len(script) + 1)]
    for reading in filter(None, stored):
        reconcile(reading.subject)
        wanted = None if RETIRED in reading.details else row_of(reading, reading.as_of.strftime("%Y-%m"))
        found = boards.row(reading.subject)
        assert (found and found.metrics) == (wanted and wanted.metrics)
    assert one_floor.in_line()


def test_updates_of_one_rep_at_the_same_instant_lose_none_of_one_anothers_fields(floor: Floor, boards: Boards) -> None:
    reps = reps_on(boards)
    reps.create("Ada", {}, None, {})
    fields = ("monthly_revenue", "yearly_revenue", "all_time_revenue", "monthly_signups", "yearly_signups")

    def update(field: str) -> None:
        for value in (1, 2):
            while True:
                try:
                    reps.update(1, {field: value})
                    break
                except ContentionError:  # here nothing really waits between two attempts
                    continue

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(update, fields))
    rep, rank = reps.get(1)
    assert ({field: rep.metrics[field] for field in fields}, rank) == (dict.fromkeys(fields, 2), 1)
    reps.reconcile(None, rep)
    found = boards.row(ADA)
    assert found is not None
    assert found.metrics == row_of(rep, "2026-11").metrics
    assert floor.in_line()


def test_a_months_final_values_are_kept_even_if_the_rollover_overtakes_its_last_move(floor: Floor, table: Any) -> None:
    floor.clock.advance_to(at("2026-11-30T23:59:59Z"))
    boards = Mortal(table)
    reps, stats = reps_on(boards), Stats(dynamodb.resource().Table("stats_table"))
    reps.create("Ada", {}, None, {"monthly_revenue": 10})
    boards.deaths = iter(["before"])
    with pytest.raises(DeadError):
        reps.update(1, {"monthly_revenue": 20})
    sold = stats.get(ADA)
    assert sold
    floor.clock.advance_to(at("2026-12-01T00:00:05Z"))
    reps.roll_over(ADA)
    rolled_over = stats.get(ADA)
    assert rolled_over
    assert rows(boards, "2026-11") == [(1, "1", 10)]
    reps.reconcile(replace(sold, as_of=sold.as_of - timedelta(seconds=1)), sold)
    reps.reconcile(sold, rolled_over)
    assert rows(boards, "2026-11") == [(1, "1", 20)]
    assert rows(boards) == [(1, "1", 0)]
    assert floor.in_line()


def test_a_rep_who_does_not_exist_is_not_rolled_over(boards: Boards) -> None:
    with pytest.raises(NotFoundError):
        reps_on(boards).roll_over(GRACE)
