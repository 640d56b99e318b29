"""The tree of counters gives the same ranks as sorting all scores, and a change updates only what it must."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.leaderboard.rank_counters import ROOT, SCORE_LIMIT, changes, higher, nodes, path, total
from cairn.model import Number

amounts = (
    st.integers(0, SCORE_LIMIT - 1) | st.decimals(0, SCORE_LIMIT - 1, places=2) | st.sampled_from([0, 9, 10, 99, 100])
)
MOST_NODES = 9


def count(scores: list[tuple[Number | None, Number | None]]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for old, new in scores:
        for node, branches in changes(old, new).items():
            for branch, by in branches.items():
                counts[node][branch] += by
    return counts


@given(st.lists(amounts, max_size=40), amounts)
def test_a_rank_is_one_more_than_there_are_higher_scores(scores: list[Number], mine: Number) -> None:
    counts = count([(None, score) for score in scores])
    assert higher(mine, counts) == sum(score > mine for score in scores)
    assert total(counts) == len(scores)


@given(st.lists(st.tuples(amounts, amounts), max_size=30), amounts)
def test_scores_that_change_leave_nothing_where_they_were(changes: list[tuple[Number, Number]], mine: Number) -> None:
    moved = count([step for old, new in changes for step in ((None, old), (old, new))])
    fresh = count([(None, new) for _, new in changes])
    assert {(n, b): c for n, by in moved.items() for b, c in by.items() if c} == {
        (n, b): c for n, by in fresh.items() for b, c in by.items()
    }
    assert higher(mine, moved) == sum(new > mine for _, new in changes)


@given(st.lists(amounts, min_size=1, max_size=10))
def test_everybody_leaves_an_empty_tree(scores: list[Number]) -> None:
    counts = count([step for score in scores for step in ((None, score), (score, None))])
    assert not any(by for branches in counts.values() for by in branches.values())


@given(amounts)
def test_a_rank_is_read_from_a_handful_of_nodes(score: Number) -> None:
    assert 2 <= len(path(score)) <= MOST_NODES
    assert nodes([score])[0] == ROOT


def test_a_small_change_alters_what_is_below_the_point_where_the_ways_part() -> None:
    assert set(changes(54_321, 54_322)) == {"07.05.43", "07.05.43.21", "07.05.43.22"}
    assert changes(54_321, 54_321) == {}


@pytest.mark.parametrize("score", [-1, Decimal("0.001"), SCORE_LIMIT, Decimal("-0.01")])
def test_what_cannot_be_a_score_is_rejected(score: Number) -> None:
    with pytest.raises(ValueError, match="a score must be from 0"):
        path(score)
