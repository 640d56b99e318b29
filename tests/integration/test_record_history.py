"""What was read is kept once, however often the stream brings it, and each day keeps what it ended with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from cairn.history import History
from cairn.instants import to_millis
from cairn.model import Reading, Subject
from cairn.stats import Stats
from tests.support.clock import ControlledClock
from tests.support.cloud import Cloud, Context

CATS = Subject("channel", "youtube:cats")


def read(aws: Cloud, at: str, count: int) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert Stats(aws.table("STATS_TABLE")).record(
        Reading(CATS, "Cats", {"subscribers": count}, instant, "schedule", "t")
    )


def record(changes: list[dict[str, Any]]) -> Any:
    from functions.record_history.handler import handler

    context: Any = Context()
    return handler({"Records": changes}, context)


def days(aws: Cloud) -> dict[date, int]:
    found = History(aws.table("HISTORY_TABLE")).days(CATS, date(2026, 1, 1), date(2026, 12, 31))
    return {day: int(point.metrics["subscribers"]) for day, point in found.items()}


def test_a_stream_brought_again_changes_nothing(aws: Cloud, clock: ControlledClock) -> None:
    for at, count in (
        ("2026-11-20T10:00", 1),
        ("2026-11-20T22:00", 2),
        ("2026-11-21T01:00", 3),
        ("2026-11-23T01:00", 4),
    ):
        read(aws, at, count)
    changes = aws.changes()
    assert record(changes) == {"batchItemFailures": []}
    before = aws.table("HISTORY_TABLE").scan()["Items"]
    for again in (changes, changes[1:], changes[:2]):
        assert record(again) == {"batchItemFailures": []}
    assert sorted(aws.table("HISTORY_TABLE").scan()["Items"], key=str) == sorted(before, key=str)
    assert days(aws) == {date(2026, 11, 20): 2, date(2026, 11, 21): 3}
    assert len(before) == 4 + 2


def test_a_reading_is_kept_for_thirty_days_and_a_day_for_ever(aws: Cloud) -> None:
    read(aws, "2026-11-20T10:00", 1)
    read(aws, "2026-11-21T10:00", 2)
    record(aws.changes())
    items = aws.table("HISTORY_TABLE").scan()["Items"]
    kept = {
        item["sk"].partition("#")[0]: item.get("expires_at")
        for item in items
        if item["as_of"] == millis("2026-11-20T10:00")
    }
    assert kept == {"reading": millis("2026-12-20T10:00") // 1000, "day": None}


def millis(at: str) -> int:
    return to_millis(datetime.fromisoformat(at).replace(tzinfo=UTC))


def test_a_late_repeat_does_not_put_an_older_value_in_a_days_place(aws: Cloud) -> None:
    history = History(aws.table("HISTORY_TABLE"))
    at = datetime(2026, 11, 20, 22, tzinfo=UTC)
    newer = Reading(CATS, "Cats", {"subscribers": 2}, at, "schedule", "t")
    older = Reading(CATS, "Cats", {"subscribers": 1}, at.replace(hour=10), "schedule", "t")
    history.close_day(newer, at.date())
    history.close_day(older, at.date())
    assert days(aws) == {date(2026, 11, 20): 2}


def test_a_record_that_cannot_be_read_stops_what_follows_it(aws: Cloud) -> None:
    read(aws, "2026-11-20T10:00", 1)
    read(aws, "2026-11-20T11:00", 2)
    first, second = aws.changes()
    broken = {"eventID": "e", "dynamodb": {"SequenceNumber": "7", "NewImage": {"subject": {"S": "nocolon"}}}}
    assert record([first, broken, second]) == {"batchItemFailures": [{"itemIdentifier": "7"}]}
    assert len(aws.table("HISTORY_TABLE").scan()["Items"]) == 1
