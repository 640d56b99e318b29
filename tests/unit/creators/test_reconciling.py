"""What is written so that the stored rows are those that the platform lists, and which payment is which row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cairn.creators.matching import WITHIN, matches
from cairn.creators.model import Transaction
from cairn.creators.reconciling import plan

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(seconds: float = 0, gross: int = 500, *, payer: str = "ann", identity: str = "") -> Transaction:
    at = AT + timedelta(seconds=seconds)
    return Transaction(
        creator="c1",
        key=f"{at.isoformat()}#{identity or f'{gross}{payer}'}#0000",
        at=at,
        gross=gross,
        net=gross - 100,
        currency="USD",
        category="tips",
        source="tip",
        payer=payer,
        payer_name=None,
        origin="pull",
        trace_id="t",
    )


def payment(seconds: float = 0, gross: int = 500, *, payer: str = "ann", number: int = 1) -> Transaction:
    made = row(seconds, gross, payer=payer, identity=f"push-{number}")
    return replace(made, origin="push", push=f"FV-{number}", net=None)


def test_what_is_stored_as_it_is_listed_is_not_written() -> None:
    listed = [row(1), row(2)]
    assert plan(listed, listed, []).changes == 0


def test_new_rows_are_put_vanished_ones_are_gone_and_returned_ones_count_again() -> None:
    new, vanished, returned = row(1), row(2), replace(row(3), status="gone")
    found = plan([new, replace(returned, status="counted")], [vanished, returned], [])
    assert (found.put, found.gone, found.back) == ((new,), (vanished,), (returned,))


def test_a_row_that_is_gone_already_is_not_marked_again() -> None:
    assert plan([], [replace(row(2), status="gone")], []).changes == 0


def test_a_payment_of_a_webhook_is_never_gone_because_the_list_lacks_it() -> None:
    told = payment(1)
    assert plan([], [told], [told]).changes == 0


def test_a_row_takes_the_place_of_the_payment_of_which_a_webhook_told() -> None:
    told, came = payment(1), row(40)
    (link,) = plan([came], [told], [told]).links
    assert (link.row, link.payment, link.is_new) == (came, told, True)


def test_a_row_that_came_before_its_webhook_takes_its_place_too() -> None:
    told, came = payment(1), row(40)
    (link,) = plan([came], [came, told], [told]).links
    assert (link.row, link.payment, link.is_new) == (came, told, False)


def test_a_row_has_one_payment_only() -> None:
    came = replace(row(40), push="FV-0")
    assert plan([came], [came], [payment(1)]).links == ()


def test_two_equal_payments_take_two_equal_rows() -> None:
    first, second = payment(0, number=1), payment(30, number=2)
    rows = [row(1, identity="a"), row(31, identity="b")]
    found = plan(rows, [first, second], [first, second])
    assert {(link.payment, link.row.key) for link in found.links} == {(first, rows[0].key), (second, rows[1].key)}
    assert found.put == ()


def test_a_row_that_the_platform_changed_keeps_its_payment_so_that_it_takes_no_other_one() -> None:
    """Another payment, equal to it, has no row yet."""
    before = replace(row(1, identity="a"), push="FV-1")
    after = row(1, identity="b")
    found = plan([after], [before], [payment(30, number=2)])
    ((old, new),) = found.changed
    assert (old, new.push, found.links, found.put, found.gone) == (before, "FV-1", (), (), ())


def test_other_amounts_payers_categories_and_times_do_not_match() -> None:
    told = payment(0)
    others = [row(0, 501), row(0, payer="bob"), replace(row(0), category="messages"), row(WITHIN.total_seconds() + 1)]
    assert matches([told], others) == []


bookings = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([500, 700]), st.sampled_from("ab")), max_size=7)


@given(bookings, bookings)
def test_each_payment_and_each_row_is_matched_once_and_no_pair_that_fits_is_left(
    told: list[tuple[int, int, str]], came: list[tuple[int, int, str]]
) -> None:
    payments = [payment(at, gross, payer=who, number=n) for n, (at, gross, who) in enumerate(told)]
    rows = [row(at, gross, payer=who, identity=str(n)) for n, (at, gross, who) in enumerate(came)]
    found = matches(payments, rows)
    taken_payments = [id(one) for one, _ in found]
    taken_rows = [id(one) for _, one in found]
    assert len({*taken_payments}) == len(taken_payments) == len({*taken_rows})
    for one, other in found:
        assert (one.payer, one.gross) == (other.payer, other.gross)
        assert abs(one.at - other.at) <= WITHIN
    left = [one for one in payments if id(one) not in taken_payments]
    assert matches(left, [one for one in rows if id(one) not in taken_rows]) == []
