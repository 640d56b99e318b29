"""The board's rows are each rep's newest, and their count is right, whatever comes in which order, and who dies."""

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
from cairn.leaderboard.boards import CONFLICT_PAUSES, Boards
from cairn.leaderboard.rep_ids import RepIds
from cairn.leaderboard.reps import RETIRED, Reps
from cairn.leaderboard.rows import Row, row_of
from cairn.model import Number, Reading, Subject
from cairn.readings.detection import Change
from cairn.readings.stats import Stats
from cairn.rules import catalogue
from cairn.zones import Zones
from testing.leaderboard import Floor, at
from testing.outages import CONFLICT, OUTAGE, failing
from testing.workspace import rule_set

ADA, GRACE = Subject("rep", "1"), Subject("rep", "2")


def named(name: str) -> Any:
    return dynamodb.resource().Table(f"{name}_table")


@pytest.fixture
def table(floor: Floor) -> Any:
    return named("board")


@pytest.fixture
def boards(table: Any) -> Boards:
    return Boards(table, named("leaderboard"))


def row(revenue: Number, subject: Subject = ADA, *, period: str = "2026-11", later: int = 0, name: str = "Ada") -> Row:
    at = now() + timedelta(milliseconds=later)
    return Row(subject, name, period, {"monthly_revenue": revenue}, {"team": "North"}, at)


def left(subject: Subject = ADA, *, later: int = 0) -> Row:
    return Row(subject, "", "", {}, {}, now() + timedelta(milliseconds=later), left=True)


def rows(boards: Boards, period: str | None = None) -> list[tuple[int, str, Number]]:
    return [(one.rank, one.row.subject.id, one.row.score) for one in boards.page(period, 100).rows]


# -- rows


def test_a_row_is_put_changed_and_taken_away_with_the_count(floor: Floor, boards: Boards) -> None:
    first, second = row(100), row(Decimal("99.99"), later=1)
    assert boards.row(ADA) is None
    assert boards.store(first) == first
    assert boards.row(ADA) == first
    assert boards.store(second) == second
    assert [boards.count_higher(score) for score in (0, Decimal("99.98"), Decimal("99.99"))] == [1, 1, 0]
    assert floor.in_line()
    assert boards.store(left(later=2)).left
    assert (boards.count_higher(0), boards.best(3), rows(boards), list(boards.subjects())) == (0, [], [], [])
    assert floor.in_line()


def test_of_a_reps_rows_the_newest_is_kept_in_whatever_order_they_come(floor: Floor, boards: Boards) -> None:
    stored = boards.store(row(200, later=5))
    for older in (row(300), row(5, later=4, period="2026-12"), left(later=3)):
        assert boards.store(older) == stored
        assert boards.row(ADA) == stored
    assert rows(boards, "2026-11") == []
    assert floor.in_line()


def test_a_rep_who_has_left_is_not_brought_back_by_a_late_writer(floor: Floor, boards: Boards) -> None:
    boards.store(row(200))
    gone = boards.store(left(later=5))
    assert boards.store(row(300, later=4)) == gone
    assert rows(boards) == []
    assert floor.in_line()


def test_a_rep_who_left_before_they_were_ever_on_the_board_stays_away(floor: Floor, boards: Boards) -> None:
    boards.store(left(later=5))
    assert boards.store(row(300)).left
    assert floor.in_line()


def test_a_row_that_is_dated_in_the_future_gives_way_to_any_other(floor: Floor, boards: Boards) -> None:
    boards.store(row(100, later=10**9))
    present = row(50)
    assert boards.store(present) == present
    assert boards.row(ADA) == present
    assert floor.in_line()


def test_what_brings_nobody_and_takes_nobody_away_is_one_put(boards: Boards, table: Any) -> None:
    boards.store(row(100))
    calls: list[str] = []
    table.meta.client.meta.events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name))
    boards.store(row(120, later=1))
    assert calls == ["PutItem"]


def test_the_row_of_a_past_month_is_archived_with_the_move(floor: Floor, boards: Boards) -> None:
    boards.store(row(100))
    boards.store(row(50, GRACE))
    assert set(boards.outside_month("2026-12")) == {ADA, GRACE}
    boards.store(row(0, later=1, period="2026-12"))
    assert list(boards.outside_month("2026-12")) == [GRACE]
    boards.store(row(70, later=2, period="2026-12"))
    assert rows(boards, "2026-11") == [(1, "1", 100)]
    assert rows(boards) == [(1, "1", 70), (2, "2", 50)]
    assert floor.in_line()


