"""One item that nobody can read is left out of a list, whichever it is, and everybody else is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.rows import Row
from cairn.model import Subject
from cairn.readings.history import History
from cairn.readings.milestones import Milestones
from testing.cloud import Cloud
from testing.logs import Written
from testing.readings import CATS, channel_milestone, channel_reading

DAY = timedelta(days=1)
Listed = Callable[[Any], Iterable[object]]


def keys(table: Any) -> list[object]:
    ApiKeys(table).create("ours", ["admin"], now())
    return list(ApiKeys(table).list())


def board(table: Any) -> list[object]:
    boards = Boards(table, table)
    boards.store(Row(Subject("rep", "7"), "Ada", "2026-11", {"monthly_revenue": 5}, {}, now()))
    return list(boards.page(None, 10).rows)


def history(table: Any) -> list[object]:
    History(table).add(channel_reading(5))
    points, _ = History(table).readings(CATS, now() - DAY, now() + DAY, now(), 10, None)
    return list(points)


def milestones(table: Any) -> list[object]:
    Milestones(table).record(channel_milestone())
    return list(Milestones(table).page(CATS, now() - DAY, now() + DAY, 10, None).items)


@pytest.mark.parametrize(
    ("variable", "key", "listed"),
    [
        ("AUDIENCE_TABLE", {"pk": "keys", "sk": "key#0"}, keys),
        ("BOARD_TABLE", {"pk": "board", "sk": 9, "score": 1}, board),
        (
            "HISTORY_TABLE",
            {"pk": str(CATS), "sk": "reading#2026-11-20T12:00:00.001Z", "expires_at": 2**40},
            history,
        ),
        ("MILESTONES_TABLE", {"pk": str(CATS), "sk": "milestone#2026-11-20T12:00:00.001Z#r#p#1"}, milestones),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list_leaves_out_what_nobody_can_read(
    aws: Cloud, logs: Written, variable: str, key: dict[str, Any], listed: Listed
) -> None:
    aws.table(variable).put_item(Item={**key, "added_by": "hand"})
    assert len(list(listed(aws.table(variable)))) == 1
    lines = [line for line in logs.lines if line["message"] == "stored item unreadable"]
    assert {line["key"] for line in lines} == {f"{key['pk']} {key['sk']}"}
    assert {line["level"] for line in lines} == {"ERROR"}
