"""A sales floor of any size: a few reps created through the API, and any number written directly to the table.

Through the API, a hundred thousand reps would take an hour. The direct writes match what the API would have written:
a row on the board for each rep, and how many there are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bench.account import Account
from cairn.model import Number
from testing.dynamodb import stored

HIGHEST = 130_000
"""Dollars; reps with more were created through the API."""


def hire(account: Account, scores: Sequence[Number]) -> list[int]:
    """Create reps with these monthly revenues through the API; their ids."""
    ids: list[int] = []
    for score in scores:
        rep = {"name": "Ada Lovelace", "team": "North", "userId": "ada.lovelace", "monthlyRevenueGoal": 500_000}
        numbers = {"monthlyRevenue": str(score), "yearlyRevenue": "312345.67", "allTimeRevenue": "1312345.67"}
        signups = {"monthlySignups": 9, "yearlySignups": 101, "monthlyGrowth": 12.5, "yearlyGrowth": 7.5}
        account.call("POST", "/api/leaderboard/sales-reps", {**rep, **numbers, **signups})
        ids.append(account.body["id"])
    return ids


def fill(hired: Sequence[Number], count: int) -> list[Number]:
    """Write this many more reps next to those hired with the scores `hired`; their monthly revenues."""
    chance = random.Random(count)  # noqa: S311 - guards nothing
    more: list[Number] = [Decimal(chance.randrange(HIGHEST * 100)) / 100 for _ in range(count)]
    table = stored("BOARD_TABLE")
    pattern = next(item for item in table.items() if item["pk"] == {"S": "board"})
    for number, score in enumerate(more, len(hired) + 1):
        table.put(_like(pattern, str(number), str(score)))
    table.put({"pk": {"S": "count"}, "sk": {"N": "0"}, "reps": {"N": str(len(hired) + count)}})
    return more


def _like(pattern: dict[str, Any], id_: str, score: str) -> dict[str, Any]:
    metrics = {"M": pattern["metrics"]["M"] | {"monthly_revenue": {"N": score}}}
    return pattern | {"sk": {"N": id_}, "score": {"N": score}, "metrics": metrics}
