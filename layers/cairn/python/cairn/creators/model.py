"""An agency's creators, what a platform lists of their earnings, and the transactions that Cairn keeps. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cairn.analytics.money import DEFAULT_CURRENCY, category_of
from cairn.clock import iso
from cairn.codec import to_json
from cairn.model import Subject
from cairn.rules.creators import KIND


@dataclass(frozen=True, slots=True)
class Agency:
    """A group of creators. It walls nothing off."""

    id: str
    name: str
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Creator:
    """Somebody who earns money on a platform; `external_id` is the platform's id of them."""

    id: str
    agency_id: str
    name: str
    platform: str
    external_id: str
    added_at: datetime
    currency: str | None = None
    """What their amounts are in where the platform does not say it."""
    time_zone: str | None = None
    retired_at: datetime | None = None

    @property
    def subject(self) -> Subject:
        return Subject(KIND, self.id)


@dataclass(frozen=True, slots=True)
class Earning:
    """A row as the platform lists it. Amounts are whole minor units, and negative where money went back."""

    at: datetime
    gross: int
    net: int
    currency: str | None
    source: str
    payer: str | None
    payer_name: str | None
    fields: Mapping[str, Any]
    """Every field of the row, as it came: what identifies it."""
    order: str | None = None
    """The platform's id of the booking, if it says one."""
    reverses: str | None = None
    """Of a refund or a chargeback: the id of the booking that it takes back."""


Status = Literal["counted", "replaced", "gone", "unconfirmed"]
"""Only `counted` ones are part of sums. `replaced`: a pushed one whose row has come. `gone`: the platform no
longer lists it. `unconfirmed`: a pushed one of which no row came within a day."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One booking of a creator's revenue; a refund is a transaction of its own."""

    creator: str
    key: str
    """`{at}#{identity}#{ordinal}`: unique among the creator's, and in order of time."""
    at: datetime
    gross: int
    net: int | None
    """None while only the platform's webhook has told of it, without the net."""
    currency: str
    category: str
    source: str
    payer: str | None
    payer_name: str | None
    origin: Literal["pull", "push"]
    trace_id: str
    silent: bool = False
    """It leads to no milestone: it is from before Cairn, or was read with the first sync."""
    status: Status = "counted"
    order: str | None = None
    reverses: str | None = None
    push: str | None = None
    """Of a pulled one: the id of the payment of which a webhook told; of a pushed one: its own."""


def identity(earning: Earning) -> str:
    """A hash of all the row's fields: the platform has no id for a row."""
    return hashlib.sha256(to_json(dict(sorted(earning.fields.items()))).encode()).hexdigest()[:24]


def transactions(
    creator: Creator, earnings: Iterable[Earning], *, trace_id: str, silent: bool
) -> Iterator[Transaction]:
    """The transactions of rows that are all there are of their seconds, so that equal rows can be numbered."""
    seen: dict[tuple[datetime, str], int] = {}
    for earning in earnings:
        place = (earning.at, identity(earning))
        ordinal = seen[place] = seen.get(place, -1) + 1
        yield Transaction(
            creator=creator.id,
            key=f"{iso(earning.at)}#{place[1]}#{ordinal:04}",
            at=earning.at,
            gross=earning.gross,
            net=earning.net,
            currency=earning.currency or creator.currency or DEFAULT_CURRENCY,
            category=category_of(earning.source),
            source=earning.source,
            payer=earning.payer,
            payer_name=earning.payer_name,
            origin="pull",
            trace_id=trace_id,
            silent=silent or earning.at < creator.added_at,
            order=earning.order,
            reverses=earning.reverses,
        )
