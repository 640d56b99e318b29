"""Each reading is stored once, however often the stream delivers it, and each day keeps its last values."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cairn.clock import now, to_millis
from cairn.readings.history import History
from cairn.readings.stats import Stats
from cairn.viewers.subjects import viewer_subject
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.readings import CATS, channel_reading, viewers_reading

DEMO = viewer_subject("demo")


def read(aws: Cloud, at: str, count: int) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert Stats(aws.table("STATS_TABLE")).record(channel_reading(count, instant))


def record(changes: list[dict[str, Any]]) -> Any:

    context: Any = Context()
    return FUNCTIONS["record_history"]({"Records": changes}, context)


def days(aws: Cloud) -> dict[date, int]:
    found = History(aws.table("HISTORY_TABLE")).days(CATS, date(2026, 1, 1), date(2026, 12, 31))
    return {day: int(point.metrics["subscribers"]) for day, point in found.items()}


def test_a_redelivered_stream_changes_nothing(aws: Cloud, clock: ControlledClock) -> None:
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
    newer = channel_reading(2, at)
    older = channel_reading(1, at.replace(hour=10))
    history.close_day(newer, at.date())
    history.close_day(older, at.date())
    assert days(aws) == {date(2026, 11, 20): 2}


def test_a_record_that_cannot_be_read_is_set_aside_and_stops_nothing(aws: Cloud) -> None:
    read(aws, "2026-11-20T10:00", 1)
    read(aws, "2026-11-20T11:00", 2)
    first, second = aws.changes()
    broken = {"eventID": "e", "dynamodb": {"SequenceNumber": "7", "NewImage": {"subject": {"S": "nocolon"}}}}
    assert record([first, broken, second]) == {"batchItemFailures": []}
    assert len(aws.table("HISTORY_TABLE").scan()["Items"]) == 2
    (kept,) = aws.messages("FAILURES_URL")
    assert json.loads(kept["body"])["key"] == "nocolon"


# -- live channels, which change every few seconds


def watch(aws: Cloud, at: str, viewers: int, peak: int) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    metrics = {"viewers": viewers, "connections": viewers, "peak": peak}
    assert Stats(aws.table("STATS_TABLE")).record(viewers_reading("demo", metrics, instant))


def curve(aws: Cloud, since: str = "2026-11-20T00:00", until: str = "2026-11-22T00:00") -> list[tuple[str, int]]:
    """Times, and how many watched."""
    first, last = (datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (since, until))
    points, _ = History(aws.table("HISTORY_TABLE")).readings(DEMO, first, last, now(), 100, None)
    return [(point.at.strftime("%H:%M:%S"), int(point.metrics["viewers"])) for point in points]


def test_a_live_channel_keeps_the_last_reading_of_a_minute(aws: Cloud, clock: ControlledClock) -> None:
    for second, viewers in ((0, 1), (2, 2), (59, 3)):
        watch(aws, f"2026-11-20T10:00:{second:02}", viewers, viewers)
    watch(aws, "2026-11-20T10:01:00", 4, 4)
    watch(aws, "2026-11-20T10:03:30.250", 5, 5)
    assert record(aws.changes()) == {"batchItemFailures": []}
    assert curve(aws) == [("10:00:59", 3), ("10:01:00", 4), ("10:03:30", 5)]


def test_a_redelivered_minute_stays_as_it_was(aws: Cloud, clock: ControlledClock) -> None:
    for second in range(10, 60, 10):
        watch(aws, f"2026-11-20T10:00:{second}", second, 50)
    changes = aws.changes()
    record(changes)
    for again in (changes, changes[:1], changes[2:4]):
        assert record(again) == {"batchItemFailures": []}
        assert curve(aws) == [("10:00:50", 50)]


def test_a_curve_begins_and_ends_as_requested(aws: Cloud, clock: ControlledClock) -> None:
    for minute, viewers in ((0, 1), (1, 2), (2, 3)):
        watch(aws, f"2026-11-20T10:0{minute}:40", viewers, viewers)
    record(aws.changes())
    assert curve(aws, "2026-11-20T10:00:30", "2026-11-20T10:02:30") == [("10:00:40", 1), ("10:01:40", 2)]
    assert curve(aws, "2026-11-20T10:00:41", "2026-11-20T10:02:40") == [("10:01:40", 2), ("10:02:40", 3)]


def test_a_curve_is_gone_after_thirty_days(aws: Cloud, clock: ControlledClock) -> None:
    watch(aws, "2026-11-20T10:00:40", 1, 1)
    record(aws.changes())
    clock.advance_to(datetime(2026, 11, 20, 10, 0, 39, tzinfo=UTC) + timedelta(days=30))
    assert curve(aws) == [("10:00:40", 1)]
    clock.sleep(1)
    assert curve(aws) == []


def test_a_day_of_a_live_channel_keeps_its_peak(aws: Cloud, clock: ControlledClock) -> None:
    watch(aws, "2026-11-20T21:00:00", 70, 70)
    watch(aws, "2026-11-20T23:59:58", 2, 70)
    watch(aws, "2026-11-21T00:00:04", 1, 2)
    changes = aws.changes()
    for again in (changes, changes[1:]):
        assert record(again) == {"batchItemFailures": []}
    found = History(aws.table("HISTORY_TABLE")).days(DEMO, date(2026, 11, 1), date(2026, 11, 30))
    assert {day: dict(point.metrics) for day, point in found.items()} == {
        date(2026, 11, 20): {"viewers": 2, "connections": 2, "peak": 70}
    }
