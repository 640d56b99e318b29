"""Events that come at the same time, each to a Lambda of its own, are all counted, and soon."""

from __future__ import annotations

from statistics import quantiles
from typing import Any

import pytest

from testing.dynamodb import stored
from testing.usage_load import UsageLoad, usage_load

pytestmark = pytest.mark.undisturbed
"""How long each waits is computed."""

ids = {
    "with ids": lambda number: {"id": str(number)},
    "without ids": lambda _: {},
    "with and without": lambda number: {"id": str(number)} if number % 2 else {},
}


def total() -> int:
    return sum(int(item["metrics"]["M"]["replies"]["N"]) for item in stored("STATS_TABLE").items())


def p99(load: UsageLoad) -> float:
    return quantiles(load.seconds, n=100, method="inclusive")[-1]


@pytest.mark.parametrize("fields", ids.values(), ids=ids)
def test_fifty_lambdas_count_one_users_events_once_each_within_seconds(fields: Any) -> None:
    with usage_load() as load:
        load.warm_up(50)
        load.send([{"userId": "ada", "type": "reply", **fields(number)} for number in range(50)])
        assert dict(load.statuses) == {200: 50}
        assert total() == 50
    assert p99(load) < 5


def test_users_do_not_wait_for_each_other() -> None:
    with usage_load() as load:
        load.warm_up(50)
        load.send([{"userId": f"user-{number}", "type": "reply", "id": str(number)} for number in range(200)])
        assert dict(load.statuses) == {200: 200}
        assert (total(), load.conflicts) == (200, 0)
    assert p99(load) < 0.1
