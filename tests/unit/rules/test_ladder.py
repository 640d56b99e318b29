"""The ladder for followers, and the labels of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.model import Reading
from cairn.rules import Rule, Wording, catalogue, crossings
from cairn.rules.ladder import FOLLOWER_STEPS, Ladder, short
from cairn.zones import Zones
from testing.readings import channel_reading

LABELS = [
    *("100", "250", "500", "1K", "2.5K", "5K"),
    *("10K", "25K", "50K", "75K", "100K", "250K", "500K", "750K"),
    *("1M", "2.5M", "5M", "7.5M", "10M", "25M", "50M", "75M", "100M", "250M", "500M", "750M"),
    *("1B", "2.5B", "5B", "7.5B", "10B"),
]
SUFFIXES = {"K": 10**3, "M": 10**6, "B": 10**9}


def reading(count: int | None) -> Reading:
    return channel_reading(count, datetime(2026, 11, 20, tzinfo=UTC))


def followers(thresholds: Mapping[str, Sequence[int]] | None = None, time_zone: str = "UTC") -> Rule:
    return next(rule for rule in catalogue(thresholds, Zones.of(time_zone)) if rule.name == "subscribers")


def written(label: str) -> Decimal:
    """The number that a label stands for."""
    return Decimal(label.rstrip("KMB")) * SUFFIXES.get(label[-1], 1)


def test_the_ladder_is_the_requested_one() -> None:
    rule = followers()
    assert isinstance(rule, Ladder)
    assert [rule.label(step) for step in rule.thresholds][: len(LABELS)] == LABELS
    assert all(type(step) is int for step in rule.thresholds)


def test_the_ladder_rises() -> None:
    assert all(low < high for low, high in pairwise(FOLLOWER_STEPS))


@given(st.integers(0, 10**13))
def test_a_label_is_read_back_as_the_number_it_was_written_for(number: int) -> None:
    assert written(short(number)) == number


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_higher_count_has_passed_all_that_a_lower_one_has(one: int, other: int) -> None:
    rule = followers()
    low, high = (rule.passed(reading(count)) for count in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert list(high[: len(low)]) == list(low)


@given(st.integers(0, 10**13))
def test_what_follows_is_the_first_step_that_was_not_passed(count: int) -> None:
    rule = followers()
    above = [step for step in FOLLOWER_STEPS if step > count]
    assert rule.next_threshold(reading(count)) == (above[0] if above else None)


def test_a_hidden_count_has_passed_nothing_and_nothing_follows() -> None:
    rule = followers()
    assert rule.passed(reading(None)) is None
    assert rule.next_threshold(reading(None)) is None


def test_an_operator_may_set_the_thresholds() -> None:
    rule = followers({"subscribers": [10, 20]})
    assert rule.passed(reading(25)) == (10, 20)


@pytest.mark.parametrize("thresholds", [(), (0, 1), (5, 5), (5, 4), (-1,)])
def test_a_ladder_that_is_not_positive_and_ascending_is_rejected(thresholds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be positive and ascending"):
        Ladder("l", "channel", "subscribers", thresholds)


def test_thresholds_for_unknown_rules_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"^there is no rule named likes, views$"):
        catalogue({"views": [1], "subscribers": [1], "likes": [1]})


def test_a_milestone_without_words_of_its_own_is_worded_by_its_metric() -> None:
    rule, count = followers(), reading(1_200)
    (crossing,) = crossings(reading(900), count, [rule])
    words = Wording("subscribers", "1K subscribers", "Passed 1K subscribers.", "1K", "🎉", "bg-primary")
    assert rule.wording(crossing.milestone(count, 0, count.as_of)) == words
