"""A few ranges of ids record when channels were last checked, and never cover a channel that was not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cairn.channels.fetching import _id_ranges
from cairn.channels.registry import Checks, HealthIssue
from tests.unit.scripted import NOON, channel

LATER = NOON + timedelta(minutes=5)


@given(st.sets(st.text("abc", min_size=1, max_size=3)), st.data())
def test_id_ranges_hold_what_was_found_and_nothing_else_that_is_tracked(ids: set[str], data: st.DataObject) -> None:
    tracked = sorted(ids)
    found = [native_id for native_id in tracked if data.draw(st.booleans())]
    ranges = _id_ranges(tracked, found)
    covered = [native_id for native_id in tracked if any(first <= native_id <= last for first, last in ranges)]
    assert covered == found
    assert ranges == sorted(ranges)


def test_a_whole_batch_is_one_range() -> None:
    assert _id_ranges(["a", "b", "c"], ["a", "b", "c"]) == [("a", "c")]
    assert _id_ranges(["a", "b", "c"], ["a", "c"]) == [("a", "a"), ("c", "c")]
    assert _id_ranges(["a"], []) == []
    assert _id_ranges([], []) == []


def test_a_channel_was_seen_when_the_last_of_its_checks_was() -> None:
    one = channel("youtube", "b")
    checks = Checks([("a", "c", LATER), ("a", "b", LATER + timedelta(1))], {"b": LATER + timedelta(seconds=1)})
    assert checks.last_found(one) == LATER + timedelta(1)
    assert checks.last_found(channel("youtube", "c")) == LATER
    assert checks.last_found(channel("youtube", "d")) is None


def test_a_check_before_a_channel_was_added_says_nothing_of_it() -> None:
    one = replace(channel("youtube", "b"), added_at=LATER)
    assert Checks([("a", "c", LATER)]).last_found(one) is None
    assert Checks([("a", "c", LATER + timedelta(seconds=1))]).last_found(one) is not None


def test_a_channel_with_a_health_issue_was_not_found() -> None:
    one = replace(channel("youtube", "b"), health_issue=HealthIssue("unknown_channel", "gone", NOON))
    assert Checks([("a", "c", LATER)], {"b": LATER}).last_found(one) is None
