"""The transactions behind a figure: of one creator or of several, the newest first, page by page."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, query, readable
from cairn.clock import iso
from cairn.creators import keys
from cairn.creators.model import Creator, Status, Transaction
from cairn.creators.transactions import to_transaction
from cairn.errors import BadInputError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LANES = 8
MOST_READ = 2_000
"""Rows that a page looks at. Then it ends, and may be short, or empty, with a cursor."""
MOST_OF_A_FILE, MOST_READ_FOR_A_FILE = 10_000, 50_000
_LARGEST_CHUNK, _SMALLEST_CHUNK = 1_000, 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which transactions; None is any."""

    since: datetime
    until: datetime
    """Not included."""
    category: str | None = None
    currency: str | None = None
    status: Status | None = "counted"

    def fits(self, one: Transaction) -> bool:
        return (
            self.category in (None, one.category)
            and self.currency in (None, one.currency)
            and self.status in (None, one.status)
        )


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Transaction]
    next_cursor: str | None


class Booked:
    def __init__(self, table: Table) -> None:
        self._table = table

    def page(
        self, creators: Sequence[Creator], wanted: Wanted, limit: int, cursor: str | None, most_read: int = MOST_READ
    ) -> Page:
        """Some of these creators' transactions. BadInputError for a cursor of another list."""
        after = decode(cursor, {"sk": (iso(wanted.since), iso(wanted.until)), "creator": ("", "~")})
        chunk = min(_LARGEST_CHUNK, max(_SMALLEST_CHUNK, 2 * limit // max(1, len(creators))))
        parts = [_Part(self._table, creator.id, wanted, after, min(chunk, limit + 1)) for creator in creators]
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(_Part.read, parts))
        items: list[Transaction] = []
        last: Transaction | None = None
        merged = heapq.merge(*map(_Part.rows, parts), key=_place, reverse=True)
        for number, one in enumerate(merged):
            if last and (len(items) == limit or number == most_read):
                return Page(items, encode({"sk": last.key, "creator": last.creator}))
            last = one
            if wanted.fits(one):
                items.append(one)
        return Page(items, None)

    def whole(self, creators: Sequence[Creator], wanted: Wanted, most: int = MOST_OF_A_FILE) -> Page:
        """All of these creators' transactions. BadInputError for more than `most`: nothing is cut in silence."""
        page = self.page(creators, wanted, most, None, MOST_READ_FOR_A_FILE)
        if page.next_cursor:
            raise BadInputError(
                f"the range has more transactions than a file holds ({most:,}): choose fewer days, or send a limit, "
                "and then the cursor that the header X-Next-Cursor has"
            )
        return page


def _place(one: Transaction) -> tuple[str, str]:
    """Keys begin with the instant; transactions of two creators may have the same one."""
    return one.key, one.creator


@dataclass
class _Part:
    """One creator's transactions, the newest first, read a chunk at a time."""

    table: Table
    creator: str
    wanted: Wanted
    after: dict[str, str]
    chunk: int
    _found: list[Transaction] = field(default_factory=list)
    _start: Item | None = None
    _is_begun: bool = False

    def read(self) -> None:
        """The next chunk."""
        partition, first, last = keys.transactions(self.creator), iso(self.wanted.since), iso(self.wanted.until)
        if self.after and not self._is_begun:
            if self.creator < self.after["creator"]:
                last = self.after["sk"]  # one of the same instant and fields is still to come
            else:
                self._start = {"pk": partition, "sk": self.after["sk"]}
        where = Key("pk").eq(partition) & Key("sk").between(first, last)
        answer = query(self.table, where, self._start, Limit=self.chunk, ScanIndexForward=False)
        self._found = list(readable(to_transaction, answer["Items"]))
        self._start, self._is_begun = answer.get("LastEvaluatedKey"), True

    def rows(self) -> Iterator[Transaction]:
        """All that are there, from the first chunk on, which has been read."""
        while True:
            yield from self._found
            if self._start is None:
                return
            self.read()
