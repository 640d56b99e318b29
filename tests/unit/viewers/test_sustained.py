"""What has lasted is what every count of the last minute had passed: compared with all counts, kept in full."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cairn.viewers.sustained import NOTHING, Endurance, Sustained

STEPS = (10, 25, 50, 100)
MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 120)), min_size=1, max_size=40)
"""Seconds since the count before, and how many viewers it found."""


def passed(viewers: int) -> int:
    return bisect_right(STEPS, viewers)


@given(COUNTS)
def test_a_threshold_has_lasted_when_no_count_of_the_last_minute_was_below_it(counts: list[tuple[int, int]]) -> None:
    endurance, found, at = Endurance(STEPS, MINUTE), NOTHING, START
    seen: list[tuple[datetime, int]] = []
    highest = 0
    for seconds, viewers in counts:
        at += timedelta(seconds=seconds)
        seen.append((at, viewers))
        found = endurance.after(found, viewers, at)
        # The number that held when the minute began is that of the count before.
        begun = [n for n in range(len(seen)) if seen[n][0] <= at - MINUTE]
        fewest = min(viewers for _, viewers in seen[begun[-1] :]) if begun else 0
        highest = max(min(highest, viewers), fewest)
        assert passed(found.viewers) == passed(highest)
        assert found.viewers <= viewers


@given(COUNTS)
def test_little_is_remembered(counts: list[tuple[int, int]]) -> None:
    endurance, found, at = Endurance(STEPS, MINUTE), NOTHING, START
    for seconds, viewers in counts:
        at += timedelta(seconds=seconds)
        found = endurance.after(found, viewers, at)
        levels = [passed(trial.viewers) for trial in found.trials]
        assert levels == sorted(set(levels))
        assert len(levels) <= len(STEPS)


def test_the_next_decision_is_a_minute_after_the_threshold_was_passed() -> None:
    endurance = Endurance(STEPS, MINUTE)
    risen = endurance.after(NOTHING, 12, START)
    assert endurance.decided_at(risen) == START + MINUTE
    assert endurance.after(risen, 9, START + MINUTE / 2) == NOTHING
    assert endurance.after(risen, 11, START + MINUTE) == Sustained(11)
    assert endurance.decided_at(Sustained(11)) is None


def test_addresses_matter_only_near_a_threshold() -> None:
    endurance = Endurance(STEPS, MINUTE)
    assert [endurance.may_rise(Sustained(12), viewers) for viewers in (5, 12, 24, 25, 300)] == [
        *(False, False, False),
        *(True, True),
    ]