def test_of_two_ends_of_a_month_the_later_is_kept(boards: Boards) -> None:
    for revenue, later, kept in ((100, 5, 100), (70, 4, 100), (120, 6, 120), (120, 6, 120)):
        boards.archive(row(revenue, later=later))
        assert rows(boards, "2026-11") == [(1, "1", kept)]


def test_a_score_that_no_rep_can_have_is_refused(boards: Boards) -> None:
    for score in (-1, Decimal("0.001"), 10**12):
        with pytest.raises(ValueError, match="whole cents"):
            boards.store(row(score))


def test_an_id_is_assigned_once(boards: Boards) -> None:
    ids = RepIds(named("leaderboard"))
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: ids.new(), range(20))) == list(range(1, 21))
    assert ids.last() == 20


# -- ranks


scores = st.lists(st.integers(0, 400).map(lambda cents: Decimal(cents) / 100), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(scores=scores, low=st.integers(0, 400), high=st.integers(0, 400))
def test_ranks_are_those_of_everybody_sorted(one_floor: Floor, scores: list[Number], low: int, high: int) -> None:
    one_floor.empty()
    boards = Boards(named("board"), named("leaderboard"))
    for number, score in enumerate(scores, 1):
        boards.store(row(score, Subject("rep", str(number))))
    least, most = Decimal(min(low, high)) / 100, Decimal(max(low, high)) / 100
    assert boards.count_higher(least) == sum(score > least for score in scores)
    assert boards.count_higher(least, most) == sum(least < score <= most for score in scores)
    assert boards.best(3) == sorted(scores, reverse=True)[:3]
    assert [one.rank for one in boards.page(None, 100).rows] == sorted(
        1 + sum(other > score for other in scores) for score in scores
    )
    assert boards.page(None, 1).total == len(scores)


def test_all_pages_of_a_large_board_are_counted(floor: Floor, boards: Boards, table: Any) -> None:
    """DynamoDB reads a megabyte for a page; here a page is three keys."""
    for number in range(1, 8):
        boards.store(row(number, Subject("rep", str(number))))
    events = table.meta.client.meta.events
    events.register("provide-client-params.dynamodb.Query", lambda params, **_: params | {"Limit": 3})
    assert boards.count_higher(0) == 7
    assert boards.count_higher(2, 6) == 4


# -- concurrent changes


def test_a_move_that_meets_another_is_made_again_and_again(floor: Floor, boards: Boards, table: Any) -> None:
    before = floor.clock.now()
    with failing(table, "TransactWriteItems", CONFLICT, times=5):
        boards.store(row(100))
    assert (
        sum(CONFLICT_PAUSES[:5]) * 0.5 <= (floor.clock.now() - before).total_seconds() <= sum(CONFLICT_PAUSES[:5]) * 1.5
    )
    assert floor.in_line()


def test_a_move_that_conflicts_all_the_time_is_answered_with_try_again(boards: Boards, table: Any) -> None:
    with failing(table, "TransactWriteItems", CONFLICT) as refused, pytest.raises(ContentionError, match="try again"):
        boards.store(row(100))
    assert len(refused) == len(CONFLICT_PAUSES) + 1
    assert boards.row(ADA) is None


def test_a_put_that_meets_a_move_is_made_again(boards: Boards, table: Any) -> None:
    boards.store(row(100))
    second = row(100, later=1, name="Ada L.")
    conflict = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
    with failing(table, "PutItem", conflict, times=2) as refused:
        assert boards.store(second) == second
    assert len(refused) == 2
    assert boards.row(ADA) == second
    with failing(table, "PutItem", conflict), pytest.raises(ContentionError, match="try again"):
        boards.store(row(7, later=2))


def test_writers_at_the_same_time_leave_the_newest_row_and_the_right_count(floor: Floor, boards: Boards) -> None:
    written = [row(number, Subject("rep", str(number % 3 + 1)), later=number) for number in range(24)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(boards.store, written))
    assert [id_ for _, id_, _ in rows(boards)] == ["3", "2", "1"]
    assert [score for *_, score in rows(boards)] == [23, 22, 21]
    assert floor.in_line()


def test_whatever_else_fails_is_no_conflict(boards: Boards, table: Any) -> None:
    boards.store(row(100))
    for operation, act in (
        ("TransactWriteItems", lambda: boards.store(row(200, GRACE))),
        ("Query", lambda: boards.count_higher(5)),
        ("PutItem", lambda: boards.store(row(100, later=1, name="Ada L."))),
        ("PutItem", lambda: boards.archive(row(100, later=1))),
    ):
        with failing(table, operation, OUTAGE), pytest.raises(Exception, match="InternalServerError"):
            act()


# -- reps, from which rows are derived


class DeadError(Exception):
    """The function that moved the row has died."""


class Mortal(Boards):
    """Dies before its next moves, or after them, as `deaths` says."""

    def __init__(self) -> None:
        super().__init__(named("board"), named("leaderboard"))
        self.deaths: Iterator[str | None] = iter(())

    def store(self, row: Row) -> Row:
        death = next(self.deaths, None)
        if death == "before":
            raise DeadError
        stored = super().store(row)
        if death == "after":
            raise DeadError
        return stored


def reps_on(boards: Boards, time_zone: str = "UTC") -> Reps:
    zones = Zones.of(time_zone)
    rules = rule_set(*catalogue(zones=zones), zones=zones)
    return Reps(stats=Stats(named("stats")), boards=boards, rules=rules, clock=now)


def reconcile(reps: Reps, new: Reading, old: Reading | None = None) -> None:
    reps.reconcile([Change(old, new, new, "event")])


deaths = st.none() | st.sampled_from(["before", "after"])
steps = st.tuples(
    st.sampled_from(["create", "update", "update", "update", "retire", "reconcile", "month"]),
    st.integers(1, 3),
    st.integers(0, 3) | st.integers(0, 10**6),
    deaths,
)


@settings(max_examples=12, deadline=None)
@given(script=st.lists(steps, min_size=4, max_size=10))
def test_the_count_matches_the_rows_whatever_dies_and_reconciling_repairs_both(
    one_floor: Floor, script: list[tuple[str, int, int, str | None]]
) -> None:
    one_floor.empty()
    boards = Mortal()
    reps, stats = reps_on(boards), Stats(named("stats"))

    ids = iter(range(1, 99))

    def repair(subject: Subject) -> None:
        if found := stats.get(subject):
            reconcile(reps, found)

    for action, rep, revenue, death in script:
        boards.deaths = iter([death])
        try:
            if action == "create":
                reps.create(next(ids), "Ada", {}, None, {"monthly_revenue": revenue})
            elif action == "update":
                reps.update(rep, {"monthly_revenue": revenue})
            elif action == "retire":
                reps.retire(rep)
            elif action == "reconcile":
                repair(Subject("rep", str(rep)))
            else:
                one_floor.clock.sleep(86_400 * 31)
        except (DeadError, NotFoundError):
            pass
        assert one_floor.in_line()
    boards.deaths = iter(())
    stored = [stats.get(Subject("rep", str(rep))) for rep in range(1, len(script) + 1)]
    for reading in filter(None, stored):
        repair(reading.subject)
        wanted = row_of(reading, reading.as_of.strftime("%Y-%m"), left=RETIRED in reading.details)
        found = boards.row(reading.subject)
        assert found
        assert (found.left, found.metrics) == (wanted.left, wanted.metrics)
    assert one_floor.in_line()


def test_updates_of_one_rep_at_the_same_instant_lose_none_of_one_anothers_fields(floor: Floor, boards: Boards) -> None:
    reps = reps_on(boards)
    reps.create(1, "Ada", {}, None, {})
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
    reconcile(reps, rep)
    found = boards.row(ADA)
    assert found is not None
    assert found.metrics == row_of(rep, "2026-11").metrics
    assert floor.in_line()


def test_a_months_final_values_are_kept_even_if_the_rollover_overtakes_its_last_move(floor: Floor) -> None:
    floor.clock.advance_to(at("2026-11-30T23:59:59Z"))
    boards = Mortal()
    reps, stats = reps_on(boards), Stats(named("stats"))
    reps.create(1, "Ada", {}, None, {"monthly_revenue": 10})
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
    reconcile(reps, sold, replace(sold, as_of=sold.as_of - timedelta(seconds=1)))
    reconcile(reps, rolled_over, sold)
    assert rows(boards, "2026-11") == [(1, "1", 20)]
    assert rows(boards) == [(1, "1", 0)]
    assert floor.in_line()


def test_a_rep_who_does_not_exist_is_not_rolled_over(boards: Boards) -> None:
    with pytest.raises(NotFoundError):
        reps_on(boards).roll_over(GRACE)
