"""A newer reading is never overwritten by an older one, and a repeat is harmless."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cairn.aws import dynamodb
from cairn.aws.dynamodb import UnreadableItemError
from cairn.clock import now, to_millis
from cairn.errors import ContentionError
from cairn.model import Number, Reading, Subject
from cairn.readings.stats import MAX_ATTEMPTS, Stats, to_item, to_reading
from testing.cloud import Cloud
from testing.logs import Written
from testing.outages import failing

CATS = Subject("channel", "youtube:cats")


def reading(count: Number, seconds: int = 0, subject: Subject = CATS) -> Reading:
    metrics, at = {"subscribers": count, "views": 7}, now() + timedelta(seconds=seconds)
    return Reading(subject, "Cats & <b> 🐱", metrics, at, "schedule", "t", precision={"subscribers": 10})


def test_a_reading_comes_back_as_it_was_stored(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    for value in (0, 9500, 10**14, Decimal("12345.67")):
        assert stats.record(reading(value))
        assert stats.get(CATS) == reading(value)
        assert to_reading(to_item(reading(value))) == reading(value)


def test_an_older_reading_never_overwrites_a_newer_one(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    assert stats.record(reading(200, 60))
    assert not stats.record(reading(100, 59))
    assert stats.get(CATS) == reading(200, 60)
    assert len(aws.changes()) == 1


def test_the_same_reading_again_is_the_same_reading(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    assert stats.record(reading(200))
    assert stats.record(reading(200))
    assert stats.get(CATS) == reading(200)


def test_a_subject_that_was_deleted_starts_again(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    stats.record(reading(200, 60))
    stats.delete(CATS)
    stats.delete(CATS)
    assert stats.get(CATS) is None
    assert stats.record(reading(100))
    assert [change["eventName"] for change in aws.changes()] == ["INSERT", "INSERT"]


def test_many_subjects_are_read_at_once_and_those_without_a_reading_are_left_out(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    subjects = [Subject("channel", f"youtube:{number}") for number in range(120)]
    for subject in subjects[:110]:
        stats.record(reading(5, subject=subject))
    assert set(stats.get_many(subjects)) == set(subjects[:110])
    assert stats.get_many([]) == {}


class Interrupted(Stats):
    """Another writer stores the next of `others` between each read and put."""

    def __init__(self, table: Any, others: list[Reading]) -> None:
        super().__init__(table)
        self.others = others

    def get(self, subject: Subject) -> Reading | None:
        found = super().get(subject)
        if self.others:
            assert self.record(self.others.pop(0))
        return found


def more(stored: Reading | None) -> Reading:
    """One view more than what is stored, and a millisecond later."""
    assert stored
    return replace(
        stored,
        metrics={**stored.metrics, "views": stored.metrics["views"] + 1},
        as_of=stored.as_of + timedelta(milliseconds=1),
    )


def test_a_change_includes_what_others_wrote_meanwhile(aws: Cloud) -> None:
    last = reading(300, 2)
    stats = Interrupted(aws.table("STATS_TABLE"), [reading(100), reading(200, 1), last])
    stats.record(reading(50, -1))
    old, new = stats.update(CATS, more)
    assert old == last
    assert new.metrics == {"subscribers": 300, "views": 8}
    assert stats.get(CATS) == new


def test_a_change_that_leaves_what_is_there_writes_nothing(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    stats.record(reading(50))
    aws.changes()
    old, new = stats.update(CATS, lambda stored: stored or reading(1))
    assert old is new
    assert aws.changes() == []


def test_a_change_whose_answer_was_lost_is_not_made_twice(aws: Cloud) -> None:
    """botocore repeats a put after a time-out: the condition then rejects what its own first try has stored."""
    table = dynamodb.resource().Table("stats_table")
    stats, first = Stats(table), reading(50)
    stats.record(first)
    aws.changes()
    lost = iter([True])

    def put_before(params: dict[str, Any], **_: Any) -> None:
        if next(lost, False):
            aws.table("STATS_TABLE").put_item(Item=params["Item"])

    table.meta.client.meta.events.register("provide-client-params.dynamodb.PutItem", put_before)
    old, new = stats.update(CATS, more)
    assert old == first
    assert new.metrics["views"] == 8
    assert stats.get(CATS) == new
    assert len(aws.changes()) == 1


def test_a_change_among_too_many_others_asks_to_be_tried_again(aws: Cloud) -> None:
    table = dynamodb.resource().Table("stats_table")
    Stats(table).record(reading(50))
    before = now()
    rejected = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}}
    with failing(table, "PutItem", rejected) as tries, pytest.raises(ContentionError, match="try again"):
        Stats(table).update(CATS, more)
    assert len(tries) == MAX_ATTEMPTS
    assert now() - before < timedelta(seconds=12)


FUTURE = to_millis(datetime(2090, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "changed",
    [
        {"as_of": FUTURE},
        {"as_of": 10**30},
        {"as_of": "yesterday"},
        {"as_of": None},
        {"metrics": "many"},
        {"metrics": {"subscribers": "some"}},
        {"name": 7},
        {"name": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("by", ["record", "update"])
def test_what_is_dated_in_the_future_or_unreadable_gives_way_to_the_next_reading(
    aws: Cloud, changed: dict[str, Any], by: str
) -> None:
    item = {**to_item(reading(1, -60)), **changed}
    aws.table("STATS_TABLE").put_item(Item={name: value for name, value in item.items() if value is not None})
    stats, present = Stats(aws.table("STATS_TABLE")), reading(200)
    if by == "record":
        assert stats.record(present)
    else:
        stats.update(CATS, lambda _: present)
    assert stats.get(CATS) == present
    assert not stats.record(reading(100, -1))


def test_a_few_minutes_ahead_are_a_clock_and_no_error(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    assert stats.record(reading(200, 299))
    assert not stats.record(reading(100))


def test_a_list_has_everybody_but_what_nobody_can_read(aws: Cloud, logs: Written) -> None:
    stats, dogs = Stats(aws.table("STATS_TABLE")), Subject("channel", "youtube:dogs")
    stats.record(reading(5, subject=dogs))
    aws.table("STATS_TABLE").put_item(Item={"subject": str(CATS), "metrics": [1]})
    assert set(stats.get_many([CATS, dogs])) == {dogs}
    (line,) = [line for line in logs.lines if line["message"] == "stored item unreadable"]
    assert line["key"] == str(CATS)
    with pytest.raises(UnreadableItemError, match="youtube:cats"):
        stats.get(CATS)


def test_what_was_counted_over_years_is_never_replaced_because_nobody_can_read_it(aws: Cloud) -> None:
    table, item = aws.table("STATS_TABLE"), {"subject": "user:1", "metrics": "120 replies", "as_of": 1}
    table.put_item(Item=item)
    with pytest.raises(UnreadableItemError):
        Stats(table, keep_unreadable=True).update(Subject("user", "1"), lambda _: reading(1))
    assert table.get_item(Key={"subject": "user:1"})["Item"] == item
