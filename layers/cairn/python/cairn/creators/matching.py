"""Which row of the platform's list is the payment of which a webhook told. Pure.

The list has no ids, and the webhook's amounts, payer and time are all that both have.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

UNKNOWN = "other"
"""The category of a payment whose webhook does not say what it was for: it may be any."""
WITHIN = timedelta(seconds=120)
"""How far the instants of a payment and of its row may be apart."""


class Booking(Protocol):
    @property
    def at(self) -> datetime: ...
    @property
    def gross(self) -> int: ...
    @property
    def category(self) -> str: ...
    @property
    def payer(self) -> str | None: ...


P = TypeVar("P", bound=Booking)
R = TypeVar("R", bound=Booking)


def matches(payments: Sequence[P], rows: Sequence[R]) -> list[tuple[P, R]]:
    """Payments and rows of the same payer, amount and category, the nearest first, each at most once.

    Of pairs that are equally near, the earlier payment and the earlier row come first, so that a repeat matches alike.
    """
    near = sorted(
        (abs(payment.at - row.at), payment.at, row.at, number, place)
        for number, payment in enumerate(payments)
        for place, row in enumerate(rows)
        if _alike(payment, row)
    )
    found: list[tuple[P, R]] = []
    taken_payments, taken_rows = set[int](), set[int]()
    for _, _, _, number, place in near:
        if number not in taken_payments and place not in taken_rows:
            taken_payments.add(number)
            taken_rows.add(place)
            found.append((payments[number], rows[place]))
    return found


def _alike(payment: Booking, row: Booking) -> bool:
    return (
        payment.payer == row.payer
        and payment.gross == row.gross
        and payment.category in (row.category, UNKNOWN)
        and abs(payment.at - row.at) <= WITHIN
    )
