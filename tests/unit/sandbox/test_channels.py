"""Counts are a pure function of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sandbox.channels import Channel, Channels, derived_id
from local.sandbox.youtube import rounded


def channel(count: float, growth: float = 0, set_at: float = 100) -> Channel:
    return Channel("youtube", "a", "UC1", "A", set_at, count, growth)


def test_a_count_grows_by_the_second_from_when_it_was_set() -> None:
    assert [channel(10, 0.5).count(now) for now in (100, 101, 102, 110)] == [10, 10, 11, 15]


def test_reading_a_count_changes_nothing() -> None:
    growing = channel(10, 3)
    assert [growing.count(105) for _ in range(3)] == [25, 25, 25]


def test_a_count_may_fall_but_not_below_zero() -> None:
    assert channel(10, -3).count(102) == 4
    assert channel(10, -3).count(200) == 0


def test_a_new_rate_continues_from_the_present_count() -> None:
    growing = channel(10, 0.5)
    growing.set_growth(103, growth_per_second=1)
    assert growing.count(103.5) == 12


def test_a_new_count_keeps_the_rate() -> None:
    growing = channel(10, 2)
    growing.set_growth(103, count=1000)
    assert growing.count(104) == 1002


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, 0),
        (7, 7),
        (999, 999),
        (1000, 1000),
        (1234, 1230),
        (10_486, 10_400),
        (99_999, 99_900),
        (1_234_567, 1_230_000),
    ],
)
def test_youtube_rounds_down_to_three_significant_figures(count: int, shown: int) -> None:
    assert rounded(count) == shown


@given(st.integers(min_value=0, max_value=10**12))
def test_rounding_never_reaches_a_threshold_early_nor_misses_one_of_three_figures(count: int) -> None:
    assert rounded(count) <= count
    assert len(str(rounded(count)).rstrip("0")) <= 3
    assert rounded(rounded(count)) == rounded(count)


def test_handles_are_found_with_and_without_the_at_sign_in_any_case() -> None:
    channels = Channels()
    channels.add(channel(1))
    assert channels.by_handle("youtube", "@A") is channels.by_handle("youtube", "a") is not None
    assert channels.by_handle("telegram", "a") is None


def test_ids_look_like_the_platforms_own_and_stay_the_same() -> None:
    assert len(derived_id("youtube", "@Stone")) == 24
    assert derived_id("youtube", "@Stone") == derived_id("youtube", "stone")
    assert derived_id("telegram", "stone").startswith("-100")
    assert derived_id("instagram", "stone").startswith("1784")
