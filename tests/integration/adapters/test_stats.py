"""A newer reading is never overwritten by an older one, and a repeat is no harm."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from cairn.instants import now
from cairn.model import Number, Reading, Subject
from cairn.stats import Stats, to_item, to_reading
from tests.support.cloud import Cloud

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


def test_a_subject_that_was_forgotten_begins_anew(aws: Cloud) -> None:
    stats = Stats(aws.table("STATS_TABLE"))
    stats.record(reading(200, 60))
    stats.forget(CATS)
    stats.forget(CATS)
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
