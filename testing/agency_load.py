"""The rollups of very many transactions, without the transactions: what a dashboard reads of them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from uuid import UUID

from cairn.analytics.money import CATEGORIES
from cairn.analytics.sums import QUARTERS, Amounts, added, midnight, quarters_to_text, to_text
from cairn.clock import to_millis
from cairn.creators import keys
from cairn.creators.model import Creator
from cairn.creators.rollups import DaySums, Rollups
from cairn.creators.transactions import Transactions
from testing.agency import AgencySite

CURRENCY = "USD"


def write_rollups(
    site: AgencySite, creator: Creator, days: tuple[date, date], *, transactions: int, payers: int = 0
) -> None:
    """As `roll_up_transactions` writes them, for so many transactions spread over these days, quarters and categories.

    Of so many payers, each pays on each day; they paid first on the first of the days.
    """
    first, count = days[0], (days[1] - days[0]).days + 1
    per_day: dict[int, dict[tuple[int, str], list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for number in range(transactions):
        day, rest = number % count, number // count
        gross = 500 + (rest * 37) % 9_500
        one = per_day[day][rest * 31 % QUARTERS, CATEGORIES[rest % len(CATEGORIES)]]
        one[0] += gross
        one[1] += gross * 4 // 5
        one[2] += 1
    who = [str(UUID(int=number * 7919 + 1)) for number in range(payers)]
    rollups = Rollups(site.table, Transactions(site.table))
    for number, sums in per_day.items():
        quarters = {
            quarter: {CURRENCY: {category: Amounts(*found) for (at, category), found in sums.items() if at == quarter}}
            for quarter in {quarter for quarter, _ in sums}
        }
        found = DaySums(
            sums=to_text(added(*quarters.values())),
            quarters=quarters_to_text(quarters),
            payers=json.dumps({payer: [index % QUARTERS] for index, payer in enumerate(who)}, separators=(",", ":")),
            rows=sum(one[2] for one in sums.values()),
        )
        assert rollups._store_day(creator.id, first + timedelta(days=number), found, None)
    with site.table.batch_writer() as batch:
        for payer in who:
            item = {"pk": keys.payer(creator.id), "sk": payer, "first_at": to_millis(midnight(first))}
            batch.put_item(Item=item)
