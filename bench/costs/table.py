"""Tables of dollars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testing.prices import Charges, dollars, dollars_beyond_free, total

Bill = Mapping[str, Charges]
"""What is used, by the line of the table in which it stands."""
SHOWN = 0.005
"""Lines that are less than half a cent in every column are left out."""


def shown(amount: float) -> str:
    return f"${amount:,.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, whose first column is text."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def lines(bills: Sequence[Bill], times: float = 1.0) -> list[Sequence[str]]:
    """A row for each line, with a column for each bill."""
    names = list(dict.fromkeys(name for bill in bills for name in bill))
    amounts = {name: [times * dollars(bill.get(name, {})) for bill in bills] for name in names}
    return [
        (name, *(shown(amount) if name in bill else "–" for amount, bill in zip(row, bills, strict=True)))
        for name, row in amounts.items()
        if max(row) >= SHOWN
    ]


def sums(name: str, bills: Sequence[Bill], times: float = 1.0) -> Sequence[str]:
    return (f"**{name}**", *(f"**{shown(times * dollars(total(*bill.values())))}**" for bill in bills))


def sums_beyond_free(name: str, bills: Sequence[Bill]) -> Sequence[str]:
    return (name, *(shown(dollars_beyond_free(total(*bill.values()))) for bill in bills))
