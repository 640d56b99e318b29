"""A jump is implausible when it is large in both ways: many times what was, and many more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.channels.plausibility import Plausibility, watched

COUNTS = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("before", "after", "implausible"),
    [
        (9_900, 990_000, True),
        (1_000, 20_001, True),
        (1_000, 20_000, False),  # 20 times as many, not more
        (500, 10_501, True),
        (500, 10_500, False),  # 10,000 more, not more than that
        (100, 9_000, False),
        (100_000, 1_900_000, False),
        (0, 10_001, True),
        (990_000, 12, False),
    ],
)
def test_a_jump_is_implausible_beyond_both_thresholds(before: int, after: int, implausible: bool) -> None:
    found = Plausibility().implausible({"subscribers": before}, {"subscribers": after})
    assert found == ({"subscribers": after} if implausible else {})


def test_both_thresholds_are_settings() -> None:
    assert Plausibility(5, 100).implausible({"subscribers": 100}, {"subscribers": 501})
    assert not Plausibility(200, 100).implausible({"subscribers": 100}, {"subscribers": 501})


def test_a_count_that_was_unknown_did_not_jump() -> None:
    assert Plausibility().implausible({}, {"subscribers": 10**9}) == {}


def test_only_what_is_announced_has_to_be_confirmed() -> None:
    assert watched({"subscribers": 5, "views": 7, "videos": 9}) == {"subscribers": 5}
    assert Plausibility().implausible({"views": 1}, {"views": 10**9}) == {}


@given(COUNTS, COUNTS)
def test_two_readings_confirm_each_other_or_neither_does(one: int, other: int) -> None:
    plausibility = Plausibility()
    first, second = {"subscribers": one}, {"subscribers": other}
    assert plausibility.agree(first, second) == plausibility.agree(second, first)
    assert plausibility.agree(first, first)
    assert not (plausibility.implausible(first, second) and plausibility.agree(first, second))
