"""A sales floor of any size: a few reps made as the API makes them, and as many more put straight into moto's table.

By the API a hundred thousand reps would take an hour. What is put is what the API would have left: a row each on the
board, and the counters of the ranks, summed.
"""

from __future__ import annotations

import copy
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from bench.account import Account
from cairn import ranks
from cairn.model import Number

HIGHEST = 130_000
"""Dollars; whoever has more was made by the API."""


class _Items(defaultdict[DynamoType, dict[DynamoType, Item]]):
    """Before each write of a transaction moto copies the table, to put it back should one fail; here none does."""

    def __deepcopy__(self, _: object) -> _Items:
        return self


def hire(made: Account, scores: Sequence[Number]) -> list[int]:
    """Reps with these monthly revenues, made by the API: their ids."""
    ids: list[int] = []
    for score in scores:
        rep = {"name": "Ada Lovelace", "team": "North", "userId": "ada.lovelace", "monthlyRevenueGoal": 500_000}
        numbers = {"monthlyRevenue": str(score), "yearlyRevenue": "312345.67", "allTimeRevenue": "1312345.67"}
        signups = {"monthlySignups": 9, "yearlySignups": 101, "monthlyGrowth": 12.5, "yearlyGrowth": 7.5}
        made.call("POST", "/api/leaderboard/sales-reps", {**rep, **numbers, **signups})
        ids.append(made.body["id"])
    return ids


def fill(scores: Sequence[Number], count: int) -> list[Number]:
    """So many more reps than those hired with `scores`: their monthly revenues."""
    chance = random.Random(count)  # noqa: S311 - guards nothing
    more: list[Number] = [Decimal(chance.randrange(HIGHEST * 100)) / 100 for _ in range(count)]
    table = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables["leaderboard_table"]
    table.items = _Items(dict, table.items)
    board = table.items[DynamoType({"S": "board"})]
    pattern = next(iter(board.values()))
    for number, score in enumerate(more, len(scores) + 1):
        row = _like(pattern, f"rep#{number:015d}", str(score))
        board[row.range_key] = row
    for node, counts in _counted([*scores, *more]).items():
        key = {"pk": {"S": f"ranks#{node}"}, "sk": {"S": "counts"}}
        counters = {f"n{branch}": {"N": str(reps)} for branch, reps in counts.items()}
        hash_key, range_key = DynamoType(key["pk"]), DynamoType(key["sk"])
        table.items[hash_key][range_key] = Item(hash_key, range_key, key | counters)
    return more


def _like(pattern: Item, sk: str, score: str) -> Any:
    row: Any = copy.deepcopy(pattern)
    row.range_key = row.attrs["sk"]
    row.attrs["sk"].value = sk
    row.attrs["score"].value = row.attrs["metrics"].value["monthly_revenue"].value = score
    return row


def _counted(scores: Iterable[Number]) -> dict[str, Counter[str]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for score in scores:
        for node, branches in ranks.moves(None, score).items():
            counts[node].update(branches)
    return counts
