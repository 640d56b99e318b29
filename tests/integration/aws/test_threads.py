"""Threads share a table: what one asks for is not mixed up with what another does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from boto3.dynamodb.conditions import Attr, Key

from cairn.aws.dynamodb import get, query_all
from testing.cloud import Cloud

THREADS = 4


def test_conditions_that_threads_build_at_the_same_time_are_not_mixed_up(aws: Cloud) -> None:
    """boto3 itself numbers them with one counter, which each call of its client resets."""
    table = aws.table("CONNECTIONS_TABLE")
    for thread in range(THREADS):
        for number in range(3):
            table.put_item(Item={"pk": f"room#{thread}", "sk": f"{number}", "at": number, "by": f"thread {thread}"})
    start, asked = Barrier(THREADS), list[dict[str, Any]]()

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    table.meta.client.meta.events.register_first("before-parameter-build.dynamodb.Query", note)

    def work(thread: int) -> None:
        start.wait()
        for _ in range(25):
            where = Key("pk").eq(f"room#{thread}") & Key("sk").between("0", "2")
            wanted = Attr("at").gt(0) & Attr("by").eq(f"thread {thread}")
            found = list(query_all(table, where, FilterExpression=wanted, ConsistentRead=True))
            assert [(item["pk"], item["at"]) for item in found] == [(f"room#{thread}", 1), (f"room#{thread}", 2)]
            assert get(table, {"pk": f"room#{thread}", "sk": "0"}) == {
                "pk": f"room#{thread}",
                "sk": "0",
                "at": 0,
                "by": f"thread {thread}",
            }

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
    assert len(asked) == THREADS * 25
    assert {type(params["KeyConditionExpression"]) for params in asked} == {str}
