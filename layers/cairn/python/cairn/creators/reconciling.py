"""What has to be written so that the stored rows of a span of time are those that the platform lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cairn.creators.matching import matches
from cairn.creators.model import Transaction


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the list and the payment of which a webhook told: from now on only the row counts."""

    row: Transaction
    payment: Transaction
    is_new: bool
    """Whether the row is not stored yet."""


@dataclass(frozen=True, slots=True)
class Plan:
    put: tuple[Transaction, ...] = ()
    links: tuple[Link, ...] = ()
    changed: tuple[tuple[Transaction, Transaction], ...] = ()
    """A stored one that the platform lists otherwise, and how: written at once, so that no sum has both or neither."""
    gone: tuple[Transaction, ...] = ()
    """Stored ones that the platform no longer lists."""
    back: tuple[Transaction, ...] = ()
    """Stored ones that it lists again."""

    @property
    def changes(self) -> int:
        return len(self.put) + len(self.links) + len(self.changed) + len(self.gone) + len(self.back)


def plan(listed: Iterable[Transaction], stored: Iterable[Transaction], open_payments: Sequence[Transaction]) -> Plan:
    """Compare what the platform lists of a span with what is stored of it.

    `stored` are all the span's transactions; `open_payments` those of which no row has come yet, of whatever time. A
    row that the platform has changed is a new one in its place, and takes the payment of the one that it replaces.
    """
    fresh = {row.key: row for row in listed}
    rows = {row.key: row for row in stored if row.origin == "pull"}
    gone = [row for key, row in rows.items() if key not in fresh and row.status == "counted"]
    back = [row for key, row in rows.items() if key in fresh and row.status == "gone"]
    new = {key: row for key, row in fresh.items() if key not in rows}
    for old, row in matches([row for row in gone if row.push], list(new.values())):
        new[row.key] = replace(row, push=old.push)
    free = [row for row in new.values() if not row.push]
    free += [row for row in rows.values() if row.status == "counted" and row.key in fresh and not row.push]
    links = [Link(row, payment, row.key in new) for payment, row in matches(open_payments, free)]
    linked = {link.row.key for link in links}
    put = [row for row in new.values() if row.key not in linked]
    changed = _pairs(gone, put)
    taken = {row.key for pair in changed for row in pair}
    return Plan(
        put=tuple(row for row in put if row.key not in taken),
        links=tuple(links),
        changed=tuple(changed),
        gone=tuple(row for row in gone if row.key not in taken),
        back=tuple(back),
    )


def _pairs(gone: Sequence[Transaction], put: Sequence[Transaction]) -> list[tuple[Transaction, Transaction]]:
    """Those of the same instant, in order: a row that is listed otherwise keeps its instant."""
    left = list(put)
    found: list[tuple[Transaction, Transaction]] = []
    for old in gone:
        new = next((row for row in left if row.at == old.at), None)
        if new:
            left.remove(new)
            found.append((old, new))
    return found
